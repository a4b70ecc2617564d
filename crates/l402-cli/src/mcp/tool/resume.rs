//! `l402_resume`: what a payment bought, after it was pending or its answer was lost. Pays nothing.

use std::sync::Arc;

use l402_host::BoxFuture;
use serde_json::json;

use super::answer::ToolAnswer;
use super::argument::Arguments;
use super::card::{Card, Hints};
use super::interface::{Call, Tool};
use super::result::PayingResult;
use super::resuming::{self, Resumption};
use super::schema::{self, object, paying};
use crate::mcp::purse::Purse;

/// The tool `l402_resume`.
pub(super) struct Resume {
    purse: Arc<Purse>,
    card: Card,
}

impl Resume {
    pub(super) fn of(purse: &Arc<Purse>) -> Self {
        let purse = Arc::clone(purse);
        let card = card();
        Self { purse, card }
    }
}

const DESCRIPTION: &str = "Look up a payment of yours and get the answer that it bought. Never pays. \
    Call it with the payment_hash of a result that was `pending` or `paid`. If `outcome` is still \
    `pending`, wait a minute and call it again; do not pay by other means. url, method, headers and body \
    are needed only if the result says so: repeat those of the first call exactly. An answer that was \
    had before comes from the kept answers.";

fn card() -> Card {
    let mut input = schema::request();
    input["payment_hash"] = schema::hash("The payment to look up.");
    Card {
        name: "l402_resume",
        title: "Get what was paid for",
        description: DESCRIPTION,
        input: object(input, &["payment_hash"]),
        output: paying(json!({ "answer": super::fetch::answer() })),
        hints: Hints {
            read_only: false,
            destructive: false,
            idempotent: true,
            open_world: true,
        },
    }
}

impl Tool for Resume {
    fn card(&self) -> &Card {
        &self.card
    }

    fn call(&self, call: Call) -> BoxFuture<'_, ToolAnswer> {
        Box::pin(async move { self.resume(call).await })
    }
}

impl Resume {
    async fn resume(&self, call: Call) -> ToolAnswer {
        let none = json!({ "answer": null });
        let arguments = match Arguments::of(&self.card, call.arguments) {
            Ok(arguments) => arguments,
            Err(message) => return PayingResult::bad_arguments(&message).answer(none),
        };
        let http = match arguments.http() {
            Ok(http) => http,
            Err(message) => return PayingResult::bad_arguments(&message).answer(none),
        };
        let Some(hash) = arguments.hash("payment_hash") else {
            return PayingResult::bad_arguments("payment_hash is no hash").answer(none);
        };
        let resumption = Resumption {
            hash,
            http,
            arguments: arguments.digest,
            patience: call.patience,
        };
        resuming::resume(&self.purse, resumption)
            .await
            .answer(arguments.notes)
    }
}
