//! The info event (kind 13194), in which a wallet service says what it can do.

use nostr::{Event, PublicKey};

use super::encryption::Encryption;
use super::event::{EventError, kind, tag, verified};

/// The abilities of a wallet service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Info {
    /// The methods that it answers, such as `make_invoice`.
    pub(crate) methods: Vec<String>,
    /// The notifications that it sends, such as `payment_received`.
    pub(crate) notifications: Vec<String>,
    /// The encryptions that it reads; empty if it reads none that is known here.
    pub(crate) encryptions: Vec<Encryption>,
}

impl Info {
    /// Reads the info event of `wallet`.
    pub(crate) fn read(event: &Event, wallet: &PublicKey) -> Result<Self, EventError> {
        verified(event, wallet, &[kind::INFO])?;
        let notifications = tag(event, "notifications")
            .map(split_words)
            .unwrap_or_default();
        let encryptions = match tag(event, "encryption") {
            // Some wallets write each name as a value of its own.
            Some(_) => event
                .tags
                .iter()
                .map(nostr::Tag::as_slice)
                .filter(|tag| tag.first().is_some_and(|name| name == "encryption"))
                .flat_map(|tag| tag.iter().skip(1))
                .flat_map(|names| names.split_whitespace())
                .filter_map(Encryption::named)
                .collect(),
            // A wallet from before the tag.
            None => vec![Encryption::Nip04],
        };
        Ok(Self {
            methods: split_words(&event.content),
            notifications,
            encryptions,
        })
    }

    /// Returns the encryption to use with this wallet, the better one if it reads both.
    pub(crate) fn encryption(&self) -> Option<Encryption> {
        [Encryption::Nip44, Encryption::Nip04]
            .into_iter()
            .find(|known| self.encryptions.contains(known))
    }

    /// Returns true if the wallet says that it sends notifications of this type.
    pub(crate) fn notifies(&self, notification: &str) -> bool {
        self.notifications.iter().any(|named| named == notification)
    }
}

fn split_words(text: &str) -> Vec<String> {
    // Some wallets separate by commas.
    text.split(|c: char| c.is_whitespace() || c == ',')
        .filter(|word| !word.is_empty())
        .map(ToOwned::to_owned)
        .collect()
}
