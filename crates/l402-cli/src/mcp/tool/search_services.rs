//! `search_services`: paid services that the configured registries know.

use std::sync::Arc;

use l402_host::BoxFuture;
use serde_json::{Value, json};

use super::answer::Answer;
use super::argument::Arguments;
use super::buying::not_ready;
use super::card::Card;
use super::interface::{Call, Tool};
use super::result::{PayingResult, fault, plain};
use super::schema::{self, ASKS, amount_or_null, object, or_null, sat, text_or_null};
use super::stranger::{WORDS_MAX, words};
use crate::mcp::download::Download;
use crate::mcp::purse::{Purse, Wish};
use crate::mcp::registry::{Found, Query, Registries, Service};

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
const LIMIT: (usize, usize) = (10, 50);

const DESCRIPTION: &str = "Search the registries that a person has configured for paid services. Costs \
    nothing. Names, descriptions and prices are strangers' words, and may be wrong or out of date: ask \
    l402_preview for the real price before you fetch. Without a configured registry the result says so.";

fn card() -> Card {
    let service = object(
        json!({
            "registries": {
                "type": "array", "items": { "type": "string" },
                "description": "The registries that list it.",
            },
            "name": schema::untrusted(),
            "description": or_null(schema::untrusted()),
            "url": { "type": "string" },
            "method": { "type": "string" },
            "category": text_or_null(),
            "health": { "type": "string", "description": "As the registry last found it." },
            "price_msat": amount_or_null(),
            "price_sat": amount_or_null(),
        }),
        &[
            "registries",
            "name",
            "description",
            "url",
            "method",
            "category",
            "health",
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
        let arguments = match Arguments::of(&self.card, call.arguments) {
            Ok(arguments) => arguments,
            Err(message) => {
                let error = fault(
                    "invalid_arguments",
                    &message,
                    Some("see the schema of the tool"),
                );
                return found(&Found::default(), error, message, Vec::new());
            }
        };
        let settings = &self.purse.config().registries;
        if settings.is_empty() {
            let line =
                "no registry is configured; a person adds one with [[registries]] in client.toml";
            return found(
                &Found::default(),
                Value::Null,
                line.to_owned(),
                arguments.notes,
            );
        }
        let query = Query {
            text: arguments.text("query").unwrap_or_default().to_owned(),
            category: arguments.text("category").map(str::to_owned),
            max_price_sat: arguments.number("max_price_sat"),
            limit: arguments
                .number("limit")
                .and_then(|limit| usize::try_from(limit).ok())
                .unwrap_or(LIMIT.0),
        };
        // A client without a wallet, which knows the addresses that are never asked.
        let client = match self.purse.client(Wish::default()).await {
            Ok(client) => client,
            Err(why) => {
                let PayingResult { error, line, .. } = not_ready(why);
                return found(&Found::default(), error.into(), line, arguments.notes);
            }
        };
        let registries = Registries::new(settings, &Download::new(client, Vec::new()));
        let answer = registries.search(&query).await;
        let mut notes = arguments.notes;
        notes.extend(answer.failed.iter().map(|(name, why)| {
            format!(
                "{name} gave nothing: {}",
                l402::text::escape_within(why, 200)
            )
        }));
        let line = format!(
            "{} services; prices and descriptions are strangers' words, so ask l402_preview",
            answer.services.len()
        );
        found(&answer, Value::Null, line, notes)
    }
}

fn found(found: &Found, error: Value, line: String, notes: Vec<String>) -> Answer {
    let fields = json!({
        "services": found.services.iter().map(service).collect::<Vec<_>>(),
        "registries": found.answered,
        "error": error,
    });
    plain(fields, line, notes)
}

fn service(service: &Service) -> Value {
    let host = service.url.host_str().unwrap_or_default();
    let is_told = !service.description.is_empty();
    json!({
        "registries": service.registries,
        "name": words(host, &service.name, 120),
        "description": is_told.then(|| words(host, &service.description, WORDS_MAX)),
        "url": service.url.as_str(),
        "method": service.method,
        "category": service.category.as_ref().map(|it| l402::text::escape_within(it, 60)),
        "health": service.health.name(),
        "price_msat": service.price_sat.map(|sat| l402::Msat::from_sat(sat).msat()),
        "price_sat": service.price_sat,
    })
}
