//! The digest of a call, by which approvals and kept results know it again.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::check::whole;

/// Returns the SHA-256 over the name of the tool, a zero byte, and the arguments as canonical JSON:
/// without white space, with the keys of each object in the order of their bytes, and with whole numbers
/// as digits alone.
pub(crate) fn digest(tool: &str, arguments: &Map<String, Value>) -> [u8; 32] {
    let mut text = format!("{tool}\0");
    write_object(arguments, &mut text);
    Sha256::digest(text).into()
}

fn write_object(object: &Map<String, Value>, text: &mut String) {
    // The order of the map depends on a feature of its crate, which any dependency may switch on.
    let mut entries: Vec<_> = object.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    text.push('{');
    for (at, (key, value)) in entries.into_iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        *text += &Value::from(key.as_str()).to_string();
        text.push(':');
        write(value, text);
    }
    text.push('}');
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(object) => write_object(object, text),
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        // A client may write the same number as 50 and as 50.0, also from one call to the next.
        Value::Number(number) => match whole(number) {
            Some(number) => *text += &number.to_string(),
            None => *text += &number.to_string(),
        },
        plain => *text += &plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tool: &str, arguments: &str) -> [u8; 32] {
        digest(tool, &serde_json::from_str(arguments).unwrap())
    }

    #[test]
    fn the_order_of_keys_and_white_space_do_not_count_and_all_else_does() {
        let one = of("l402_fetch", r#"{"url":"u","headers":{"b":"1","a":"2"}}"#);
        assert_eq!(
            one,
            of(
                "l402_fetch",
                r#"{ "headers": {"a":"2","b":"1"}, "url": "u" }"#
            )
        );
        for other in [
            of("pay_invoice", r#"{"url":"u","headers":{"b":"1","a":"2"}}"#),
            of("l402_fetch", r#"{"url":"u","headers":{"b":"2","a":"1"}}"#),
            of("l402_fetch", r#"{"url":"u"}"#),
            of(
                "l402_fetch",
                r#"{"url":"u","headers":{"b":"1","a":"2"},"x":null}"#,
            ),
        ] {
            assert_ne!(one, other);
        }
        let fifty = of("t", r#"{"max_cost_sat":50}"#);
        for same in ["50.0", "5e1", "5.0E+1"] {
            assert_eq!(fifty, of("t", &format!(r#"{{"max_cost_sat":{same}}}"#)));
        }
        for other in ["50.5", "51", "-50", "\"50\""] {
            assert_ne!(fifty, of("t", &format!(r#"{{"max_cost_sat":{other}}}"#)));
        }
        // As another program would make it.
        let expected = Sha256::digest(b"t\0{\"a\":[1,{\"b\":\"x\"}],\"c\":true}");
        assert_eq!(of("t", r#"{"c":true,"a":[1,{"b":"x"}]}"#), expected[..]);
    }
}
