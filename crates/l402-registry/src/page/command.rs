//! Commands and programs that buy from a listing, to be copied.
//!
//! The address and the body are strangers' text. In a command each stands between single quotes, in
//! which a POSIX shell knows no special character but the quote itself; in a program each is a string
//! of JSON, which is a string of Python and of JavaScript, too.

use l402::{Msat, Network};
use l402_client::Limits;
use serde_json::{Value, json};

use crate::listing::{Listing, RequestSchema};

/// The most fields of a made-up body, and the most bytes of it.
const BODY_FIELDS: usize = 20;
const BODY_MAX: usize = 1024;

/// A way to buy, as text that can be copied.
pub(super) struct Command {
    /// The heading.
    pub(super) title: &'static str,
    /// A sentence on what is needed.
    pub(super) needs: &'static str,
    /// The text.
    pub(super) text: String,
    /// The reader of [`l402_client::examine::READERS`] that this is, if it is one.
    pub(super) client: Option<&'static str>,
}

/// What the commands of a listing need to know.
struct Purchase<'a> {
    url: &'a str,
    method: &'a str,
    body: Option<String>,
    wallet: &'static str,
    price: Option<Msat>,
}

/// Returns the commands for a listing, the shortest first.
pub(super) fn commands(listing: &Listing) -> Vec<Command> {
    let observed = listing.observed.as_ref();
    let network = observed.and_then(|seen| seen.network);
    let purchase = Purchase {
        url: listing.url.as_str(),
        method: method(&listing.method),
        body: body(&listing.method, listing.words.request_schema.as_ref()),
        // The sandbox has play money on a network of its own.
        wallet: match network {
            Some(Network::Regtest) => "sandbox",
            _ => "alby",
        },
        price: observed.and_then(|seen| seen.price),
    };
    vec![
        purchase.l402_get(),
        purchase.curl(),
        purchase.python(),
        purchase.node(),
        purchase.mcp(),
    ]
}

impl Purchase<'_> {
    fn l402_get(&self) -> Command {
        // The limit of `l402 get` includes routing: the price alone would leave no route that costs anything.
        let limit = self.price.map(|price| {
            let most = price.saturating_add(Limits::default().max_fee(price));
            format!(" --max-price {}", quoted(&most.to_string()))
        });
        let text = format!(
            "l402 get {}{} --wallet {}{}",
            quoted(self.url),
            self.flags(),
            self.wallet,
            limit.unwrap_or_default(),
        );
        Command {
            title: "l402 get",
            needs: "A wallet by its name (l402 wallet list shows them). The limit is the price that \
                    was seen, with room for routing; it shows what it paid.",
            text,
            client: None,
        }
    }

    fn curl(&self) -> Command {
        // curl reads brackets and braces as patterns otherwise.
        let glob = self.url.contains(['[', ']', '{', '}']);
        let request = format!(
            "{}{} {}",
            if glob { " --globoff" } else { "" },
            self.flags(),
            quoted(self.url)
        );
        Command {
            title: "curl",
            needs: "The first line shows the challenge. Pay its invoice with any wallet; the second line \
                    shows token and preimage.",
            text: format!(
                "curl --include{request}\ncurl --header \"Authorization: L402 $TOKEN:$PREIMAGE\"{request}"
            ),
            client: None,
        }
    }

    fn python(&self) -> Command {
        let body = self
            .body
            .as_deref()
            .map(|body| format!(", content={}", literal(body)));
        Command {
            title: "Python",
            needs: "pip install l402-requests, and a wallet in its environment.",
            text: format!(
                "from l402_requests import BudgetController, L402Client\n\n\
                 client = L402Client(budget=BudgetController({}))\n\
                 answer = client.request({}, {}{})\n\
                 print(answer.text)",
                self.ceil_sat()
                    .map(|sat| format!("max_sats_per_request={sat}"))
                    .unwrap_or_default(),
                literal(self.method),
                literal(self.url),
                body.unwrap_or_default(),
            ),
            client: Some("l402-requests"),
        }
    }

    fn node(&self) -> Command {
        let body = self
            .body
            .as_deref()
            .map(|body| format!(", body: {}", literal(body)));
        Command {
            title: "Node",
            needs: "npm install @getalby/lightning-tools @getalby/sdk, and a wallet that speaks NWC.",
            text: format!(
                "import {{ fetch402 }} from \"@getalby/lightning-tools/402\";\n\
                 import {{ NWCClient }} from \"@getalby/sdk\";\n\n\
                 const wallet = new NWCClient({{ nostrWalletConnectUrl: process.env.NWC_URL }});\n\
                 const request = {{ method: {}{} }};\n\
                 const answer = await fetch402({}, request, {{ wallet{} }});\n\
                 console.log(await answer.text());",
                literal(self.method),
                body.unwrap_or_default(),
                literal(self.url),
                self.ceil_sat()
                    .map(|sat| format!(", maxAmount: {sat}"))
                    .unwrap_or_default(),
            ),
            client: Some("Alby's js-lightning-tools"),
        }
    }

    fn mcp(&self) -> Command {
        let mut arguments = json!({ "url": self.url });
        if self.method != "GET" {
            arguments["method"] = json!(self.method);
        }
        if let Some(body) = &self.body {
            arguments["body"] = json!(body);
        }
        let call = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {
                "name": "l402_fetch",
                "arguments": arguments,
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientCapabilities": {},
                },
            },
        });
        Command {
            title: "MCP",
            needs: "The first line gives Claude Code a purse; then ask it for the address. The second is one \
                    call without an agent.",
            // The call is JSON in one word of the shell, so that no text of a stranger ends it.
            text: format!(
                "claude mcp add l402 -- l402 mcp --wallet {wallet}\n\
                 printf '%s\\n' {call} | l402 mcp --wallet {wallet}",
                wallet = self.wallet,
                call = quoted(&call.to_string()),
            ),
            client: None,
        }
    }

    /// Returns method and body as flags of curl, each with a space before it.
    fn flags(&self) -> String {
        let mut flags = String::new();
        if self.method != "GET" {
            flags = format!(" --request {}", self.method);
        }
        if let Some(body) = &self.body {
            flags += " --header 'Content-Type: application/json' --data ";
            flags += &quoted(body);
        }
        flags
    }

    fn ceil_sat(&self) -> Option<u64> {
        self.price.map(Msat::ceil_sat)
    }
}

/// Returns a text as one word of a POSIX shell. NUL, which no argument can carry, is left out.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', r"'\''"))
}

/// Returns the method if it is a word of capital letters; else GET.
fn method(text: &str) -> &str {
    let is_word = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase());
    if is_word { text } else { "GET" }
}

/// Returns a text as a string of JSON, Python and JavaScript, in ASCII alone.
fn literal(text: &str) -> String {
    let mut literal = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            ' '..='~' => literal.push(c),
            // A character beyond the first plane has two escapes in JavaScript and one in Python. It is
            // an ordinary character in both.
            '\u{10000}'.. => literal.push(c),
            c => literal.push_str(&format!("\\u{:04x}", u32::from(c))),
        }
    }
    literal.push('"');
    literal
}

/// Returns a body with the required fields of a schema, if the method takes one.
fn body(method: &str, schema: Option<&RequestSchema>) -> Option<String> {
    if !matches!(method, "POST" | "PUT" | "PATCH") {
        return None;
    }
    let example = schema
        .map(|schema| example(&schema.0))
        .unwrap_or_else(|| json!({}));
    let text = visible(&example.to_string());
    Some(if text.len() > BODY_MAX {
        "{}".to_owned()
    } else {
        text
    })
}

/// Returns a JSON text that means the same, with an escape for each character that a reader would not see
/// or that would change the order of others. All of them stand within strings.
fn visible(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if l402::text::is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            text.push(c);
        }
    }
    text
}

/// Returns an object with a value for each required field, or for each field if none is required.
fn example(schema: &Value) -> Value {
    let required: Vec<&str> = schema["required"]
        .as_array()
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let Some(properties) = schema["properties"].as_object() else {
        return json!({});
    };
    properties
        .iter()
        .filter(|(name, _)| required.is_empty() || required.contains(&name.as_str()))
        .take(BODY_FIELDS)
        .map(|(name, field)| (name.clone(), value(field)))
        .collect()
}

/// Returns a value that a field of this schema may have.
fn value(field: &Value) -> Value {
    let stated = [&field["example"], &field["default"], &field["enum"][0]];
    if let Some(stated) = stated.into_iter().find(|it| !it.is_null()) {
        return stated.clone();
    }
    match field["type"].as_str() {
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        Some("object") => json!({}),
        _ => json!("text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_is_the_text_again_in_json() {
        for text in [
            "",
            "plain",
            "\"; import os; \"",
            "\\",
            "\u{2028}\n\t\0\u{7f}é漢\u{1f600}",
            "</script>",
        ] {
            let literal = literal(text);
            assert_eq!(serde_json::from_str::<String>(&literal).unwrap(), text);
            assert!(!literal.contains(['\n', '\u{2028}']));
        }
    }

    #[test]
    fn a_body_has_the_required_fields_of_its_schema() {
        let schema = json!({
            "required": ["text", "count"],
            "properties": {
                "text": { "type": "string", "example": "a joke" },
                "count": { "type": "integer" },
                "further": { "type": "boolean" },
            },
        });
        let body = body("POST", Some(&RequestSchema(schema))).unwrap();
        assert_eq!(body, r#"{"count":1,"text":"a joke"}"#);
    }

    #[test]
    fn a_body_shows_every_character() {
        let schema = json!({ "properties": { "a\u{202e}": { "example": "\u{e0067}\n" } } });
        let body = body("POST", Some(&RequestSchema(schema.clone()))).unwrap();
        assert_eq!(body, r#"{"a\u202e":"\udb40\udc67\n"}"#);
        let read: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(read, json!({ "a\u{202e}": "\u{e0067}\n" }));
    }

    #[test]
    fn a_body_of_any_schema_is_short() {
        let endless = json!({ "properties": { "a": { "example": "x".repeat(5000) } } });
        assert_eq!(body("PUT", Some(&RequestSchema(endless))).unwrap(), "{}");
        assert_eq!(
            body("PATCH", Some(&RequestSchema(json!([1])))).unwrap(),
            "{}"
        );
        assert_eq!(body("GET", None), None);
    }
}
