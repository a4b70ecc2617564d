//! Canonical JSON (RFC 8785).

use core::fmt::Write as _;

use serde_json::Value;

use super::PaymentSchemeError;

/// Returns the canonical form of a JSON text (RFC 8785): members sorted by UTF-16 code units,
/// numbers as ECMAScript writes them, no white space.
///
/// # Errors
/// [`PaymentSchemeError::Json`] for text that is not JSON.
pub fn canonical_json(text: &str) -> Result<String, PaymentSchemeError> {
    let value: Value = serde_json::from_str(text).map_err(|_| PaymentSchemeError::Json)?;
    let mut out = String::new();
    write_canonical(&mut out, &value);
    Ok(out)
}

/// Appends the canonical form of a value. Recurses at most 128 levels, the limit of the JSON
/// reader.
fn write_canonical(out: &mut String, value: &Value) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write_canonical(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            // Not the order of Rust's strings: in UTF-16 (RFC 8785 section 3.2.3) characters beyond
            // U+FFFF come before U+E000.
            sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (index, (name, member)) in sorted.into_iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_canonical(out, member);
            }
            out.push('}');
        }
        Value::Number(number) => write_number(out, number.as_f64().unwrap_or_default()),
        Value::Bool(_) | Value::Null | Value::String(_) => out.push_str(&value.to_string()),
    }
}

/// Appends a number as ECMAScript's `Number::toString` does (ECMA-262, 6.1.6.1.20): the shortest
/// digits that read back, plain from 1e-6 up to 1e21, with an exponent otherwise.
fn write_number(out: &mut String, number: f64) {
    // Minus zero is equal to zero, and ECMAScript writes both as `0`.
    if number == 0.0 {
        return out.push('0');
    }
    // Rust's exponent form has the shortest digits that read back, as ECMAScript asks. Only the
    // layout differs.
    let text = format!("{:e}", number.abs());
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    let exponent: i32 = exponent.parse().unwrap_or_default();
    out.push_str(if number < 0.0 { "-" } else { "" });
    match usize::try_from(exponent) {
        Ok(whole) if whole < 21 => write_plain(out, &digits, whole.saturating_add(1)),
        Err(_) if exponent >= -6 => {
            let zeros = exponent.unsigned_abs().saturating_sub(1);
            out.push_str("0.");
            (0..zeros).for_each(|_| out.push('0'));
            out.push_str(&digits);
        }
        _ => {
            let (first, rest) = digits.split_at_checked(1).unwrap_or((&digits, ""));
            let point = if rest.is_empty() { "" } else { "." };
            // Writing into a String cannot fail.
            let _ = write!(out, "{first}{point}{rest}e{exponent:+}");
        }
    }
}

/// Appends digits with the decimal point after the first `whole` of them.
fn write_plain(out: &mut String, digits: &str, whole: usize) {
    match digits.split_at_checked(whole) {
        Some((before, "")) => out.push_str(before),
        Some((before, after)) => {
            out.push_str(before);
            out.push('.');
            out.push_str(after);
        }
        None => {
            out.push_str(digits);
            let zeros = whole.saturating_sub(digits.len());
            (0..zeros).for_each(|_| out.push('0'));
        }
    }
}
