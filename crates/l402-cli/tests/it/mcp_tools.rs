//! The tools of `l402 mcp`, called through the program.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::program::Home;

/// `l402 mcp` on its streams, spoken to in the generation without a session.
struct Agent {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    asked: u64,
}

impl Agent {
    fn start(home: &Home, args: &[&str]) -> Self {
        let args = [&["mcp", "--wallet", "sandbox"], args].concat();
        let mut command = home.command(&args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program");
        let stdin = child.stdin.take().expect("its input");
        let stdout = BufReader::new(child.stdout.take().expect("its output"));
        Self {
            child,
            stdin,
            stdout,
            asked: 0,
        }
    }

    /// Calls a tool, and returns the whole result.
    fn call(&mut self, name: &str, arguments: &Value) -> Value {
        self.asked += 1;
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        });
        let params = json!({ "name": name, "arguments": arguments, "_meta": meta });
        let call = json!({
            "jsonrpc": "2.0", "id": self.asked, "method": "tools/call", "params": params,
        });
        writeln!(self.stdin, "{call}").expect("a call");
        let mut line = String::new();
        loop {
            line.clear();
            let read = self.stdout.read_line(&mut line).expect("an answer");
            assert_ne!(read, 0, "the program has ended");
            let answer: Value = serde_json::from_str(&line).expect("a message");
            if answer["id"] == self.asked {
                return answer["result"].clone();
            }
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // A test that failed leaves nothing behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_default()
}

// ATTACKS A-10: also a program that was killed and started again knows what the call has bought.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_bought_outlives_the_program() {
    let home = Home::new();
    let (url, _) = l402_testkit::joke_stall(&home.path().join("home"));
    let call = json!({ "url": url });
    let mut agent = Agent::start(&home, &[]);
    let bought = agent.call("l402_fetch", &call);
    let result = &bought["structuredContent"];
    assert_eq!(result["outcome"], "served", "{bought:#}");
    assert_eq!(result["payment"]["amount_sat"], 50);
    assert_eq!(result["answer"]["body"]["text"], "a joke");
    let hash = result["payment"]["payment_hash"].as_str().expect("a hash");
    // Whoever shows a model the text alone shows what was paid.
    assert!(line(&bought).contains("paid 50 sat"), "{bought:#}");
    assert!(line(&bought).contains(hash), "{bought:#}");
    assert_ne!(bought["isError"], true);
    drop(agent);

    let mut agent = Agent::start(&home, &[]);
    let again = agent.call("l402_fetch", &call);
    assert_eq!(again["structuredContent"]["replayed"], true, "{again:#}");
    assert_eq!(again["structuredContent"]["payment"]["payment_hash"], hash);
    let receipts = agent.call("receipts", &json!({}));
    assert_eq!(receipts["structuredContent"]["count"], 1, "{receipts:#}");
    let wild = agent.call(
        "pay_invoice",
        &json!({ "invoice": "x", "max_cost_sat": "10 sats" }),
    );
    assert_eq!(wild["isError"], true, "{wild:#}");
}

// ATTACKS A-12: the command line lowers the limits, and no argument raises them.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_lowers_the_limits() {
    let home = Home::new();
    let (url, _) = l402_testkit::joke_stall(&home.path().join("home"));
    let mut agent = Agent::start(&home, &["--max-price", "10 sat"]);
    let over = agent.call("l402_fetch", &json!({ "url": url, "max_cost_sat": 1000 }));
    let error = &over["structuredContent"]["error"];
    assert_eq!(over["structuredContent"]["outcome"], "refused", "{over:#}");
    assert_eq!(error["limit"]["which"], "per_request");
    assert_eq!(error["limit"]["limit_msat"], 10_000);
}
