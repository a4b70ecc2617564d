//! Runs the program as a user does: a process, its streams and its status.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

/// Long enough for a slow machine; a test that passes never waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A home folder that disappears with the test.
pub(crate) struct Home(tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).expect("a file can be written");
        path
    }

    /// Writes `client.toml`, for the user's own eyes.
    pub(crate) fn configure(&self, text: &str) {
        std::fs::create_dir_all(self.path().join("home")).expect("a folder");
        let path = self.file("home/client.toml", text);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(&path, mode).expect("a mode");
        }
        // Elsewhere a new file is private by its folder.
        let _ = path;
    }

    /// The program with this home and nothing else of the environment that could change it.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_l402"));
        for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        // Of other programs; hints name them.
        for name in [
            "CLNREST_URL",
            "LNBITS_URL",
            "LND_REST_ENDPOINT",
            "NWC_URL",
            "PHOENIXD_PASSWORD",
        ] {
            command.env_remove(name);
        }
        command
            .args(args)
            .env("L402_HOME", self.path().join("home"))
            .env_remove("SSL_CERT_FILE")
            .env_remove("SSL_CERT_DIR")
            .env_remove("L402_BUDGET")
            .env_remove("L402_WALLET")
            .env_remove("RUST_LOG")
            .env_remove("COLUMNS")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().expect("the program starts"))
    }

    /// The same with the log as talkative as it gets.
    pub(crate) fn run_traced(&self, args: &[&str]) -> Ran {
        let mut command = self.command(args);
        Ran::of(
            command
                .env("RUST_LOG", "trace")
                .output()
                .expect("the program starts"),
        )
    }

    pub(crate) fn run_with_stdin(&self, args: &[&str], text: &str) -> Ran {
        let mut command = self.command(args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(text.as_bytes()).expect("the program reads");
        drop(stdin);
        Ran::of(child.wait_with_output().expect("the program ends"))
    }

    /// Starts a program that serves, and waits for the line of JSON that says where.
    pub(crate) fn serve(&self, args: &[&str]) -> Serving {
        self.start(self.command(args))
    }

    /// Sells what stands behind an upstream, for 7 sat a request.
    pub(crate) fn sell(&self, upstream: &str) -> Serving {
        let price = ["serve", "--upstream", upstream, "--price", "7 sat"];
        self.serve(&[&price[..], &["--listen", "0"]].concat())
    }

    /// The same with the log as talkative as it gets.
    pub(crate) fn serve_traced(&self, args: &[&str]) -> Serving {
        let mut command = self.command(args);
        command.env("RUST_LOG", "trace");
        self.start(command)
    }

    /// The same in a process that may have only so many files and sockets open.
    #[cfg(unix)]
    pub(crate) fn serve_limited(&self, descriptors: u32, args: &[&str]) -> Serving {
        let program = self.command(args);
        let mut command = Command::new("sh");
        // Sets the soft limit and the hard one.
        let limit = format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"");
        command.arg("-c").arg(limit).arg(program.get_program());
        command.args(program.get_args()).stdin(Stdio::null());
        copy_environment(&program, &mut command);
        self.start(command)
    }

    /// Runs a start that should fail. One that succeeds is ended, and has no status.
    pub(crate) fn run_start(&self, args: &[&str]) -> Ran {
        let mut command = self.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let lines = follow(child.stdout.take().expect("a pipe"));
        let stdout = lines.recv_timeout(PATIENCE).unwrap_or_default();
        if stdout.contains("\"listening\"") {
            child.kill().expect("it can be ended");
        }
        let ended = child.wait_with_output().expect("it can be waited for");
        let ran = Ran::of(ended);
        Ran { stdout, ..ran }
    }

    /// The same with a stderr that nobody reads, as that of a paused terminal.
    pub(crate) fn serve_unread(&self, args: &[&str]) -> Serving {
        let (unread, stderr) = std::io::pipe().expect("a pipe");
        let mut command = self.command(args);
        command.stderr(stderr);
        self.start_with(command, Some(unread))
    }

    /// The same for a command that was made by [`Home::command`].
    pub(crate) fn start(&self, mut command: Command) -> Serving {
        command.stderr(Stdio::piped());
        self.start_with(command, None)
    }

    fn start_with(&self, mut command: Command, unread: Option<std::io::PipeReader>) -> Serving {
        command.stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let lines = follow(child.stdout.take().expect("a pipe"));
        let errors = child.stderr.take().map_or_else(|| channel().1, follow);
        let mut serving = Serving {
            child,
            announced: Value::Null,
            errors,
            _unread: unread,
        };
        let line = lines.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            panic!(
                "{command:?} did not say where it listens: {}",
                serving.end()
            )
        });
        serving.announced = serde_json::from_str(&line).expect("the first line is JSON");
        serving
    }
}

/// Hands the changes of one command's environment on to another command.
#[cfg(unix)]
pub(crate) fn copy_environment(from: &Command, to: &mut Command) {
    for (name, value) in from.get_envs() {
        match value {
            Some(value) => to.env(name, value),
            None => to.env_remove(name),
        };
    }
}

/// The program at a terminal, with a person who types.
#[cfg(target_os = "linux")]
pub(crate) struct AtTerminal {
    child: Child,
    keyboard: std::process::ChildStdin,
    screen: std::process::ChildStdout,
    /// What stands on the screen.
    shown: String,
}

#[cfg(target_os = "linux")]
impl AtTerminal {
    /// Starts the program in a terminal that `script` makes. No argument may need quotes.
    pub(crate) fn start(home: &Home, args: &[&str]) -> Self {
        let program = home.command(args);
        let name = program.get_program().to_string_lossy();
        let line = format!("{name} {}", args.join(" "));
        let mut terminal = Command::new("script");
        terminal.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        copy_environment(&program, &mut terminal);
        let mut child = terminal
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("script");
        Self {
            keyboard: child.stdin.take().expect("a pipe"),
            screen: child.stdout.take().expect("a pipe"),
            child,
            shown: String::new(),
        }
    }

    /// Waits until a text stands on the screen that was not there before, and answers it.
    pub(crate) fn answer(&mut self, question: &str, line: &str) {
        let answered = self.answer_or_end(question, line);
        assert!(answered, "no {question:?}: {}", self.shown);
    }

    /// The same, or false if the program ends without the question.
    pub(crate) fn answer_or_end(&mut self, question: &str, line: &str) -> bool {
        if !self.sees(question) {
            return false;
        }
        let typed = self.keyboard.write_all(format!("{line}\n").as_bytes());
        typed.expect("a terminal");
        true
    }

    /// Waits until a text stands on the screen that was not there before.
    pub(crate) fn see(&mut self, text: &str) {
        let seen = self.sees(text);
        assert!(seen, "no {text:?}: {}", self.shown);
    }

    /// The same, or false if the program ends before.
    fn sees(&mut self, text: &str) -> bool {
        let mut new = Vec::new();
        while !String::from_utf8_lossy(&new).contains(text) {
            let mut byte = [0];
            if self.screen.read_exact(&mut byte).is_err() {
                self.shown += &String::from_utf8_lossy(&new);
                return false;
            }
            new.push(byte[0]);
        }
        self.shown += &String::from_utf8_lossy(&new);
        true
    }

    /// Waits for the end, and returns the status and what stood on the screen.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let mut rest = Vec::new();
        self.screen.read_to_end(&mut rest).expect("the screen");
        let status = self.child.wait().expect("it can be waited for").code();
        (status, self.shown + &String::from_utf8_lossy(&rest))
    }
}

/// Reads lines on a thread of its own, so that a pipe never fills up.
fn follow(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (lines, received) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                break;
            }
        }
    });
    received
}

/// A process that serves; it dies with the test.
pub(crate) struct Serving {
    child: Child,
    /// The line of JSON that it began with.
    pub(crate) announced: Value,
    errors: Receiver<String>,
    /// Open, so that a write to it waits.
    _unread: Option<std::io::PipeReader>,
}

impl Serving {
    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        self.announced["listening"][0].as_str().expect("an address")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end and gives the status.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().expect("it can be waited for").code()
    }

    /// Waits for a line on stderr that holds this text, and returns all lines up to it.
    pub(crate) fn until(&self, text: &str) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        while !lines.last().is_some_and(|line| line.contains(text)) {
            let line = self.errors.recv_timeout(PATIENCE);
            lines.push(line.unwrap_or_else(|_| panic!("no line with {text:?}: {lines:#?}")));
        }
        lines
    }

    /// Ends it and gives what it said on stderr.
    pub(crate) fn end(&mut self) -> String {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.errors.try_iter().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process of ours.
#[cfg(unix)]
pub(crate) fn signal(name: &str, pid: u32) {
    let mut kill = Command::new("kill");
    let status = kill.args(["-s", name, &pid.to_string()]).status();
    assert!(status.expect("kill runs").success());
}

/// The exit status of a run, and its output.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
        }
    }

    #[track_caller]
    pub(crate) fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("not JSON: {self:#?}"))
    }
}
