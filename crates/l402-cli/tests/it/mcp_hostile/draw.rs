//! Calls that a model could make, drawn from a seed: sound ones, wild ones, and what strangers told it to do.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::stall::KINDS;

/// A number of so many digits stands here in the text of a call; no value of `serde_json` holds it.
pub(super) const HUGE_NUMBER: &str = "@huge-number@";

/// A value so deep stands here in the text of a call.
pub(super) const DEEP: &str = "@deep@";

/// Words that widen nothing, whoever says them.
const CLAIMS: [&str; 10] = [
    "confirmed",
    "confirm",
    "approved",
    "approval_id",
    "agent",
    "budget",
    "max_per_day_sat",
    "approve_above_sat",
    "wallet",
    "__proto__",
];

/// The things in the world that arguments can name.
pub(super) struct World {
    /// URLs that a seller has, without those below.
    pub(super) urls: Vec<String>,
    /// The stall's own address.
    pub(super) stall: String,
    pub(super) invoices: Vec<String>,
    /// Payment hashes that answers have named.
    pub(super) hashes: Vec<String>,
}

/// One line to send.
pub(super) struct Drawn {
    pub(super) tool: String,
    pub(super) arguments: Value,
    /// The server may be unable to read it, and answer without a number.
    pub(super) is_wild: bool,
}

/// Draws a call of one of these tools.
pub(super) fn call(rng: &mut Rng, tools: &[Value], world: &World) -> Drawn {
    let card = &tools[rng.usize(..tools.len())];
    // Half of all calls can move money.
    let paying = ["l402_fetch", "pay_invoice"];
    let name = match rng.u8(..4) {
        0 => paying[0],
        1 => paying[1],
        _ => card["name"].as_str().expect("a name"),
    };
    let card = tools.iter().find(|card| card["name"] == name);
    let schema = &card.expect("a card")["inputSchema"];
    let mut arguments = sound(rng, schema, world);
    let mut is_wild = false;
    if rng.u8(..3) == 0 {
        is_wild = spoil(rng, &mut arguments, schema);
    }
    let mut arguments = Value::Object(arguments);
    if rng.u8(..60) == 0 {
        arguments = [json!([]), json!("x"), json!(7), Value::Null][rng.usize(..4)].clone();
        is_wild = true;
    }
    let tool = match rng.u8(..50) {
        0 => format!("{name}\u{202e}"),
        1 => "confirm_payment".to_owned(),
        _ => name.to_owned(),
    };
    Drawn {
        tool,
        arguments,
        is_wild,
    }
}

/// Draws what a model does that believes what it was told.
pub(super) fn obeyed(rng: &mut Rng, world: &World) -> Drawn {
    let invoice = &world.invoices[rng.usize(..world.invoices.len())];
    Drawn {
        tool: "pay_invoice".to_owned(),
        arguments: json!({ "invoice": invoice, "max_cost_sat": 1_000_000 }),
        is_wild: false,
    }
}

/// Arguments by the schema, with names that this world knows.
fn sound(rng: &mut Rng, schema: &Value, world: &World) -> Map<String, Value> {
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let mut arguments = Map::new();
    for (name, property) in properties {
        if required.contains(&json!(name)) || rng.u8(..3) == 0 {
            arguments.insert(name.clone(), value(rng, name, property, world));
        }
    }
    arguments
}

fn value(rng: &mut Rng, name: &str, property: &Value, world: &World) -> Value {
    if let Some(choices) = property["enum"].as_array() {
        return choices[rng.usize(..choices.len())].clone();
    }
    match name {
        "url" => json!(url(rng, world)),
        "invoice" | "bolt11" => json!(world.invoices[rng.usize(..world.invoices.len())]),
        "payment_hash" if !world.hashes.is_empty() && rng.u8(..4) != 0 => {
            json!(world.hashes[rng.usize(..world.hashes.len())])
        }
        "payment_hash" => json!(format!("{:064x}", rng.u128(..))),
        "idempotency_key" => json!(format!("key-{}", rng.u8(..12))),
        _ if name.ends_with("_sat") => json!([0, 1, 60, 200, 2_000_000][rng.usize(..5)]),
        _ => typed(rng, property),
    }
}

fn typed(rng: &mut Rng, property: &Value) -> Value {
    let kind = match &property["type"] {
        Value::Array(kinds) => kinds[rng.usize(..kinds.len())].as_str(),
        kind => kind.as_str(),
    };
    match kind {
        Some("integer" | "number") => json!(rng.u32(..100)),
        Some("boolean") => json!(rng.bool()),
        Some("array") => json!([]),
        Some("object") => json!({ "x-own": "1" }),
        Some("null") => Value::Null,
        _ => json!(["a joke", "", "\u{202e}x\u{0}", "call pay_invoice"][rng.usize(..4)]),
    }
}

fn url(rng: &mut Rng, world: &World) -> String {
    match rng.u8(..10) {
        0 => world.urls[rng.usize(..world.urls.len())].clone(),
        1 => format!(
            "{}/{}",
            world.stall,
            ["away", "problem", "free"][rng.usize(..3)]
        ),
        _ => {
            let sat = [1, 7, 20, 45, 88, 95, 101, 400, 50_000][rng.usize(..9)];
            // Few paths, so that calls meet what earlier ones have bought.
            let kind = KINDS[rng.usize(..KINDS.len())];
            format!("{}/buy/{sat}/{kind}/{}", world.stall, rng.u8(..3))
        }
    }
}

/// URLs that lead to nothing that a model may reach.
pub(super) fn forbidden_urls(home: &str) -> Vec<String> {
    vec![
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[::ffff:169.254.169.254]/".to_owned(),
        "http://10.0.0.1/".to_owned(),
        "http://user:secret@10.1.1.1/".to_owned(),
        format!("file://{home}/client/client.db"),
        "javascript:alert(1)".to_owned(),
        "ftp://127.0.0.1/".to_owned(),
        "http://".to_owned(),
        "http://127.0.0.1:1/\r\nHost: x".to_owned(),
        "lightning:lnbcrt1".to_owned(),
    ]
}

/// Makes arguments bad in one way. Returns true if the server may be unable to read them.
fn spoil(rng: &mut Rng, arguments: &mut Map<String, Value>, schema: &Value) -> bool {
    let names: Vec<String> = match schema["properties"].as_object() {
        Some(properties) if !properties.is_empty() => properties.keys().cloned().collect(),
        _ => vec!["x".to_owned()],
    };
    let name = names[rng.usize(..names.len())].clone();
    match rng.u8(..6) {
        0 => {
            arguments.remove(&name);
            return false;
        }
        1 | 2 => {
            let claim = CLAIMS[rng.usize(..CLAIMS.len())];
            let says = [json!(true), json!("default"), json!(1_000_000_000)];
            arguments.insert(claim.to_owned(), says[rng.usize(..3)].clone());
            return false;
        }
        _ => {}
    }
    let (value, is_wild) = match rng.u8(..16) {
        0 => (json!(-1), false),
        1 => (json!(0), false),
        2 => (json!(1e308), false),
        3 => (json!("NaN"), false),
        4 => (json!("10 sats"), false),
        5 => (json!(0.5), false),
        6 => (json!(u64::MAX), false),
        7 => (Value::Null, false),
        8 => (json!([[]]), false),
        9 => (json!({ "a": { "b": [] } }), false),
        10 => (json!("../../../../root/.ssh/authorized_keys"), false),
        11 => (json!("\u{202e}\u{e0041}\u{200b}\u{0}"), false),
        12 => (json!("'; DROP TABLE purchase; --"), false),
        13 => (json!("x".repeat(200_000)), false),
        14 => (json!(HUGE_NUMBER), true),
        _ => (json!(DEEP), true),
    };
    arguments.insert(name, value);
    is_wild
}

/// Puts what `serde_json` cannot hold into the text of a call.
pub(super) fn put_wild_values(text: &str) -> String {
    let number = "9".repeat(400);
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    text.replace(&format!("\"{HUGE_NUMBER}\""), &number)
        .replace(&format!("\"{DEEP}\""), &deep)
}
