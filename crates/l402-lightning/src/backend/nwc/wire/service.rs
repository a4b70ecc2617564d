//! The wallet's side of the events.

use l402::UnixTime;
use nostr::{Event, EventBuilder, EventId, Keys, Kind, PublicKey, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::encryption::Encryption;
use super::event::{Addressed, EventError, addressed_to, kind, new_tag, tag, verified};
use super::info::Info;
use super::payload::{ErrorCode, Notification, Request, Response, Secret, WalletError};
use super::uri::Connection;

/// A request as it reached the wallet service. `client` must still be one that it knows.
#[derive(Debug)]
pub(crate) struct IncomingRequest {
    /// The id, which the answer names.
    pub(crate) id: EventId,
    /// The author.
    pub(crate) client: PublicKey,
    /// The encryption of the request, and so of the answer.
    pub(crate) encryption: Encryption,
    /// The time after which the request must not be begun.
    pub(crate) expiration: Option<UnixTime>,
    /// The method, as it was written.
    pub(crate) method: String,
    /// The request, or the answer for one that cannot be read.
    pub(crate) request: Result<Request, WalletError>,
}

#[derive(Deserialize)]
struct RawRequest {
    method: String,
    #[serde(default)]
    params: Value,
}

/// Opens a request to the wallet service with `keys`.
pub(crate) fn open_request(keys: &Keys, event: &Event) -> Result<IncomingRequest, EventError> {
    let client = event.pubkey;
    verified(event, &client, &[kind::REQUEST])?;
    addressed_to(event, &keys.public_key())?;
    // A client from before the tag.
    let encryption = tag(event, "encryption").map_or(Some(Encryption::Nip04), Encryption::named);
    let encryption = encryption.ok_or(EventError::Encryption)?;
    let text = encryption.decrypt(keys, &client, &event.content)?;
    let raw: RawRequest = serde_json::from_str(&text).map_err(|_| EventError::Payload)?;
    let expiration = tag(event, "expiration").map(str::parse).transpose();
    Ok(IncomingRequest {
        id: event.id,
        client,
        encryption,
        // An expiration that cannot be read has passed.
        expiration: expiration.unwrap_or(Some(0)).map(UnixTime::from_secs),
        request: read(&raw),
        method: raw.method,
    })
}

fn read(raw: &RawRequest) -> Result<Request, WalletError> {
    // Clients leave parameters out if the method has none.
    let params = if raw.params.is_null() {
        json!({})
    } else {
        raw.params.clone()
    };
    let error = |code, message: &str| WalletError {
        code,
        message: message.to_owned(),
    };
    let read = serde_json::from_value(json!({ "method": raw.method, "params": params }));
    read.map_err(|_: serde_json::Error| match raw.method.as_str() {
        #[cfg(feature = "pay")]
        "pay_invoice" => error(ErrorCode::Other, "parameters that are not understood"),
        "get_balance" | "get_info" | "list_transactions" | "lookup_invoice" | "make_invoice" => {
            error(ErrorCode::Other, "parameters that are not understood")
        }
        _ => error(ErrorCode::NotImplemented, "no such method here"),
    })
}

/// Builds the answer to a request, from the wallet service with `keys`.
pub(crate) fn new_response(
    keys: &Keys,
    request: &IncomingRequest,
    answer: Result<Value, WalletError>,
    now: UnixTime,
) -> Result<Event, EventError> {
    let (result, error) = match answer {
        Ok(result) => (Some(Secret(result)), None),
        Err(error) => (None, Some(error)),
    };
    let response = Response {
        result_type: request.method.clone(),
        error,
        result,
    };
    let text = serde_json::to_string(&response).map_err(|_| EventError::Payload)?;
    let parties = Addressed {
        from: keys,
        to: &request.client,
        encryption: request.encryption,
    };
    let tags = [new_tag("e", request.id.to_hex())];
    parties.event(kind::RESPONSE, &text, now, tags)
}

/// Builds a notification. The encryption decides its kind.
pub(crate) fn new_notification(
    parties: Addressed<'_>,
    notification: &Notification,
    now: UnixTime,
) -> Result<Event, EventError> {
    let text = serde_json::to_string(notification).map_err(|_| EventError::Payload)?;
    let kind = match parties.encryption {
        Encryption::Nip44 => kind::NOTIFICATION,
        Encryption::Nip04 => kind::NOTIFICATION_NIP04,
    };
    parties.event(kind, &text, now, [])
}

/// Builds the info event of the wallet service with `keys`. Without `tag_encryption` it is that of
/// a wallet from before the tag, which reads NIP-04 alone.
pub(crate) fn new_info(
    keys: &Keys,
    info: &Info,
    tag_encryption: bool,
    now: UnixTime,
) -> Result<Event, EventError> {
    let mut tags = Vec::new();
    if tag_encryption {
        let names: Vec<&str> = info.encryptions.iter().map(|one| one.name()).collect();
        tags.push(new_tag("encryption", names.join(" ")));
    }
    if !info.notifications.is_empty() {
        tags.push(new_tag("notifications", info.notifications.join(" ")));
    }
    EventBuilder::new(Kind::from_u16(kind::INFO), info.methods.join(" "))
        .tags(tags)
        .custom_created_at(Timestamp::from_secs(now.secs()))
        .sign_with_keys(keys)
        .map_err(|_| EventError::Signature)
}

/// Writes the URI of a connection, which is a secret.
pub(crate) fn write_uri(connection: &Connection) -> Zeroizing<String> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for relay in &connection.relays {
        query.append_pair("relay", relay.as_str());
    }
    let secret = Zeroizing::new(connection.keys.secret_key().to_secret_hex());
    query.append_pair("secret", &secret);
    let query = Zeroizing::new(query.finish());
    let wallet = connection.wallet.to_hex();
    Zeroizing::new(format!("nostr+walletconnect://{wallet}?{}", *query))
}
