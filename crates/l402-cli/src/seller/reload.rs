//! Reading the configuration file again while its gateway serves.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use l402::text::escape;
use l402_gateway::{AdminServer, Config, ConfigError, Gateway, NotReloaded, Overrides, Reloaded};
use l402_host::Clock;

use super::watch::{Marks, Watch};
use crate::signal::Hangup;

/// A configuration file, with the settings of the command line that win over it.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    overrides: Overrides,
    /// Held by the caller who reads the file: of two at once, the later one finds what the earlier one left.
    watch: Mutex<Watch>,
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
        let watch = Mutex::new(Watch::new(marks));
        let file = Self {
            path,
            overrides,
            watch,
        };
        Ok((file, config?))
    }

    /// The path, and the settings of the command line.
    pub(super) fn named(&self) -> (&Path, &Overrides) {
        (&self.path, &self.overrides)
    }

    /// Reloads the configuration of the gateway at each SIGHUP and each change of the file or
    /// of the certificates it names, and writes that into the audit log of operators. Never ends; may be
    /// dropped at any time.
    pub(super) async fn follow(
        &self,
        gateway: &Gateway,
        admin: Option<&AdminServer>,
        mut hangup: Hangup,
        clock: &dyn Clock,
    ) {
        loop {
            let pause = self.watch().pause();
            let asked = tokio::select! {
                () = hangup.next() => true,
                () = tokio::time::sleep(pause) => false,
            };
            // A few system calls and, rarely, small files; the gateway's workers are other threads.
            tokio::task::block_in_place(|| {
                let mut watch = self.watch();
                let marks = watch.marks();
                if asked || watch.look(clock.monotonic(), marks) {
                    let outcome = self.reload_held(gateway, &mut watch);
                    drop(watch);
                    if let Some(admin) = admin {
                        let why = outcome.err().map(|error| error.to_string());
                        admin.note_reload(why.as_deref().map_or(Ok(()), Err));
                    }
                }
            });
        }
    }

    /// Reads the file and hands it to the gateway, also if it has not changed. Says in the log what became
    /// of it.
    ///
    /// # Errors
    /// [`NotReloaded`] if nothing has changed.
    pub(super) fn reload(&self, gateway: &Gateway) -> Result<Reloaded, NotReloaded> {
        self.reload_held(gateway, &mut self.watch())
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reload_held(&self, gateway: &Gateway, watch: &mut Watch) -> Result<Reloaded, NotReloaded> {
        let (config, marks) = read(&self.path, &self.overrides);
        // Also if it has mistakes: they are told once, and again if somebody changes something.
        *watch = Watch::new(marks);
        let file = escape(&self.path.display().to_string());
        let config = config.map_err(|mistakes| {
            let texts: Vec<String> = mistakes.iter().map(|it| escape(&it.to_string())).collect();
            for text in &texts {
                tracing::error!("not reloaded: {text}");
            }
            gateway.reject_configuration(&file, &texts.join("; "));
            NotReloaded::Mistakes(mistakes)
        })?;
        let reloaded = gateway.reload(config).map_err(|error| {
            let text = error.to_string();
            tracing::error!("not reloaded: {file}: {}", escape(&text));
            gateway.reject_configuration(&file, &text);
            NotReloaded::Refused(error)
        })?;
        tracing::info!("reloaded {file}");
        gateway.check_upstreams();
        for key in reloaded.waiting_for_restart() {
            tracing::warn!("{file}: {key} has changed, and waits for a restart");
        }
        Ok(reloaded)
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
