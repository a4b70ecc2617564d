//! The exporter of a program that is built without one.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use url::Url;

use super::span::Span;
use super::traces::TraceCounts;
use crate::config::TraceSettings;

/// An exporter that there is none of: the configuration names no collector.
#[derive(Debug)]
pub(super) enum Export {}

impl Export {
    /// Returns the text of what is wrong.
    pub(super) fn new(
        _: &Url,
        _: &TraceSettings,
        _: mpsc::Receiver<Span>,
        _: mpsc::Receiver<oneshot::Sender<()>>,
        _: &Arc<TraceCounts>,
    ) -> Result<Self, String> {
        Err("this program is built without traces".to_owned())
    }

    pub(super) async fn run(self) {
        match self {}
    }
}
