//! A tool of another wallet, done by a default tool.

use std::sync::Arc;

use l402_host::BoxFuture;
use serde_json::{Map, Value, json};

use super::address::Addresses;
use super::arguments;
use super::fields::{self, Sources};
use super::form::{self, Ending};
use super::narrow::{self, Narrow};
use super::profile::Profile;
use super::row::{Field, Kind, Parameter, Row, Work};
use crate::mcp::tool::{Call, Card, Hints, Tool, ToolAnswer};

/// A tool of another wallet, done by a default tool.
pub(super) struct CompatTool {
    profile: Profile,
    row: &'static Row,
    card: Card,
    defaults: Arc<[Arc<dyn Tool>]>,
    addresses: Arc<Addresses>,
    limits: Arc<dyn Narrow>,
}

/// The outcome of the work: an answer of a default tool, or of ours, with its notes.
struct Worked {
    answer: ToolAnswer,
    notes: Vec<String>,
}

impl CompatTool {
    pub(super) fn new(
        profile: Profile,
        row: &'static Row,
        defaults: &[Arc<dyn Tool>],
        addresses: &Arc<Addresses>,
        limits: &Arc<dyn Narrow>,
    ) -> Self {
        let addresses = Arc::clone(addresses);
        let limits = Arc::clone(limits);
        let hints = hints(row.work, defaults);
        let (defaults, card) = (defaults.into(), card(row, hints));
        Self {
            profile,
            row,
            card,
            defaults,
            addresses,
            limits,
        }
    }

    async fn answer(&self, call: &Call) -> ToolAnswer {
        let worked = match arguments::read(self.row, &call.arguments) {
            Ok(read) => {
                let answer = self.work(read.ours, call).await;
                answer.map(|answer| Worked {
                    answer,
                    notes: read.notes,
                })
            }
            Err(why) => Err(why),
        };
        match worked {
            Ok(worked) => self.translate(worked, &call.arguments),
            Err(why) => failure(self.profile, &why),
        }
    }

    async fn work(&self, ours: Map<String, Value>, call: &Call) -> Result<ToolAnswer, String> {
        match self.row.work {
            Work::Tool(name) => self.ask(name, ours, call).await,
            Work::Refuse(words) => Err(words.to_owned()),
            Work::PayAddress => self.pay_address(&ours, call).await,
            Work::AskAddress => {
                let asked = self.addresses.invoice(&ours).await?;
                Ok(done(asked.described(), "nothing was paid".to_owned()))
            }
            Work::Narrow => {
                let (result, line) = narrow::narrow(&*self.limits, &ours)?;
                Ok(done(result, line))
            }
            Work::LookUpEither => self.look_up(ours, call).await,
        }
    }

    async fn pay_address(
        &self,
        ours: &Map<String, Value>,
        call: &Call,
    ) -> Result<ToolAnswer, String> {
        let _turn = self.addresses.turn(ours, call.patience).await?;
        if let Some(hash) = self.addresses.paid_before(ours)? {
            let arguments = into_map(json!({ "payment_hash": hash.to_string() }));
            return self.ask("l402_resume", arguments, call).await;
        }
        let paid = self.addresses.invoice(ours).await?;
        let mut payment = json!({ "invoice": paid.invoice.clone() });
        if let Some(key) = ours.get("idempotency_key") {
            payment["idempotency_key"] = key.clone();
        }
        // Noted before, so that a call that is cut off never leads to a second invoice.
        self.addresses.begin(&paid, ours)?;
        let answer = self.ask("pay_invoice", into_map(payment), call).await?;
        self.addresses
            .end(&paid, Ending::of(&answer) == Ending::Pending);
        Ok(answer)
    }

    /// Calls a default tool.
    async fn ask(
        &self,
        name: &str,
        arguments: Map<String, Value>,
        call: &Call,
    ) -> Result<ToolAnswer, String> {
        let tool = self.defaults.iter().find(|tool| tool.card().name == name);
        let tool = tool.ok_or_else(|| format!("{name} is not there"))?;
        let patience = call.patience;
        Ok(tool
            .call(Call {
                arguments,
                patience,
            })
            .await)
    }

    async fn look_up(&self, ours: Map<String, Value>, call: &Call) -> Result<ToolAnswer, String> {
        let hash = match (ours.get("payment_hash"), ours.get("invoice")) {
            (Some(hash), _) => hash.clone(),
            (None, Some(invoice)) => {
                let arguments = into_map(json!({ "invoice": invoice }));
                let decoded = self.ask("decode_invoice", arguments, call).await?;
                match decoded.structured["payment_hash"].clone() {
                    Value::Null => return Ok(decoded),
                    hash => hash,
                }
            }
            (None, None) => return Err("write payment_hash or invoice".to_owned()),
        };
        let arguments = into_map(json!({ "payment_hash": hash }));
        self.ask("lookup_payment", arguments, call).await
    }

    /// Puts an answer into the form and the keys of the other wallet.
    fn translate(&self, worked: Worked, arguments: &Map<String, Value>) -> ToolAnswer {
        let Worked { mut answer, notes } = worked;
        let ending = Ending::of(&answer);
        let mut untrusted = Vec::new();
        let mut result = match ending {
            Ending::Done => {
                let (result, line) = (&answer.structured, answer.line.as_str());
                let read = fields::read(
                    self.row.result,
                    Sources {
                        result,
                        arguments,
                        line,
                    },
                );
                untrusted = read.untrusted;
                read.object
            }
            Ending::Paid => form::unanswered(self.profile, &answer, true),
            Ending::Pending => form::unanswered(self.profile, &answer, false),
            Ending::Waiting => form::waiting(self.profile, &answer),
            Ending::Failed => form::failed(self.profile, &answer),
        };
        // Ours, for those who know them: which keys are a stranger's words, and what the call came to.
        if !untrusted.is_empty() {
            result.insert("untrusted".to_owned(), json!(untrusted));
        }
        for key in ["outcome", "replayed", "paid_at"] {
            let ours = answer
                .structured
                .get(key)
                .filter(|it| !it.is_null() && **it != false);
            if let Some(value) = ours {
                result.entry(key).or_insert_with(|| value.clone());
            }
        }
        let said = answer.structured.get("notes").and_then(Value::as_array);
        let said = said.into_iter().flatten().cloned();
        let notes: Vec<Value> = notes.into_iter().map(Value::from).chain(said).collect();
        if !notes.is_empty() {
            result.insert("notes".to_owned(), Value::Array(notes));
        }
        answer.is_error = ending == Ending::Failed;
        answer.structured = Value::Object(result);
        answer
    }
}

impl Tool for CompatTool {
    fn card(&self) -> &Card {
        &self.card
    }

    fn call(&self, call: Call) -> BoxFuture<'_, ToolAnswer> {
        Box::pin(async move { self.answer(&call).await })
    }
}

/// Returns the answer of work that no default tool has done.
fn done(structured: Value, line: String) -> ToolAnswer {
    ToolAnswer {
        structured,
        line,
        is_error: false,
        parts: Vec::new(),
        waiting: None,
    }
}

/// Returns the answer to a call that was not done, before any money was in question.
fn failure(profile: Profile, why: &str) -> ToolAnswer {
    ToolAnswer {
        structured: form::error_of(profile, why, None).into(),
        line: format!("{why}; nothing was paid"),
        is_error: true,
        parts: Vec::new(),
        waiting: None,
    }
}

fn into_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn hints(work: Work, defaults: &[Arc<dyn Tool>]) -> Hints {
    let of = |name: &str| defaults.iter().find(|tool| tool.card().name == name);
    let name = match work {
        Work::Tool(name) => name,
        Work::PayAddress => "pay_invoice",
        Work::LookUpEither => "lookup_payment",
        Work::AskAddress | Work::Narrow | Work::Refuse(_) => "",
    };
    of(name).map_or_else(
        || Hints {
            read_only: !matches!(work, Work::Narrow),
            destructive: false,
            idempotent: !matches!(work, Work::AskAddress),
            open_world: matches!(work, Work::AskAddress),
        },
        |tool| tool.card().hints,
    )
}

fn card(row: &Row, hints: Hints) -> Card {
    let properties: Map<String, Value> = row
        .parameters
        .iter()
        .map(|parameter| (parameter.name.to_owned(), schema(parameter)))
        .collect();
    let required: Vec<_> = row
        .parameters
        .iter()
        .filter(|it| it.is_required)
        .map(|it| it.name)
        .collect();
    let keys = row
        .result
        .iter()
        .map(|Field(key, _)| key.split('.').next().unwrap_or(key));
    let keys: Map<String, Value> = keys.map(|key| (key.to_owned(), json!({}))).collect();
    Card {
        name: row.name,
        title: row.name,
        description: row.description,
        input: json!({
            "type": "object", "properties": properties, "required": required,
            "additionalProperties": false,
        }),
        // Open: a result says more than the other wallet's, such as `notes` and `untrusted`.
        output: json!({ "type": "object", "properties": keys }),
        hints,
    }
}

fn schema(parameter: &Parameter) -> Value {
    use super::row::Fate;
    let mut schema = match parameter.kind {
        Kind::Text(most) => json!({ "type": "string", "maxLength": most }),
        Kind::Whole(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Kind::Choice(texts) => json!({ "type": "string", "enum": texts }),
        Kind::Texts => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Kind::Any => json!({}),
    };
    match parameter.fate {
        Fate::Or(_, number) => schema["default"] = json!(number),
        Fate::Ignored(words) => schema["description"] = json!(format!("Ignored: {words}.")),
        Fate::Refused(words) => schema["description"] = json!(format!("Not taken: {words}.")),
        Fate::To(_) => {}
    }
    schema
}
