//! A process that ends with the test, and whose log is shown if the test fails.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The number of checks whether a program has ended, and the time between two of them.
const LOOKS: u32 = 500;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// The number of last lines of a log that are shown.
const SHOWN: usize = 60;

/// A process of the test.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts the program with both its outputs appended to `NAME.log` in this folder, which is
    /// also its home.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(name: &str, folder: &Path, mut command: Command) -> Self {
        let log = folder.join(format!("{name}.log"));
        let out = File::options().create(true).append(true).open(&log);
        let out = out.expect("a log can be written");
        command
            .env("HOME", folder)
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a second handle"))
            .stderr(out);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self {
            name: name.to_owned(),
            child,
            log,
        }
    }

    /// Returns the log so far.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Asks the program to end (SIGTERM), as a service manager does.
    pub fn ask_to_end(&self) {
        let _ = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .stderr(Stdio::null())
            .status();
    }

    /// Ends the program and waits for the end.
    ///
    /// # Panics
    /// If the wait panics.
    pub async fn end(self) {
        let ended = tokio::task::spawn_blocking(move || drop(self));
        ended.await.expect("its end is waited for");
    }

    /// Checks that the program still runs.
    ///
    /// # Panics
    /// If it has ended.
    pub fn must_run(&mut self) {
        let ended = self.child.try_wait().expect("it can be asked");
        if let Some(status) = ended {
            panic!("{} ended, {status}", self.name);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.ask_to_end();
        }
        for _ in 0..LOOKS {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        // A program that has not ended by now is killed, so that no test leaves one behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines
                .get(lines.len().saturating_sub(SHOWN)..)
                .unwrap_or(&[]);
            eprintln!("--- {}, its last lines:\n{}", self.name, last.join("\n"));
        }
    }
}
