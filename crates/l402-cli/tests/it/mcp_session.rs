//! A client of `l402 mcp` that speaks raw messages over its pipes, in either generation of MCP, and
//! holds each answer against the form that the generation asks for.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Map, Value, json};

/// Long enough for a slow machine; a test that passes never waits for it.
const PATIENCE: Duration = Duration::from_secs(90);

/// The latest version of each generation.
const LEGACY: &str = "2025-11-25";
const MODERN: &str = "2026-07-28";

/// Codes of errors that a server may send: those of JSON-RPC, those that MCP defines, and own ones, which
/// lie outside of the reserved range.
const KNOWN_ERRORS: [i64; 8] = [
    -32700, -32600, -32601, -32602, -32603, -32020, -32021, -32022,
];

/// A generation of MCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generation {
    /// A handshake, then requests.
    Legacy,
    /// Requests that each say all.
    Modern,
}

/// The program at the other end of two pipes. Dropped, it is killed.
pub(crate) struct Session {
    child: Child,
    stdin: Option<ChildStdin>,
    pub(crate) generation: Generation,
    next: u64,
    lines: Receiver<Vec<u8>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    early: HashMap<u64, Value>,
    /// Everything that came on stdout.
    said: Vec<u8>,
    /// Answers to what had no number that could be read.
    pub(crate) unnumbered: Vec<Value>,
}

/// What a session has left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Session {
    /// Starts the program, and shakes hands if the generation wants it.
    pub(crate) fn open(mut command: Command, generation: Generation) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stdout = child.stdout.take().expect("a pipe");
        let mut stderr = child.stderr.take().expect("a pipe");
        let (to, lines) = channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stdout);
            let mut line = Vec::new();
            while reader
                .read_until(b'\n', &mut line)
                .is_ok_and(|read| read > 0)
            {
                if to.send(std::mem::take(&mut line)).is_err() {
                    break;
                }
            }
        });
        let stderr = std::thread::spawn(move || {
            let mut all = Vec::new();
            let _ = stderr.read_to_end(&mut all);
            all
        });
        let mut session = Self {
            stdin: child.stdin.take(),
            child,
            generation,
            next: 1,
            lines,
            stderr: Some(stderr),
            early: HashMap::new(),
            said: Vec::new(),
            unnumbered: Vec::new(),
        };
        if generation == Generation::Legacy {
            session.shake_hands();
        }
        session
    }

    fn shake_hands(&mut self) {
        let hello = json!({ "protocolVersion": LEGACY, "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" } });
        let id = self.request("initialize", hello);
        let answer = self.answer(id);
        assert_eq!(answer["result"]["protocolVersion"], LEGACY, "{answer}");
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        self.line(ready.to_string().as_bytes());
    }

    /// Returns the text of a request, and its number.
    pub(crate) fn write_request(&mut self, method: &str, mut params: Value) -> (u64, String) {
        let id = self.next;
        self.next += 1;
        if self.generation == Generation::Modern {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
            });
        }
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        (id, request.to_string())
    }

    /// Sends a request, and returns its number.
    pub(crate) fn request(&mut self, method: &str, params: Value) -> u64 {
        let (id, text) = self.write_request(method, params);
        self.line(text.as_bytes());
        id
    }

    /// Sends a call of a tool, and returns its number.
    pub(crate) fn begin(&mut self, tool: &str, arguments: Value) -> u64 {
        self.request(
            "tools/call",
            json!({ "name": tool, "arguments": arguments }),
        )
    }

    /// Calls a tool, and returns its result.
    pub(crate) fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let id = self.begin(tool, arguments);
        let mut answer = self.answer(id);
        assert!(answer.get("result").is_some(), "{tool}: {answer}");
        answer["result"].take()
    }

    /// Returns the cards of the tools.
    pub(crate) fn tools(&mut self) -> Vec<Value> {
        let id = self.request("tools/list", json!({}));
        let answer = self.answer(id);
        let tools = answer["result"]["tools"].as_array();
        tools
            .unwrap_or_else(|| panic!("no tools: {answer}"))
            .clone()
    }

    /// Sends a line, whatever it holds.
    pub(crate) fn line(&mut self, line: &[u8]) {
        let stdin = self.stdin.as_mut().expect("open");
        // If the program has ended, the next answer does not come, and that is told.
        let _ = stdin.write_all(line);
        let _ = stdin.write_all(b"\n");
        let _ = stdin.flush();
    }

    /// Waits for the answer to a request.
    pub(crate) fn answer(&mut self, id: u64) -> Value {
        self.answer_or_refusal(id, 0).expect("an answer of its own")
    }

    /// Waits for the answer to a line; or, `None`, for one more answer without a number than these, for the
    /// line could not be read.
    pub(crate) fn answer_or_refusal(&mut self, id: u64, unnumbered: usize) -> Option<Value> {
        loop {
            if let Some(answer) = self.early.remove(&id) {
                return Some(answer);
            }
            if unnumbered > 0 && self.unnumbered.len() >= unnumbered {
                return None;
            }
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.take(&line),
                Err(RecvTimeoutError::Timeout) => {
                    panic!("request {id} of {} was not answered", self.next)
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let _ = self.child.kill();
                    let status = self.child.wait().expect("it can be waited for");
                    let stderr = self.stderr.take().map(|it| it.join().expect("no panic"));
                    let stderr = stderr.unwrap_or_default();
                    panic!("it ended: {status}: {}", String::from_utf8_lossy(&stderr));
                }
            }
        }
    }

    /// Takes a line of stdout, which must be a message.
    fn take(&mut self, line: &[u8]) {
        self.said.extend_from_slice(line);
        let text = std::str::from_utf8(line).expect("stdout is UTF-8");
        assert!(text.ends_with('\n'), "a line without an end: {text:?}");
        let message: Value =
            serde_json::from_str(text).unwrap_or_else(|_| panic!("no message on stdout: {text:?}"));
        assert_eq!(message["jsonrpc"], "2.0", "{message}");
        if message.get("method").is_some() {
            // Of the server's own accord it only notifies: no client here can be asked anything.
            assert!(message.get("id").is_none(), "{message}");
            return;
        }
        let (result, error) = (message.get("result"), message.get("error"));
        assert!(result.is_some() != error.is_some(), "{message}");
        if let Some(error) = error {
            let code = error["code"].as_i64().expect("a code");
            let is_own = !(-32768..=-32000).contains(&code);
            assert!(is_own || KNOWN_ERRORS.contains(&code), "{message}");
            assert!(error["message"].is_string(), "{message}");
        }
        if let (Some(result), Generation::Modern) = (result, self.generation) {
            assert_eq!(result["resultType"], "complete", "{message}");
        }
        match message["id"].as_u64() {
            Some(id) => {
                let before = self.early.insert(id, message);
                assert!(before.is_none(), "answered twice: {before:?}");
            }
            None => self.unnumbered.push(message),
        }
    }

    /// Ends what is sent, and waits until the program has ended by itself.
    pub(crate) fn end(mut self) -> Ended {
        drop(self.stdin.take());
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.take(&line);
        }
        let status = self.wait().code();
        let stderr = self.stderr.take().map(|it| it.join().expect("no panic"));
        Ended {
            status,
            stdout: std::mem::take(&mut self.said),
            stderr: stderr.unwrap_or_default(),
        }
    }

    /// Waits for the end, whatever is still said, and returns the status.
    pub(crate) fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().expect("it can be waited for")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Holds the result of a call against its form, and returns its structured part.
pub(crate) fn structured(result: &Value) -> &Map<String, Value> {
    let content = result["content"].as_array().expect("content");
    assert!(!content.is_empty(), "{result}");
    for part in content {
        match part["type"].as_str() {
            Some("text") => assert!(part["text"].is_string(), "{part}"),
            Some("resource") => assert!(part["resource"]["uri"].is_string(), "{part}"),
            _ => panic!("a part of another type: {part}"),
        }
    }
    let is_error = result.get("isError");
    assert!(is_error.is_none_or(Value::is_boolean), "{result}");
    let structured = result["structuredContent"].as_object();
    structured.unwrap_or_else(|| panic!("no structured result: {result}"))
}
