//! The servers that are measured: each a process on one core, on a port of loopback.

pub(crate) mod aperture;
pub(crate) mod haproxy;
pub(crate) mod l402;
pub(crate) mod lnd;
pub(crate) mod nginx;
mod process;
pub(crate) mod sink;
pub(crate) mod tls;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

pub(crate) use process::Process;

use crate::error::{BenchError, Result, While};
use crate::usage::SERVER_CORE;

/// Starting takes no server longer.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    process: Process,
}

impl Server {
    /// Waits until the process listens at the address.
    ///
    /// # Errors
    /// When it ends instead, with its last words.
    pub(crate) fn listening(address: SocketAddr, mut process: Process) -> Result<Self> {
        until(&mut process, |_| TcpStream::connect(address).ok())?;
        Ok(Self { address, process })
    }

    /// The process, for those who count what it uses.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }
}

/// Asks again and again until there is an answer.
///
/// # Errors
/// When the process ends, or half a minute is over.
fn until<T>(process: &mut Process, mut ask: impl FnMut(&str) -> Option<T>) -> Result<T> {
    let looks = PATIENCE.as_millis() / LOOK.as_millis();
    for _ in 0..looks {
        if let Some(answer) = ask(&process.log()) {
            return Ok(answer);
        }
        process.must_run()?;
        thread::sleep(LOOK);
    }
    Err(process.failed("is not ready"))
}

/// A command that runs on the servers' core alone, and ends with this program however that ends.
fn pinned(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "TERM", "taskset", "--cpu-list"])
        .arg(SERVER_CORE.to_string())
        .arg(program);
    command
}

/// An address that was free a moment ago, for programs that cannot say which one they got.
fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").while_doing("listening")?;
    listener.local_addr().while_doing("listening")
}

/// A program of the system; `None` where it is not installed.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let paths = folders.map(|folder| Path::new(folder).join(name));
    paths.into_iter().find(|path| path.exists())
}

/// What a program says of its version: the first word of its output that begins with a digit.
pub(crate) fn version(program: &Path, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    version_in(&String::from_utf8_lossy(&said))
}

fn version_in(text: &str) -> Option<String> {
    let words = text.split(|c: char| c.is_whitespace() || c == '/');
    let versions = words.map(|word| word.trim_start_matches('v'));
    let mut numbered = versions.filter(|word| word.contains('.') && starts_with_digit(word));
    numbered.next().map(str::to_owned)
}

fn starts_with_digit(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
}

/// A folder of this name below `folder`.
///
/// # Errors
/// Where it cannot be made.
fn subfolder(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    std::fs::create_dir_all(&path).while_doing(path.display())?;
    Ok(path)
}

/// Writes a file of configuration.
///
/// # Errors
/// Where it cannot be written.
fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).while_doing(path.display())
}

/// That a program which a scenario needs is absent.
pub(crate) fn missing(name: &str) -> BenchError {
    BenchError::new(format!("{name} is not installed; bench/run does that"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_versions_as_programs_say_them() {
        let of = |text| version_in(text).unwrap();
        assert_eq!(of("nginx version: nginx/1.22.1"), "1.22.1");
        let haproxy = "HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/";
        assert_eq!(of(haproxy), "2.6.12-1+deb12u4");
        assert_eq!(of("lnd version v0.20.1-beta commit="), "0.20.1-beta");
        assert_eq!(version_in("no such thing"), None);
    }
}
