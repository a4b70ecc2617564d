//! `l402 mcp` from outside: its streams and its end, and who reaches it over HTTP.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::{Home, Serving};

/// Long enough for a slow machine; a test that passes never waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

const ARGS: [&str; 3] = ["mcp", "--wallet", "sandbox"];

fn modern() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
    })
}

fn list(id: u64) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/list", "params": { "_meta": modern() } })
}

fn initialize(version: &str) -> Value {
    let client = json!({ "name": "test", "version": "1" });
    let params = json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": client });
    json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params })
}

#[test]
fn stdout_is_messages_alone_and_the_end_of_stdin_is_the_end() {
    let home = Home::new();
    let first = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let lines = format!(
        "{first}\nno message\n{}\n{}\n",
        list(1),
        initialize("2025-06-18")
    );
    let ran = home
        .run_with_stdin(&[&ARGS[..], &["--log", "debug"]].concat(), &lines)
        .expect(0);
    let answers: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a message"))
        .collect();
    assert_eq!(answers.len(), 3, "{answers:?}");
    let listed = answers
        .iter()
        .find(|answer| answer["id"] == 1)
        .expect("the list");
    let pinned = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/mcp/tool/tools.json"
    ));
    let pinned: Value = serde_json::from_str(&pinned.expect("a file")).expect("JSON");
    assert_eq!(listed["result"]["tools"], pinned);
}

#[test]
fn a_start_that_fails_leaves_stdout_empty() {
    let home = Home::new();
    for args in [
        &["mcp", "--agent", "nobody"][..],
        &["mcp", "--http", "0.0.0.0:0"],
        &["mcp", "--max-price", "x"],
    ] {
        let ran = home.run_with_stdin(args, "");
        assert_eq!(ran.stdout, "", "{args:?}");
        assert_ne!(ran.status, Some(0), "{args:?}");
        assert_ne!(ran.stderr, "", "{args:?}");
    }
}

#[cfg(unix)]
fn terminate(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().expect("a pid")).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal");
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_on_both_transports() {
    use std::io::BufRead as _;
    use std::process::Stdio;

    let home = Home::new();
    let mut command = home.command(&ARGS);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    writeln!(stdin, "{}", list(1)).expect("it reads");
    let mut line = String::new();
    let mut stdout = std::io::BufReader::new(child.stdout.take().expect("a pipe"));
    stdout.read_line(&mut line).expect("an answer");
    terminate(child.id());
    assert_eq!(child.wait().expect("an end").code(), Some(0));
    assert_eq!(stdout.lines().count(), 0);
    drop(stdin);

    let mut endpoint = Endpoint::start(&home);
    assert_eq!(
        status(&endpoint.post("", &initialize("2025-11-25").to_string())),
        "200"
    );
    let note = endpoint.serving.address().replace(':', "_");
    let note = home.path().join(format!("home/run/mcp-{note}"));
    assert!(note.exists());
    terminate(endpoint.serving.pid());
    assert_eq!(endpoint.serving.wait(), Some(0));
    assert!(!note.exists());
}

/// ATTACKS A-15: a client that asks without end and reads nothing is no reason not to end.
#[cfg(unix)]
#[test]
fn a_signal_ends_it_also_if_nobody_reads() {
    use std::process::Stdio;

    let home = Home::new();
    let mut command = home.command(&ARGS);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let line = format!("{}\n", list(1));
    // Blocks once the program takes no more.
    let flood = std::thread::spawn(move || while stdin.write_all(line.as_bytes()).is_ok() {});
    std::thread::sleep(Duration::from_secs(3));
    assert!(!flood.is_finished());
    #[cfg(target_os = "linux")]
    {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
        let status = status.expect("a process");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|it| it.trim().strip_suffix(" kB")?.parse().ok());
        assert!(peak.is_some_and(|kb: u64| kb < 300_000), "{peak:?} kB");
    }
    terminate(child.id());
    let ended = std::thread::spawn(move || child.wait().map(|status| status.code()));
    for _ in 0..PATIENCE.as_secs() * 10 {
        if ended.is_finished() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(ended.is_finished(), "it goes on");
    assert_eq!(ended.join().expect("no panic").expect("an end"), Some(0));
    flood.join().expect("no panic");
}

/// The endpoint, and the token that it made.
struct Endpoint {
    serving: Serving,
    token: String,
}

impl Endpoint {
    fn start(home: &Home) -> Self {
        let serving = home.serve(&[&ARGS[..], &["--http", "127.0.0.1:0"]].concat());
        let token = home.path().join("home/mcp.token");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&token)
                .expect("a file")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let token = std::fs::read_to_string(token)
            .expect("a file")
            .trim()
            .to_owned();
        Self { serving, token }
    }

    fn exchange(&self, request: &str) -> String {
        let mut socket = TcpStream::connect(self.serving.address()).expect("a connection");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
        // It may answer before all is read.
        let _ = socket.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Posts a body with the token and these further headers.
    fn post(&self, headers: &str, body: &str) -> String {
        let (host, token, length) = (self.serving.address(), &self.token, body.len());
        self.exchange(&format!(
            "POST /mcp HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
             accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n{headers}\r\n{body}"
        ))
    }
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

/// Returns the message of an answer, which stands in the body or in a stream of events.
fn message(answer: &str) -> Value {
    let body = answer.split_once("\r\n\r\n").expect("a body").1;
    let texts = body
        .lines()
        .map(|line| line.strip_prefix("data: ").unwrap_or(line));
    let mut messages = texts.filter_map(|text| serde_json::from_str::<Value>(text).ok());
    messages
        .find(Value::is_object)
        .unwrap_or_else(|| panic!("no message: {answer}"))
}

fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let lines = answer.lines().filter_map(|line| line.split_once(": "));
    let mut found = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value).unwrap_or_default()
}

const MODERN: &str = "mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/list\r\n";

#[test]
fn both_generations_are_served_over_http() {
    let home = Home::new();
    let endpoint = Endpoint::start(&home);
    let answer = endpoint.post(MODERN, &list(1).to_string());
    assert_eq!(status(&answer), "200", "{answer}");
    assert_eq!(
        message(&answer)["result"]["tools"].as_array().map(Vec::len),
        Some(11)
    );
    for version in ["2025-11-25", "2025-06-18", "2025-03-26"] {
        let answer = endpoint.post("", &initialize(version).to_string());
        assert_eq!(status(&answer), "200", "{answer}");
        assert_eq!(message(&answer)["result"]["protocolVersion"], version);
        let session = header(&answer, "mcp-session-id");
        let headers = format!("mcp-session-id: {session}\r\nmcp-protocol-version: {version}\r\n");
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(status(&endpoint.post(&headers, &ready.to_string())), "202");
        let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
        let listed = endpoint.post(&headers, &list.to_string());
        assert_eq!(
            message(&listed)["result"]["tools"].as_array().map(Vec::len),
            Some(11),
            "{listed}"
        );
        let unknown = endpoint.post("mcp-session-id: x\r\n", &list.to_string());
        assert_eq!(status(&unknown), "404", "{unknown}");
    }
}

/// No client opens sessions without end, whatever version it says that it speaks.
#[test]
fn sessions_are_bounded() {
    let home = Home::new();
    let endpoint = Endpoint::start(&home);
    let version = "mcp-protocol-version: 2026-07-28\r\nmcp-method: initialize\r\n";
    let open = || endpoint.post(version, &initialize("2026-07-28").to_string());
    let answers: Vec<_> = (0..70).map(|_| open()).collect();
    let opened = answers.iter().filter(|it| status(it) == "200").count();
    assert_eq!(opened, 64, "{}", answers[69]);
    assert_eq!(status(&answers[69]), "503", "{}", answers[69]);
    let answer = endpoint.post("", &initialize("2025-06-18").to_string());
    assert_eq!(status(&answer), "503");
    // Who needs no session is served, and one that ends makes room.
    let answer = endpoint.post(MODERN, &list(1).to_string());
    assert_eq!(status(&answer), "200", "{answer}");
    let (host, token) = (endpoint.serving.address(), &endpoint.token);
    let session = header(&answers[0], "mcp-session-id");
    let ended = endpoint.exchange(&format!(
        "DELETE /mcp HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         mcp-session-id: {session}\r\n\r\n"
    ));
    assert!(["200", "202", "204"].contains(&status(&ended)), "{ended}");
    assert_eq!(status(&open()), "200");
}

#[test]
fn what_does_not_fit_is_refused_over_http_with_its_code() {
    let home = Home::new();
    let endpoint = Endpoint::start(&home);
    let wrong = MODERN.replace("tools/list", "tools/call");
    let version = MODERN.replace("2026-07-28", "2025-11-25");
    let future = list(1).to_string().replace("2026-07-28", "2099-01-01");
    let deep = "[".repeat(10_000);
    let no_method = MODERN.replace("tools/list", "no/such");
    let unknown = list(1).to_string().replace("tools/list", "no/such");
    for (headers, body, code, expected) in [
        (wrong.as_str(), list(1).to_string(), -32020, "400"),
        (version.as_str(), list(1).to_string(), -32020, "400"),
        ("", list(1).to_string(), -32020, "400"),
        (
            &MODERN.replace("2026-07-28", "2099-01-01"),
            future,
            -32022,
            "400",
        ),
        (MODERN, "no message".to_owned(), -32700, "400"),
        (MODERN, deep, -32700, "400"),
        (MODERN, format!("[{}]", list(1)), -32600, "400"),
        (&no_method, unknown, -32601, "404"),
    ] {
        let answer = endpoint.post(headers, &body);
        assert_eq!(status(&answer), expected, "{headers} {answer}");
        assert_eq!(
            message(&answer)["error"]["code"],
            code,
            "{headers} {answer}"
        );
    }
    let large = endpoint.post(MODERN, &" ".repeat(1024 * 1024 + 1));
    assert_eq!(status(&large), "413", "{large}");
    assert_eq!(status(&endpoint.post(MODERN, &list(1).to_string())), "200");
}

// ATTACKS A-08: a web page reaches neither the tools nor the token, by no name of this machine.
#[test]
fn only_programs_with_the_token_reach_it() {
    let home = Home::new();
    let endpoint = Endpoint::start(&home);
    let body = list(1).to_string();
    for header in [
        "origin: http://evil.example\r\n",
        "origin: null\r\n",
        &format!("origin: http://{}\r\n", endpoint.serving.address()),
        "sec-fetch-site: cross-site\r\n",
        "host: evil.example\r\n",
    ] {
        let answer = endpoint.post(&format!("{MODERN}{header}"), &body);
        assert!(
            ["403", "400"].contains(&status(&answer)),
            "{header}: {answer}"
        );
        assert!(!answer.contains("tools"), "{answer}");
        assert_eq!(self::header(&answer, "access-control-allow-origin"), "");
    }
    let host = endpoint.serving.address();
    let ask = |method: &str, host: &str, token: &str| {
        status(&endpoint.exchange(&format!(
            "{method} /mcp HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{token}content-length: 0\r\n\r\n"
        )))
        .to_owned()
    };
    let token = format!("authorization: Bearer {}\r\n", endpoint.token);
    for method in ["GET", "POST", "DELETE", "OPTIONS", "PUT"] {
        assert_eq!(ask(method, host, ""), "401", "{method}");
        assert_eq!(
            ask(method, host, "authorization: Bearer 0123456789abcdef\r\n"),
            "401"
        );
        assert_eq!(ask(method, "rebound.example", &token), "403", "{method}");
    }
    assert_eq!(ask("OPTIONS", host, &token), "405");
    // The buyer's address guard knows the port.
    let note = format!("home/run/mcp-{}", host.replace(':', "_"));
    assert_eq!(
        std::fs::read_to_string(home.path().join(note))
            .expect("a note")
            .trim(),
        host
    );
    // A second start keeps the token.
    drop(Endpoint::start(&home));
    assert_eq!(status(&endpoint.post(MODERN, &body)), "200");
}
