//! Two programs that do the same, in turn.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use l402_host::{Clock as _, SystemClock};

use crate::error::{BenchError, Result, While};
use crate::stats::Spread;

/// The time between two looks at the memory of a process.
const LOOK: Duration = Duration::from_millis(2);

/// A command line that is run again and again.
#[derive(Debug)]
pub(super) struct Line {
    program: PathBuf,
    words: Vec<String>,
    variable: Option<(&'static str, PathBuf)>,
}

/// Our program and the other one.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) ours: Line,
    pub(super) theirs: Line,
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ran {
    time: Duration,
    /// The most memory that was seen, in KiB.
    kib: u64,
}

impl Line {
    pub(super) fn new(program: &Path, words: &[&str]) -> Self {
        Self {
            program: program.to_owned(),
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            variable: None,
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: &Path) -> Self {
        self.variable = Some((name, value.to_owned()));
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.words).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::inherit());
        for name in ["http_proxy", "https_proxy", "all_proxy", "RUST_LOG"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        command.envs(self.variable.clone());
        command
    }
}

/// Runs one of them, which must succeed.
///
/// # Errors
/// If it does not start, or fails.
pub(super) fn one(line: &Line) -> Result<Ran> {
    let name = line.program.display();
    let clock = SystemClock::default();
    let began = clock.monotonic();
    let mut child = line.command().spawn().while_doing(&name)?;
    let status = format!("/proc/{}/status", child.id());
    // The peak never falls, so the last look before the end is close to it.
    let watch = thread::spawn(move || {
        let mut most = 0;
        while let Some(kib) = peak(&status) {
            most = most.max(kib);
            thread::sleep(LOOK);
        }
        most
    });
    let ended = child.wait().while_doing(&name)?;
    let time = clock.monotonic().saturating_sub(began);
    let kib = watch.join().unwrap_or_default();
    if !ended.success() {
        return Err(BenchError::new(format!("{name} ended with {ended}")));
    }
    Ok(Ran { time, kib })
}

/// Returns the most memory of a process so far, in KiB; `None` once it has ended.
fn peak(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

impl Pair {
    /// Runs both so often, in turn, each first every second time.
    ///
    /// # Errors
    /// If a run fails.
    pub(super) fn line(&self, what: &'static str, size: u32, runs: u32) -> Result<super::Line> {
        let (mut ratios, mut l402_kib, mut curl_kib) = (Vec::new(), 0, 0);
        for run in 0..runs {
            let (ours, theirs) = if run % 2 == 0 {
                let ours = one(&self.ours)?;
                (ours, one(&self.theirs)?)
            } else {
                let theirs = one(&self.theirs)?;
                (one(&self.ours)?, theirs)
            };
            ratios.push(ours.time.as_secs_f64() / theirs.time.as_secs_f64());
            l402_kib = l402_kib.max(ours.kib);
            curl_kib = curl_kib.max(theirs.kib);
        }
        let ratio = Spread::of(ratios).ok_or_else(|| BenchError::new("no runs"))?;
        eprintln!(
            "client: {what} {size}: {:.2} ({:.2} to {:.2}) of curl's time, {l402_kib} KiB, curl {curl_kib} KiB",
            ratio.median, ratio.least, ratio.most
        );
        Ok(super::Line {
            what,
            size,
            runs,
            ratio,
            l402_kib,
            curl_kib,
        })
    }
}
