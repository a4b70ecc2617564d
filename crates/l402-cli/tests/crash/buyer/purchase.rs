//! One page, asked for again and again by processes of which some are killed.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};

use super::seller::Seller;
use crate::run::{PATIENCE, PRICE_MSAT, wait_until};
use crate::upstream::answer;

/// A page of its own, so that no other purchase is for it.
pub(super) struct Purchase<'a> {
    pub(super) seller: &'a Seller,
    path: String,
    /// Its runs have `--yes`, and buy also of a seller who is stopped.
    pub(super) insists: bool,
    income_before: u64,
    runs: u32,
    answers: u64,
    /// The answers that had been had when the latest run began, and one more.
    allowed: u64,
}

impl std::fmt::Debug for Purchase<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = (&self.path, self.paid(), self.answers, self.runs);
        write!(f, "(path, payments, answers, runs): {shown:?}")
    }
}

impl<'a> Purchase<'a> {
    pub(super) fn new(seller: &'a Seller, path: String) -> Self {
        Self {
            seller,
            path,
            insists: false,
            income_before: seller.income(),
            runs: 0,
            answers: 0,
            allowed: 0,
        }
    }

    /// A plain run, to its own end.
    pub(super) fn run(&mut self) -> Ended {
        let get = self.start();
        self.end(get)
    }

    /// A run that dies at a step.
    pub(super) fn run_to(&mut self, failpoint: &str) -> Ended {
        let get = self.start_with(Some(failpoint));
        self.end(get)
    }

    pub(super) fn start(&mut self) -> Get {
        self.start_with(None)
    }

    fn start_with(&mut self, failpoint: Option<&str>) -> Get {
        self.runs += 1;
        self.allowed = self.answers + 1;
        let url = self.seller.url(&self.path);
        let mut command = self
            .seller
            .home
            .command(&["get", &url, "--wallet", "sandbox"]);
        command.args(self.insists.then_some("--yes"));
        command.env_remove("L402_FAILPOINT");
        command.envs(failpoint.map(|name| ("L402_FAILPOINT", name)));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stdout = pieces(child.stdout.take().expect("a pipe"));
        let stderr = pieces(child.stderr.take().expect("a pipe"));
        Get {
            child,
            stdout,
            stderr,
            had: Vec::new(),
        }
    }

    /// Waits for the end of a run, and counts its answer if it gave one in full.
    pub(super) fn end(&mut self, get: Get) -> Ended {
        let ended = get.end();
        self.answers += u64::from(ended.stdout == answer(&self.path));
        ended
    }

    /// Returns the number of times that the purchase was paid for.
    pub(super) fn paid(&self) -> u64 {
        (self.seller.income() - self.income_before) / PRICE_MSAT
    }

    pub(super) const fn answers(&self) -> u64 {
        self.answers
    }

    /// Payments that were made although an earlier one had not brought its answer.
    pub(super) fn double(&self) -> u64 {
        self.paid().saturating_sub(self.allowed)
    }

    pub(super) fn unanswered(&self) -> u64 {
        self.paid().saturating_sub(self.answers)
    }
}

/// A process of `l402 get`. Dropped, it ends.
pub(super) struct Get {
    child: Child,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
    had: Vec<u8>,
}

/// The exit status of a process, and its output.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: Option<i32>,
    pub(super) signal: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Get {
    pub(super) fn wait_for_a_piece(&mut self) {
        let piece = self.stdout.recv_timeout(PATIENCE);
        self.had.extend(piece.expect("the beginning of an answer"));
    }

    /// SIGKILL. Where it has ended before, nothing happens.
    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
    }

    fn end(mut self) -> Ended {
        let mut status: Option<ExitStatus> = None;
        wait_until("the process ends", || {
            status = self.child.try_wait().expect("it can be waited for");
            status.is_some()
        });
        let had = std::mem::take(&mut self.had);
        let stdout: Vec<u8> = had
            .into_iter()
            .chain(self.stdout.iter().flatten())
            .collect();
        let stderr: Vec<u8> = self.stderr.iter().flatten().collect();
        Ended {
            status: status.and_then(|status| status.code()),
            signal: status.and_then(|status| status.signal()),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }
}

impl Drop for Get {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads on a thread of its own, so that a pipe never fills up.
fn pieces(mut stream: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (pieces, received) = channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            if pieces.send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    received
}
