//! The parts that every route has at hand.

use std::sync::Arc;

use super::openapi;
use super::settings::{AdminToken, ApiSettings};
use crate::api::counters::Counters;
use crate::desk::Registry;

/// The parts that every route has at hand.
pub(super) struct ApiState {
    pub(super) registry: Registry,
    pub(super) admin: Option<AdminToken>,
    pub(super) counters: Arc<Counters>,
    /// The document of this API, which never changes while it runs.
    pub(super) openapi: Vec<u8>,
}

impl ApiState {
    pub(super) fn new(registry: Registry, settings: &ApiSettings) -> Self {
        let openapi = openapi::document(&registry.options().public_url);
        Self {
            registry,
            admin: settings.admin.clone(),
            counters: Arc::clone(&settings.counters),
            openapi,
        }
    }
}
