//! The program, as the gateway's listener for operators sees it.

use std::path::Path;
use std::sync::Arc;

use l402_gateway::{Gateway, NotReloaded, Overrides, Program, Reloaded};
use tokio::sync::Notify;

use super::ConfigFile;

/// The file of the gateway, and the end that an operator asks for.
#[derive(Debug)]
pub(super) struct ServingProgram {
    file: Option<Arc<ConfigFile>>,
    stop: Notify,
}

impl ServingProgram {
    pub(super) fn new(file: Option<Arc<ConfigFile>>) -> Self {
        Self {
            file,
            stop: Notify::new(),
        }
    }

    /// Waits until an operator asks for the end.
    pub(super) async fn stop_requested(&self) {
        self.stop.notified().await;
    }
}

impl Program for ServingProgram {
    fn file(&self) -> Option<(&Path, &Overrides)> {
        self.file.as_ref().map(|file| file.named())
    }

    fn reload(&self, gateway: &Gateway) -> Result<Reloaded, NotReloaded> {
        let file = self.file.as_ref().ok_or(NotReloaded::NoFile)?;
        file.reload(gateway)
    }

    fn stop(&self) {
        self.stop.notify_one();
    }
}
