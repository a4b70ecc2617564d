//! Reading the configuration file again while its gateway serves.

use std::path::{Path, PathBuf};

use l402::text::escape;
use l402_gateway::{Config, ConfigError, Gateway, Overrides};
use l402_host::Clock;

use super::watch::{Marks, Watch};
use crate::signal::Hangup;

/// A configuration file, with the settings of the command line that win over it.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    overrides: Overrides,
    watch: Watch,
}

impl ConfigFile {
    /// Reads and checks a file for the first time.
    ///
    /// # Errors
    /// All mistakes found in it.
    pub(crate) fn open(
        path: PathBuf,
        overrides: Overrides,
    ) -> Result<(Self, Config), Vec<ConfigError>> {
        let (config, marks) = read(&path, &overrides);
        let watch = Watch::new(marks);
        let file = Self {
            path,
            overrides,
            watch,
        };
        Ok((file, config?))
    }

    /// Reloads the configuration of the gateway at each SIGHUP and each change of the file or
    /// of the certificates it names. Never ends; may be dropped at any time.
    pub(super) async fn follow(mut self, gateway: &Gateway, mut hangup: Hangup, clock: &dyn Clock) {
        loop {
            let asked = tokio::select! {
                () = hangup.next() => true,
                () = tokio::time::sleep(self.watch.pause()) => false,
            };
            // A few system calls and, rarely, small files; the gateway's workers are other threads.
            tokio::task::block_in_place(|| {
                let marks = self.watch.marks();
                if asked || self.watch.look(clock.monotonic(), marks) {
                    self.reload(gateway);
                }
            });
        }
    }

    /// Reads the file and hands it to the gateway. Says in the log what became of it.
    fn reload(&mut self, gateway: &Gateway) {
        let (config, marks) = read(&self.path, &self.overrides);
        // Also if it has mistakes: they are told once, and again if somebody changes something.
        self.watch = Watch::new(marks);
        let file = escape(&self.path.display().to_string());
        let reloaded = match config {
            Ok(config) => gateway.reload(config),
            Err(mistakes) => {
                for mistake in &mistakes {
                    tracing::error!("not reloaded: {}", escape(&mistake.to_string()));
                }
                return;
            }
        };
        match reloaded {
            Ok(reloaded) => {
                tracing::info!("reloaded {file}");
                gateway.check_upstreams();
                for key in reloaded.waiting_for_restart() {
                    tracing::warn!("{file}: {key} has changed, and waits for a restart");
                }
            }
            Err(error) => tracing::error!("not reloaded: {file}: {}", escape(&error.to_string())),
        }
    }
}

/// Reads and checks a file. The marks are those of the file, and of the certificates that it names,
/// before each of them is read: what is changed in between is seen at the next look. The schemas that it
/// names are read with it, and marked at once after that.
fn read(path: &Path, overrides: &Overrides) -> (Result<Config, Vec<ConfigError>>, Marks) {
    let mut marks = Marks::default();
    marks.look_at(path);
    let config = Config::from_file_with(path, overrides);
    if let Ok(config) = &config {
        let named = config.certificate_files();
        for file in named.into_iter().chain(config.schema_files()) {
            marks.look_at(file);
        }
    }
    (config, marks)
}
