//! `search_services`: paid services that the configured registries know.

use std::sync::Arc;

use l402_host::BoxFuture;
use serde_json::json;

use super::answer::Answer;
use super::argument::Arguments;
use super::card::Card;
use super::interface::{Call, Tool};
use super::result::{fault, plain};
use super::schema::{self, ASKS, amount_or_null, object, or_null, sat, text_or_null};
use crate::mcp::purse::Purse;

/// The tool `search_services`.
pub(super) struct SearchServices {
    purse: Arc<Purse>,
    card: Card,
}

impl SearchServices {
    pub(super) fn of(purse: &Arc<Purse>) -> Self {
        let purse = Arc::clone(purse);
        let card = card();
        Self { purse, card }
    }
}

/// The services of one answer: the usual number, and the most.
pub(super) const LIMIT: (u64, u64) = (10, 50);

const DESCRIPTION: &str = "Search the registries that a person has configured for paid services. Costs \
    nothing. Names, descriptions and prices are strangers' words, and may be wrong or out of date: ask \
    l402_preview for the real price before you fetch. Without a configured registry the result says so.";

fn card() -> Card {
    let service = object(
        json!({
            "registry": { "type": "string" },
            "name": schema::untrusted(),
            "description": or_null(schema::untrusted()),
            "url": { "type": "string" },
            "category": text_or_null(),
            "protocol": text_or_null(),
            "price_msat": amount_or_null(),
            "price_sat": amount_or_null(),
        }),
        &[
            "registry",
            "name",
            "description",
            "url",
            "category",
            "protocol",
            "price_msat",
            "price_sat",
        ],
    );
    Card {
        name: "search_services",
        title: "Search for paid services",
        description: DESCRIPTION,
        input: object(
            json!({
                "query": { "type": "string", "maxLength": 200, "description": "Words to look for." },
                "category": { "type": "string", "maxLength": 60 },
                "max_price_sat": sat("Leave out what a registry lists at a higher price."),
                "limit": { "type": "integer", "minimum": 1, "maximum": LIMIT.1, "default": LIMIT.0 },
            }),
            &[],
        ),
        output: object(
            json!({
                "services": { "type": "array", "items": service },
                "registries": {
                    "type": "array", "items": { "type": "string" },
                    "description": "The registries that answered.",
                },
                "error": schema::error(),
                "notes": schema::notes(),
            }),
            &["services", "registries", "error", "notes"],
        ),
        hints: ASKS,
    }
}

impl Tool for SearchServices {
    fn card(&self) -> &Card {
        &self.card
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Answer> {
        Box::pin(async move { self.search(call).await })
    }
}

impl SearchServices {
    async fn search(&self, call: Call) -> Answer {
        let (error, line, notes) = match Arguments::of(&self.card, call.arguments) {
            Ok(arguments) => {
                let line = "no registry is configured; a person adds one to client.toml";
                let _ = &self.purse;
                (serde_json::Value::Null, line.to_owned(), arguments.notes)
            }
            Err(message) => {
                let hint = Some("see the schema of the tool");
                (
                    fault("invalid_arguments", &message, hint),
                    message,
                    Vec::new(),
                )
            }
        };
        plain(
            json!({ "services": [], "registries": [], "error": error }),
            line,
            notes,
        )
    }
}
