//! A hook that is a program of this machine.

use std::ffi::OsString;
use std::process::Stdio;

use l402_host::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::decision::ANSWER_MAX;
use super::{Decision, PaymentHook, Proposal, answer};

/// A program that is started for each payment. It gets the proposal as JSON on stdin, and answers in
/// JSON on stdout with the exit status 0. What it writes to stderr is not shown.
///
/// It is killed if it has not ended in time, with the processes that it has started.
///
/// ```
/// use l402_client::hook::CommandHook;
///
/// let hook = CommandHook::new("/usr/local/bin/may-i", ["--limit", "100"]);
/// # drop(hook);
/// ```
#[derive(Clone)]
pub struct CommandHook {
    program: OsString,
    arguments: Vec<OsString>,
}

/// Leaves the arguments out, which may hold a secret.
impl std::fmt::Debug for CommandHook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommandHook")
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

impl CommandHook {
    /// Names the program, by its path or by a name in `PATH`, and its arguments. No shell reads them.
    pub fn new<A: Into<OsString>>(
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
        }
    }

    async fn ask(&self, proposal: &Proposal) -> Result<Decision, String> {
        let mut running = Running::start(self)?;
        let (input, output) = (running.0.stdin.take(), running.0.stdout.take());
        let question = proposal.to_json().to_string();
        // Both at once: a program may answer before it has read the question, or read nothing.
        let write = async {
            if let Some(mut input) = input {
                let _ = input.write_all(question.as_bytes()).await;
            }
        };
        let read = async {
            let mut answer = Vec::new();
            let most = u64::try_from(ANSWER_MAX).unwrap_or(u64::MAX);
            if let Some(output) = output {
                let mut output = output.take(most.saturating_add(1));
                output.read_to_end(&mut answer).await.ok()?;
            }
            Some(answer)
        };
        let ((), answer) = tokio::join!(write, read);
        let answer = answer.filter(|answer| answer.len() <= ANSWER_MAX);
        let answer = answer.ok_or("the answer of the hook is longer than 64 KiB")?;
        let status = running.0.wait().await.map_err(|error| error.to_string())?;
        if !status.success() {
            return Err(format!("the hook ended with {status}"));
        }
        Ok(answer::read(&answer, &proposal.id))
    }
}

impl PaymentHook for CommandHook {
    fn decide<'a>(&'a self, proposal: &'a Proposal) -> BoxFuture<'a, Decision> {
        Box::pin(async move {
            let decision = self.ask(proposal).await;
            decision.unwrap_or_else(Decision::no_answer)
        })
    }
}

/// A program that is killed when this is dropped before its end.
struct Running(Child);

impl Running {
    fn start(hook: &CommandHook) -> Result<Self, String> {
        let mut command = Command::new(&hook.program);
        command
            .args(&hook.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        // A group of its own, so that what it has started can be killed with it.
        #[cfg(unix)]
        command.process_group(0);
        let child = command.spawn();
        child
            .map(Self)
            .map_err(|error| format!("the hook cannot be started: {error}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only until its end was seen: after that, the number may be another group's.
        #[cfg(unix)]
        if let Some(group) = self.0.id()
            && let Some(group) = i32::try_from(group)
                .ok()
                .and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}
