//! `l402_resume`: what a payment bought, after it was pending or its answer was lost. Pays nothing.

use std::sync::Arc;

use l402_host::BoxFuture;
use serde_json::json;

use super::answer::Answer;
use super::card::{Card, Hints};
use super::interface::{Call, Tool};
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

    fn call(&self, _call: Call) -> BoxFuture<'_, Answer> {
        Box::pin(async move { Answer::unbuilt(&self.purse) })
    }
}
