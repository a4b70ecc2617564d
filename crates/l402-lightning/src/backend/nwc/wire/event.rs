//! The events as the client writes and reads them. Everything read is checked: signature, author,
//! kind, and the addressee.

use core::fmt;

use l402::UnixTime;
use nostr::{Event, EventBuilder, EventId, Keys, Kind, PublicKey, Tag, Timestamp};

use super::encryption::Encryption;
use super::payload::{Notification, Request, Response};

/// The kinds of events of NIP-47.
pub(crate) mod kind {
    /// The abilities of a wallet service; replaceable.
    pub(crate) const INFO: u16 = 13194;
    /// A request of a client.
    pub(crate) const REQUEST: u16 = 23194;
    /// The answer of a wallet service.
    pub(crate) const RESPONSE: u16 = 23195;
    /// A notification of a wallet service, encrypted by NIP-04.
    pub(crate) const NOTIFICATION_NIP04: u16 = 23196;
    /// A notification of a wallet service, encrypted by NIP-44.
    pub(crate) const NOTIFICATION: u16 = 23197;
}

/// The reason why an event does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventError {
    /// Another author than expected.
    Author,
    /// The addressee is somebody else, or not named.
    Addressee,
    /// A content that cannot be decrypted, or encrypted.
    Encryption,
    /// Another kind than expected.
    Kind,
    /// A content that is not what NIP-47 says.
    Payload,
    /// The tag `e` with the request's id is missing.
    RequestId,
    /// The id or the signature is wrong.
    Signature,
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Author => "another author",
            Self::Addressee => "another addressee",
            Self::Encryption => "an encryption that does not open",
            Self::Kind => "another kind of event",
            Self::Payload => "content that is not understood",
            Self::RequestId => "no id of a request",
            Self::Signature => "a wrong signature",
        })
    }
}

impl std::error::Error for EventError {}

/// The two parties of an event, and how they encrypt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addressed<'a> {
    /// The author, who signs.
    pub(crate) from: &'a Keys,
    /// The addressee.
    pub(crate) to: &'a PublicKey,
    /// The encryption between them.
    pub(crate) encryption: Encryption,
}

impl Addressed<'_> {
    /// Signs an event of this kind at `now`, whose content is `text`, encrypted.
    pub(super) fn event(
        &self,
        kind: u16,
        text: &str,
        now: UnixTime,
        tags: impl IntoIterator<Item = Tag>,
    ) -> Result<Event, EventError> {
        let content = self.encryption.encrypt(self.from, self.to, text)?;
        EventBuilder::new(Kind::from_u16(kind), content)
            .tag(Tag::public_key(*self.to))
            .tags(tags)
            .custom_created_at(Timestamp::from_secs(now.secs()))
            .sign_with_keys(self.from)
            .map_err(|_| EventError::Signature)
    }
}

/// Builds the event of a request. After `expiration` the wallet must not begin it.
pub(crate) fn new_request(
    parties: Addressed<'_>,
    request: &Request,
    now: UnixTime,
    expiration: Option<UnixTime>,
) -> Result<Event, EventError> {
    let text = serde_json::to_string(request).map_err(|_| EventError::Payload)?;
    let mut tags = vec![new_tag("encryption", parties.encryption.name())];
    if let Some(end) = expiration {
        tags.push(Tag::expiration(Timestamp::from_secs(end.secs())));
    }
    parties.event(kind::REQUEST, &text, now, tags)
}

/// Opens an answer of `wallet` to us, and returns the id of the request that it answers.
pub(crate) fn open_response(
    keys: &Keys,
    wallet: &PublicKey,
    encryption: Encryption,
    event: &Event,
) -> Result<(EventId, Response), EventError> {
    verified(event, wallet, &[kind::RESPONSE])?;
    addressed_to(event, &keys.public_key())?;
    let request = tag(event, "e").and_then(|id| EventId::from_hex(id).ok());
    let request = request.ok_or(EventError::RequestId)?;
    let text = encryption.decrypt(keys, wallet, &event.content)?;
    let response = serde_json::from_str(&text).map_err(|_| EventError::Payload)?;
    Ok((request, response))
}

/// Opens a notification of `wallet` to us. The kind says the encryption.
pub(crate) fn open_notification(
    keys: &Keys,
    wallet: &PublicKey,
    event: &Event,
) -> Result<Notification, EventError> {
    verified(
        event,
        wallet,
        &[kind::NOTIFICATION, kind::NOTIFICATION_NIP04],
    )?;
    addressed_to(event, &keys.public_key())?;
    let encryption = if event.kind.as_u16() == kind::NOTIFICATION {
        Encryption::Nip44
    } else {
        Encryption::Nip04
    };
    let text = encryption.decrypt(keys, wallet, &event.content)?;
    serde_json::from_str(&text).map_err(|_| EventError::Payload)
}

/// Checks kind, author and signature.
pub(super) fn verified(event: &Event, author: &PublicKey, kinds: &[u16]) -> Result<(), EventError> {
    if !kinds.contains(&event.kind.as_u16()) {
        return Err(EventError::Kind);
    }
    // Before the signature, which takes longer: anybody may send events by the thousand.
    if event.pubkey != *author {
        return Err(EventError::Author);
    }
    event.verify().map_err(|_| EventError::Signature)
}

/// Checks that the event names `key` as its addressee.
pub(super) fn addressed_to(event: &Event, key: &PublicKey) -> Result<(), EventError> {
    let is_named = tag(event, "p").is_some_and(|named| named.eq_ignore_ascii_case(&key.to_hex()));
    is_named.then_some(()).ok_or(EventError::Addressee)
}

/// Returns the first value of the first tag of this name.
pub(super) fn tag<'a>(event: &'a Event, name: &str) -> Option<&'a str> {
    event.tags.iter().find_map(|tag| match tag.as_slice() {
        [key, value, ..] if key == name => Some(value.as_str()),
        _ => None,
    })
}

pub(super) fn new_tag(name: &'static str, value: impl Into<String>) -> Tag {
    Tag::custom(nostr::TagKind::custom(name), [value.into()])
}
