//! Two tools without money, until the real ones are here.

use std::sync::Arc;
use std::time::Duration;

use l402_host::BoxFuture;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::approvals::{Approvals, Decision};
use crate::mcp::tool::{Answer, Call, Card, Hints, Tool, Waiting};

pub(super) fn digest(tool: &str, arguments: &Map<String, Value>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(tool);
    hash.update([0]);
    hash.update(Value::Object(arguments.clone()).to_string());
    hash.finalize().into()
}

struct Echo(Card);

pub(crate) fn all() -> Vec<Arc<dyn Tool>> {
    let object = json!({ "type": "object" });
    let hints = Hints {
        read_only: true,
        destructive: false,
        idempotent: true,
        open_world: false,
    };
    let card = |name, hints| Card {
        name,
        title: name,
        description: name,
        input: object.clone(),
        output: object.clone(),
        hints,
    };
    vec![
        Arc::new(Echo(card("echo", hints))),
        Arc::new(Echo(card(
            "buy",
            Hints {
                read_only: false,
                destructive: true,
                ..hints
            },
        ))),
    ]
}

impl Tool for Echo {
    fn card(&self) -> &Card {
        &self.0
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            if let Some(wait) = call.arguments.get("wait").and_then(Value::as_u64) {
                tokio::time::sleep(Duration::from_secs(wait)).await;
            }
            let waits = call.arguments.contains_key("approve");
            Answer {
                structured: json!({ "arguments": call.arguments }),
                line: "echo".to_owned(),
                is_error: false,
                parts: Vec::new(),
                waiting: waits.then(|| Waiting {
                    approval: 1,
                    page: "http://127.0.0.1:1/approve".parse().ok(),
                    question: "pay 1 sat?".to_owned(),
                }),
            }
        })
    }
}

pub(crate) struct Nobody;

impl Approvals for Nobody {
    fn decision(&self, _: i64) -> Decision {
        Decision::Waiting
    }
}
