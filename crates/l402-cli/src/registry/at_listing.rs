//! What a command about one listing has at hand.

use super::at::Subject;
use super::client::RegistryClient;
use super::key::KeyPlace;
use crate::context::Context;
use crate::text::output::Output;

/// One listing, the registry that has it, and the surroundings of the command that is about it.
pub(crate) struct AtListing<'a> {
    pub(crate) client: RegistryClient,
    pub(crate) subject: Subject,
    pub(crate) context: &'a Context,
    pub(crate) out: Output,
}

impl AtListing<'_> {
    /// Returns the name of the listing.
    pub(super) fn id(&self) -> String {
        self.subject.id.to_string()
    }

    /// Returns the address of the page of the listing.
    pub(super) fn page(&self) -> String {
        self.client.page_of(&self.id())
    }

    /// Returns the place of its keys in the home folder.
    pub(super) fn keys(&self) -> KeyPlace {
        KeyPlace::of(&self.client, self.subject.id, self.context)
    }
}
