//! The program `l402` as its users run it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::{Program, TIME_LIMIT, until};

/// The program `l402` with a home folder of its own.
#[derive(Debug)]
pub struct L402 {
    folder: PathBuf,
}

/// The result of a finished run.
#[derive(Debug)]
pub struct Ended {
    /// The exit status.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl L402 {
    /// Creates the home folder `NAME` below `folder`.
    ///
    /// # Panics
    /// If the folder cannot be written.
    #[must_use]
    pub fn new(name: &str, folder: &Path) -> Self {
        let folder = folder.join(name);
        std::fs::create_dir(&folder).expect("a folder can be made");
        Self { folder }
    }

    /// Runs the program to its end, for at most a minute.
    ///
    /// # Panics
    /// If the program does not start, does not end, or prints something that is no text.
    pub async fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = tokio::process::Command::from(self.command(arguments));
        let ending = command.kill_on_drop(true).output();
        let output = tokio::time::timeout(TIME_LIMIT, ending).await;
        let output = output.expect("l402 ends").expect("l402 starts");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Ended {
            status: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Serves this configuration; returns the process, and the address on which it listens.
    ///
    /// # Panics
    /// If it does not listen within a minute.
    pub async fn serve(&self, configuration: &str) -> (Program, String) {
        let file = self.folder.join("l402.toml");
        std::fs::write(&file, configuration).expect("a file can be written");
        let file = file.to_str().expect("a path that is text");
        self.listen(&["serve", "--config", file, "--json"]).await
    }

    /// Runs `l402 serve` with these arguments; returns the process, and the address on which it listens.
    ///
    /// # Panics
    /// If it does not listen within a minute.
    pub async fn listen(&self, arguments: &[&str]) -> (Program, String) {
        let command = self.command(arguments);
        let mut program = Program::start("l402-serve", &self.folder, command);
        let address = until("l402 listens", async || {
            program.must_run();
            let log = program.log();
            let said = |line| serde_json::from_str::<Value>(line).ok();
            let announced = log.lines().filter_map(said).next()?;
            announced["listening"][0].as_str().map(str::to_owned)
        });
        let address = address.await;
        (program, address)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(path());
        command
            .args(arguments)
            .env("L402_HOME", self.folder.join("home"))
            .env_remove("L402_WALLET")
            .env_remove("RUST_LOG")
            .env_remove("HTTP_PROXY")
            .env_remove("http_proxy");
        command
    }
}

/// Returns the path of the program, which cargo puts beside the folder `deps` of the tests.
fn path() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let path = test.ancestors().nth(2).expect("a folder").join("l402");
    assert!(
        path.exists(),
        "l402 is not built; tests/interop/lnd.sh does it"
    );
    path
}
