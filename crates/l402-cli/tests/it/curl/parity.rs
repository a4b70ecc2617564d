//! Runs the installed curl and `l402 get` side by side, and writes `docs/curl.md`.
//!
//! `UPDATE_PAGES=1 cargo test -p l402-cli --test it curl::parity` writes the page anew.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::server::{Heard, Server};
use super::{rows_request, rows_transport};
use crate::program::Home;

/// A flag of curl, and the command lines that both programs are run with.
///
/// Each line runs in a folder of its own, which is `HOME` as well and holds [`FILES`]. Stdin is
/// [`STDIN`]. `{url}` stands for the address of a server that costs nothing, `{port}` for its port.
pub(super) struct Row {
    /// The flag as the page shows it: `-d, --data`.
    pub(super) flag: &'static str,
    /// The arguments behind `curl` and `l402 get`.
    pub(super) lines: &'static [&'static [&'static str]],
    /// What differs on purpose and why, for the page. Empty if nothing does.
    pub(super) differs: &'static str,
    /// Lines that curl ends without success are in the row as well: then `get` must fail, too.
    pub(super) fails: bool,
}

/// A row to fill in.
pub(super) const PLAIN: Row = Row {
    flag: "",
    lines: &[],
    differs: "",
    fails: false,
};

/// What stands at the stdin of each run.
const STDIN: &str = "from stdin\n";

/// The files that a run finds in its folder.
const FILES: &[(&str, &str)] = &[
    (
        "flags",
        "# of curl\n-H \"X-A: 1\"\nuser-agent = \"me/\\\"1\\\"\"\ndata: a=1\n",
    ),
    ("text", "one\r\ntwo & three\n"),
    ("begun", "01234567"),
    ("page.html", "<p>page</p>\n"),
    (
        "cookies",
        "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tkept\tyes\n",
    ),
    (".netrc", "machine 127.0.0.1 login me password secret\n"),
    ("netrc", "machine 127.0.0.1 login you password other\n"),
];

/// All that one run has done.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    succeeded: bool,
    stdout: Vec<u8>,
    heard: Vec<Heard>,
    /// The files of the folder afterwards, by name.
    files: BTreeMap<String, String>,
}

fn rows() -> impl Iterator<Item = &'static Row> {
    rows_request::ROWS.iter().chain(rows_transport::ROWS)
}

#[test]
fn get_does_what_curl_does() {
    let installed = Command::new("curl").arg("--version").output();
    assert!(
        installed.is_ok(),
        "the program curl is not installed; this test runs it beside `l402 get`"
    );
    let lines: Vec<_> = rows()
        .flat_map(|row| row.lines.iter().map(move |line| (row, *line)))
        .collect();
    // Two processes at once: each waits for its disk longer than it computes.
    let next = AtomicUsize::new(0);
    let failed: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let server = Server::start();
                    let mut failed = Vec::new();
                    while let Some((row, line)) = lines.get(next.fetch_add(1, Ordering::SeqCst)) {
                        failed.extend(difference(&server, row, line));
                    }
                    failed
                })
            })
            .collect();
        let all = workers.into_iter();
        all.flat_map(|worker| worker.join().expect("a worker"))
            .collect()
    });
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// Runs both programs with a line, and describes what they did differently.
fn difference(server: &Server, row: &Row, line: &[&str]) -> Option<String> {
    let curl = run(server, line, |_| Command::new("curl"));
    let ours = run(server, line, |home| home.command(&["get"]));
    let (curl, ours) = (curl.cleaned(), ours.cleaned());
    let is_as_told = curl.succeeded != row.fails;
    (curl != ours || !is_as_told).then(|| {
        format!(
            "{} {line:?}\n  curl: {}\n  get:  {}",
            row.flag,
            curl.described(),
            ours.described()
        )
    })
}

fn run(server: &Server, line: &[&str], program: impl Fn(&Home) -> Command) -> Outcome {
    let (home, folder) = (Home::new(), tempfile::tempdir().expect("a folder"));
    for (name, text) in FILES {
        std::fs::write(folder.path().join(name), text).expect("a file can be written");
    }
    let url = format!("http://{}", server.address);
    let mut command = program(&home);
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    let port = server.address.port().to_string();
    let args = line
        .iter()
        .map(|arg| arg.replace("{url}", &url).replace("{port}", &port));
    let mut child = command
        .args(args)
        .current_dir(folder.path())
        .env("HOME", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // A program that does not read it may end first.
    let _ = child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(STDIN.as_bytes());
    let output = child.wait_with_output().expect("the program ends");
    if !output.status.success() {
        // For the reader of a failure.
        eprintln!("{line:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Outcome {
        succeeded: output.status.success(),
        stdout: output.stdout,
        heard: server.take(),
        files: files(folder.path()),
    }
}

fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            let inner = files(&entry.path()).into_iter();
            found.extend(inner.map(|(below, text)| (format!("{name}/{below}"), text)));
        } else {
            let bytes = std::fs::read(entry.path()).expect("a file");
            found.insert(name, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    found
}

impl Outcome {
    /// Leaves out what the page says may differ.
    fn cleaned(mut self) -> Self {
        if self
            .stdout
            .windows(JAR.len())
            .any(|it| it == JAR.as_bytes())
        {
            self.stdout = same_jar(&String::from_utf8_lossy(&self.stdout)).into_bytes();
        }
        for text in self.files.values_mut().filter(|text| text.contains(JAR)) {
            *text = same_jar(text);
        }
        for heard in &mut self.heard {
            // Ours says that a challenge is welcome.
            heard.headers.remove("accept-authenticate");
            // A header of no standard, which curl sends to a proxy.
            heard.headers.remove("proxy-connection");
            // Those with which curl asks to go on in HTTP/2.
            if heard.headers.remove("http2-settings").is_some() {
                heard.headers.remove("upgrade");
                heard.headers.remove("connection");
            }
            // Ours says that a PUT without a body has none.
            if heard.header("content-length") == "0" {
                heard.headers.remove("content-length");
            }
            // curl waits for leave to send a body, and sends what stands at stdin in chunks. The body
            // itself is compared.
            heard.headers.remove("expect");
            if !heard.body.is_empty() {
                heard.headers.remove("content-length");
                heard.headers.remove("transfer-encoding");
            }
            heard.same_boundary();
            // Each build of curl knows others.
            let encodings = heard.headers.get_mut("accept-encoding");
            for encodings in encodings
                .into_iter()
                .flatten()
                .filter(|it| it.contains(", "))
            {
                "several".clone_into(encodings);
            }
            let agents = heard.headers.get_mut("user-agent");
            for agent in agents.into_iter().flatten() {
                if agent.starts_with("curl/") || agent.starts_with("l402/") {
                    "the program".clone_into(agent);
                }
            }
        }
        self
    }

    fn described(&self) -> String {
        let stdout = String::from_utf8_lossy(&self.stdout);
        let Self {
            succeeded,
            heard,
            files,
            ..
        } = self;
        let given = |name: &str| FILES.iter().any(|(given, _)| *given == name);
        let files: Vec<_> = files.iter().filter(|(name, _)| !given(name)).collect();
        format!("success {succeeded}, stdout {stdout:?}, files {files:?}\n    {heard:?}")
    }
}

/// The first line of a file of cookies.
const JAR: &str = "# Netscape HTTP Cookie File\n";

/// Leaves out comments, and the order of cookies.
fn same_jar(text: &str) -> String {
    let lines = text.lines();
    let mut lines: Vec<_> = lines
        .filter(|line| !line.is_empty() && !line.starts_with("# "))
        .collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// The page up to its table.
const HEAD: &str = "\
# The flags of curl

Made by a test that runs the installed curl and `l402 get` with the same arguments at a server that costs nothing
(`UPDATE_PAGES=1 cargo test -p l402-cli --test it curl::parity`). *Same* is: the same bytes on stdout, the same files, the
same requests at the server, success or failure alike. Four things differ with every flag: `User-Agent` names this program,
`Accept-Authenticate: L402` says that a challenge is welcome, the names of headers are written in lower case, and a PUT
without a body says so by `Content-Length: 0`.
Exit codes of failures are those of [exit-codes.md](exit-codes.md).

| Flag | As with curl |
|---|---|
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    for row in rows() {
        let told = match row.differs {
            "" => "same".to_owned(),
            differs => format!("same; {differs}"),
        };
        page += &format!("| `{}` | {told} |\n", row.flag.replace(", ", "`, `"));
    }
    page
}

#[test]
fn the_page_is_what_was_tried() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/curl.md");
    if std::env::var_os("UPDATE_PAGES").is_some() {
        std::fs::write(&path, page()).expect("the page can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        written,
        page(),
        "docs/curl.md is not what the rows say: UPDATE_PAGES=1 writes it"
    );
}
