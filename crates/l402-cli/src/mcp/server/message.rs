//! One message of JSON-RPC, read from bytes. The same rules hold on stdio and over HTTP.

use rmcp::model::{ClientJsonRpcMessage, ErrorCode, ErrorData, JsonRpcError, RequestId};
use serde_json::{Map, Value};

/// The longest message that is read, in bytes.
pub(super) const MESSAGE_MAX: usize = 1024 * 1024;

/// The most values in one message. Each takes many times the bytes that it has as text.
const VALUES_MAX: usize = 20_000;

/// Reads one message. Returns `None` for one that needs no answer and has no meaning here, such as a
/// notification of another protocol.
///
/// # Errors
/// The answer to one that is no message, with its id if that can be read.
pub(super) fn read(bytes: &[u8]) -> Result<Option<ClientJsonRpcMessage>, Box<JsonRpcError>> {
    // Deep nesting ends here, too: the parser stops at 128 levels.
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|_| refusal(None, ErrorCode::PARSE_ERROR, "the message is no JSON"))?;
    let invalid = |id, text| Err(refusal(id, ErrorCode::INVALID_REQUEST, text));
    if values(&value) > VALUES_MAX {
        return invalid(None, "the message has too many values");
    }
    let message = match &value {
        Value::Object(message) => message,
        Value::Array(_) => return invalid(None, "batches are not served: send each message alone"),
        _ => return invalid(None, "the message is no JSON object"),
    };
    let id = message.get("id").and_then(request_id);
    if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return invalid(id, "the message does not say `\"jsonrpc\": \"2.0\"`");
    }
    if message.contains_key("id") && id.is_none() && !message.contains_key("error") {
        return invalid(None, "the id is neither a string nor a whole number");
    }
    match message.get("method") {
        Some(Value::String(_)) => {}
        Some(_) => return invalid(id, "the method is no string"),
        None if message.contains_key("result") || message.contains_key("error") => {}
        None => return invalid(id, "the message has neither a method nor a result"),
    }
    understand(value, id)
}

/// Makes a message of the SDK from one of the right outer form.
fn understand(
    value: Value,
    id: Option<RequestId>,
) -> Result<Option<ClientJsonRpcMessage>, Box<JsonRpcError>> {
    let is_request = value.get("method").is_some() && id.is_some();
    if is_request && !value.get("params").is_none_or(Value::is_object) {
        let text = "the parameters are no JSON object";
        return Err(refusal(id, ErrorCode::INVALID_PARAMS, text));
    }
    match serde_json::from_value(value) {
        Ok(message) => Ok(Some(message)),
        Err(_) if is_request => {
            let text = "the parameters do not fit the method";
            Err(refusal(id, ErrorCode::INVALID_PARAMS, text))
        }
        // Neither a notification nor an answer to a question is answered.
        Err(_) => Ok(None),
    }
}

/// Returns the number of values in a value, itself among them.
fn values(value: &Value) -> usize {
    1 + match value {
        Value::Array(inner) => inner.iter().map(values).sum(),
        Value::Object(inner) => inner.values().map(values).sum::<usize>(),
        _ => 0,
    }
}

fn request_id(value: &Value) -> Option<RequestId> {
    match value {
        Value::String(text) => Some(RequestId::String(text.as_str().into())),
        Value::Number(number) => number.as_i64().map(RequestId::Number),
        _ => None,
    }
}

pub(super) fn refusal(
    id: Option<RequestId>,
    code: ErrorCode,
    text: &'static str,
) -> Box<JsonRpcError> {
    Box::new(JsonRpcError::new(id, ErrorData::new(code, text, None)))
}

/// Returns the message of a refusal that a client of JSON-RPC can read: the id is there, or null.
pub(super) fn to_value(refusal: &JsonRpcError) -> Value {
    let mut message = Map::new();
    let error = serde_json::to_value(&refusal.error).unwrap_or_default();
    let id = refusal.id.as_ref().map(|id| id.clone().into_json_value());
    message.insert("jsonrpc".to_owned(), "2.0".into());
    message.insert("id".to_owned(), id.unwrap_or_default());
    message.insert("error".to_owned(), error);
    message.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> (i32, Value) {
        let refusal = read(text.as_bytes()).unwrap_err();
        (refusal.error.code.0, to_value(&refusal)["id"].clone())
    }

    #[test]
    fn what_is_no_message_has_the_code_of_json_rpc() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let many = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"a\":[0{}]}}",
            ",0".repeat(VALUES_MAX)
        );
        assert_eq!(code(&many), (-32600, Value::Null));
        for text in [
            "",
            "{",
            "\u{1}",
            "{\"jsonrpc\":\"2.0\",\"id\":1,\n\"m",
            &deep,
        ] {
            assert_eq!(code(text), (-32700, Value::Null), "{text}");
        }
        for (text, id) in [
            ("[]", Value::Null),
            (
                "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]",
                Value::Null,
            ),
            ("3", Value::Null),
            ("{\"id\":7,\"method\":\"ping\"}", 7.into()),
            (
                "{\"jsonrpc\":\"1.0\",\"id\":\"a\",\"method\":\"ping\"}",
                "a".into(),
            ),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}",
                Value::Null,
            ),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}",
                Value::Null,
            ),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"ping\"}",
                Value::Null,
            ),
            ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":5}", 1.into()),
            ("{\"jsonrpc\":\"2.0\",\"id\":1}", 1.into()),
        ] {
            assert_eq!(code(text), (-32600, id), "{text}");
        }
        for params in ["[]", "\"x\"", "3", "null"] {
            let text = format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{params}}}"
            );
            assert_eq!(code(&text), (-32602, 1.into()), "{text}");
        }
    }

    #[test]
    fn messages_are_read_and_foreign_notifications_are_let_go() {
        for text in [
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}",
            "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"tools/list\",\"params\":{}}",
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"no/such\"}",
            "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}",
        ] {
            assert!(read(text.as_bytes()).unwrap().is_some(), "{text}");
        }
    }
}
