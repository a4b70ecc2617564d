//! Known clients, and the rules by which each reads a challenge, as its published source has them.
//!
//! The rules judge no program. The specification changed over the years, and each client reads the
//! forms of its time. A server that knows them can write a challenge that all of them can pay.

use l402::Macaroon;

use super::answer::UnpaidAnswer;

/// The success of a client at finding token and invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The client does not find token and invoice. The text describes the form that it looks for.
    Misses(&'static str),
    /// The client finds token and invoice.
    Reads,
}

/// A client, or a family of clients that read alike.
pub struct Reader {
    /// The name of the client.
    pub client: &'static str,
    looks_for: &'static str,
    finds: fn(&[&str], &[u8]) -> bool,
}

impl Reader {
    /// Reads an answer as this client does.
    #[must_use]
    pub fn read(&self, answer: &UnpaidAnswer<'_>) -> Reading {
        // Lossily: a byte elsewhere in the line that is no text must not hide the parameters.
        let lines = answer.challenge_lines().map(String::from_utf8_lossy);
        let lines: Vec<_> = lines.collect();
        let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
        if (self.finds)(&lines, answer.short_body()) {
            Reading::Reads
        } else {
            Reading::Misses(self.looks_for)
        }
    }
}

/// Every client whose reading is known.
pub const READERS: &[Reader] = &[
    Reader {
        client: "Aperture's Go client",
        looks_for: "reads only macaroon=\"…\", invoice=\"…\" right after an upper-case scheme, the \
                    macaroon in standard padded base64",
        finds: aperture,
    },
    Reader {
        client: "lnget",
        looks_for: "reads only the first line, with macaroon=\"…\", invoice=\"…\" right after the \
                    scheme, and a macaroon with an L402 identifier",
        finds: lnget,
    },
    Reader {
        client: "L402sdk",
        looks_for: "reads only the first line, starting with the scheme in upper case, parameters \
                    apart by commas, the token under macaroon",
        finds: l402sdk,
    },
    Reader {
        client: "l402-requests",
        looks_for: "reads only macaroon=… then invoice=… after the scheme, apart by a comma",
        finds: l402_requests,
    },
    Reader {
        client: "Fewsats' Python client",
        looks_for: "reads only quoted macaroon and invoice, with a space after each comma",
        finds: fewsats,
    },
    Reader {
        client: "lsat-js",
        looks_for: "reads only quoted macaroon and invoice, and a macaroon that it can decode",
        finds: lsat_js,
    },
    Reader {
        client: "Alby's js-lightning-tools",
        looks_for: "reads token or macaroon, and invoice, of all schemes into one list",
        finds: alby,
    },
    Reader {
        client: "l402-kit for Python",
        looks_for: "reads quoted macaroon and invoice, or the fields of the same names in a JSON body",
        finds: l402_kit,
    },
    Reader {
        client: "402index",
        looks_for: "reads token or macaroon, and invoice, of an L402 or LSAT challenge",
        finds: index,
    },
];

/// Finds `SCHEME macaroon="T", invoice="P"` somewhere in `text` and returns `T` and `P`. `same`
/// compares schemes; `gap` accepts the text between the comma and `invoice`.
fn scheme_then_pair(
    text: &str,
    same: fn(&str, &str) -> bool,
    gap: fn(&str) -> bool,
) -> Option<(&str, &str)> {
    // At every position, for these clients search by a pattern without an anchor.
    let starts = text.char_indices().map(|(at, _)| at);
    starts.filter_map(|at| text.get(at..)).find_map(|rest| {
        let scheme = rest
            .get(..4)
            .filter(|s| same(s, "L402") || same(s, "LSAT"))?;
        let rest = rest.strip_prefix(scheme)?.strip_prefix(' ')?.trim_start();
        let (macaroon, rest) = rest.strip_prefix("macaroon=\"")?.split_once('"')?;
        let (between, rest) = rest.strip_prefix(',')?.split_once("invoice=\"")?;
        let (invoice, _) = rest.split_once('"')?;
        (gap(between) && !invoice.is_empty()).then_some((macaroon, invoice))
    })
}

fn exact(a: &str, b: &str) -> bool {
    a == b
}

fn any_case(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// Returns the value of a quoted parameter anywhere in a text, unless it is empty.
fn quoted<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("{name}=\""))?;
    rest.split_once('"')
        .map(|(value, _)| value)
        .filter(|value| !value.is_empty())
}

fn is_macaroon(token: &str) -> bool {
    Macaroon::from_base64(token).is_ok()
}

/// Returns true if a token has the standard alphabet and padding, as Go's `StdEncoding` needs it.
fn is_standard_base64(token: &str) -> bool {
    token.len().is_multiple_of(4) && !token.contains(['-', '_'])
}

fn aperture(lines: &[&str], _body: &[u8]) -> bool {
    let pair = lines
        .iter()
        .find_map(|line| scheme_then_pair(line, exact, |gap| gap == " "));
    pair.is_some_and(|(token, _)| is_standard_base64(token) && is_macaroon(token))
}

fn lnget(lines: &[&str], _body: &[u8]) -> bool {
    let line = lines.first().copied().unwrap_or_default();
    let pair = scheme_then_pair(line, any_case, |gap| gap.trim().is_empty());
    pair.and_then(|(token, _)| Macaroon::from_base64(token).ok())
        .is_some_and(|macaroon| macaroon.identifier().is_ok())
}

fn l402sdk(lines: &[&str], _body: &[u8]) -> bool {
    let line = lines.first().copied().unwrap_or_default();
    let rest = line
        .strip_prefix("L402 ")
        .or_else(|| line.strip_prefix("LSAT "));
    let Some(rest) = rest else { return false };
    let param = |name: &str| {
        // It splits at every comma, even in quotes; neither a token nor an invoice holds one.
        rest.split(',').find_map(|piece| {
            let (key, value) = piece.trim().split_once('=')?;
            let value = value.trim().trim_matches('"');
            (key.trim() == name && !value.contains(['"', ' ']) && !value.is_empty())
                .then_some(value)
        })
    };
    // Invoices of regtest (`lnbcrt`) pass as well, since they begin with `lnbc`.
    let known = |invoice: &str| invoice.starts_with("lnbc") || invoice.starts_with("lntb");
    param("macaroon").is_some() && param("invoice").is_some_and(known)
}

fn l402_requests(lines: &[&str], _body: &[u8]) -> bool {
    let joined = lines.join(", ");
    let starts = joined.char_indices().map(|(at, _)| at);
    starts.filter_map(|at| joined.get(at..)).any(|rest| {
        let scheme = rest
            .get(..4)
            .filter(|s| any_case(s, "L402") || any_case(s, "LSAT"));
        scheme
            .and_then(|s| macaroon_comma_invoice(rest.strip_prefix(s)?))
            .is_some()
    })
}

/// Returns `Some` for ` macaroon=T, invoice=P`, quoted or not, with or without space around the comma.
fn macaroon_comma_invoice(text: &str) -> Option<()> {
    // A value ends where its pattern ends: at a quote, a comma or space, also without quotes.
    let value = |text: &'_ str| {
        let text = text.strip_prefix('"').unwrap_or(text);
        let end = text.find(|c: char| c == '"' || c == ',' || c.is_whitespace());
        let end = end.unwrap_or(text.len());
        (end > 0).then_some(end)
    };
    let rest = text
        .strip_prefix(' ')?
        .trim_start()
        .strip_prefix("macaroon=")?;
    let rest = rest.strip_prefix('"').unwrap_or(rest);
    let rest = rest.get(value(rest)?..)?;
    let rest = rest.strip_prefix('"').unwrap_or(rest);
    let rest = rest
        .trim_start()
        .strip_prefix(',')?
        .trim_start()
        .strip_prefix("invoice=")?;
    value(rest).map(|_| ())
}

/// Reads as Fewsats' client does: a quoted value ends at the last quote before a space, so it must not
/// run into the next parameter.
fn fewsats(lines: &[&str], _body: &[u8]) -> bool {
    let joined = lines.join(", ");
    let clean = |name: &str| {
        let rest = joined
            .split_once(&format!("{name}=\""))
            .map(|(_, rest)| rest)?;
        let word = rest.split(' ').next()?;
        word.rsplit_once('"')
            .map(|(value, _)| !value.is_empty() && !value.contains('"'))
    };
    clean("macaroon") == Some(true) && clean("invoice") == Some(true)
}

fn lsat_js(lines: &[&str], _body: &[u8]) -> bool {
    let joined = lines.join(", ");
    let token = quoted(&joined, "macaroon");
    quoted(&joined, "invoice").is_some() && token.is_some_and(is_macaroon)
}

/// Reads as Alby's client does: the last value of each name counts, whatever scheme it belongs to.
fn alby(lines: &[&str], _body: &[u8]) -> bool {
    let joined = lines.join(", ");
    let last = |name: &str| {
        let at = joined.rfind(&format!("{name}="))?;
        let value = joined.get(at..)?.split_once('=')?.1;
        let value = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?.0,
            None => value.split([',', ' ']).next()?,
        };
        (!value.is_empty()).then_some(value)
    };
    (last("token").is_some() || last("macaroon").is_some()) && last("invoice").is_some()
}

fn l402_kit(lines: &[&str], body: &[u8]) -> bool {
    let body = serde_json::from_slice::<serde_json::Value>(body).ok();
    let in_body = |name: &str| {
        let value = body.as_ref().and_then(|json| json.get(name)?.as_str());
        value.is_some_and(|text| !text.is_empty())
    };
    let joined = lines.join(", ");
    // Each by itself: one may come from the body and the other from the header.
    let found = |name: &str| in_body(name) || quoted(&joined, name).is_some();
    found("macaroon") && found("invoice")
}

fn index(lines: &[&str], _body: &[u8]) -> bool {
    let parsed = l402::Challenges::parse(lines.iter().map(|line| line.as_bytes()));
    parsed.is_ok_and(|all| all.payable().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: &str = "AgEEbHNhdAJCAACQHzuB5duU3EYt2kmiVSoVlhSUWgwrub7d08qLxOJutgIOevXgZSl36EojRrvalAgJ4f6W9gVWd3ZXlMKdA001AAITc2VydmljZXM9Zm9yZWNhc3Q6MAAABiAivKbaefZM1MqZlmqutAV2XXicDJPTBTu0C/fAGQWIbw==";
    const P: &str = "lnbc100n1p4tzwuqpp5jq0nhq09mw2dc";
    const PAYMENT: &str = "Payment id=\"1\", realm=\"x\", method=\"lightning\", request=\"e30\"";

    /// Which of the nine read these lines, in the order of [`READERS`]: `y` or `-`.
    fn verdicts(lines: &[String]) -> String {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        READERS
            .iter()
            .map(|reader| {
                if (reader.finds)(&lines, b"") {
                    'y'
                } else {
                    '-'
                }
            })
            .collect()
    }

    /// Known forms of the challenge against known clients, as their parsers were run.
    #[expect(clippy::too_many_lines, reason = "a table of twenty forms")]
    #[test]
    fn readings_agree_with_the_compatibility_matrix() {
        let json = "eyJpZGVudGlmaWVyIjoiZGRj";
        let url_safe = T.trim_end_matches('=').replace('+', "-").replace('/', "_");
        let legacy = format!("L402 macaroon=\"{T}\", invoice=\"{P}\"");
        let spec = format!("L402 version=\"0\", token=\"{T}\", invoice=\"{P}\"");
        let lsat = format!("LSAT macaroon=\"{T}\", invoice=\"{P}\"");
        let rows: &[(&str, Vec<String>, &str)] = &[
            ("a", vec![lsat.clone(), legacy.clone()], "yyyyyyyyy"),
            ("b", vec![legacy.clone()], "yyyyyyyyy"),
            ("c", vec![spec.clone()], "------y-y"),
            (
                "d",
                vec![format!("{legacy}, version=\"0\", token=\"{T}\"")],
                "yyyyyyyyy",
            ),
            (
                "e",
                vec![format!(
                    "L402 version=\"0\", token=\"{T}\", macaroon=\"{T}\", invoice=\"{P}\""
                )],
                "--y-yyyyy",
            ),
            (
                "f",
                vec![format!("L402 invoice=\"{P}\", macaroon=\"{T}\"")],
                "--y-yyyyy",
            ),
            (
                "g",
                vec![format!("L402 macaroon=\"{T}\",invoice=\"{P}\"")],
                "-yyy-yyyy",
            ),
            (
                "h",
                vec![format!("L402 macaroon={T}, invoice={P}")],
                "--yy--y-y",
            ),
            (
                "i",
                vec![format!("l402 macaroon=\"{T}\", invoice=\"{P}\"")],
                "-y-yyyyyy",
            ),
            ("j", vec![format!("{legacy}, {PAYMENT}")], "yyyyyyyyy"),
            ("k", vec![format!("{PAYMENT}, {legacy}")], "yy-yyyyyy"),
            ("l", vec![PAYMENT.to_owned(), legacy.clone()], "y--yyyyyy"),
            ("m", vec![legacy.clone(), PAYMENT.to_owned()], "yyyyyyyyy"),
            (
                "n",
                vec![format!(
                    "L402 version=\"0\" token=\"e30.ab\" invoice=\"{P}\""
                )],
                "------y-y",
            ),
            (
                "o",
                vec![format!("L402 macaroon=\"{T}\" invoice=\"{P}\"")],
                "----yyyyy",
            ),
            (
                "p",
                vec![format!(
                    "L402 version=\"0\", token=\"{json}\", invoice=\"{P}\""
                )],
                "------y-y",
            ),
            (
                "q",
                vec![format!("L402 macaroon=\"{json}\", invoice=\"{P}\"")],
                "--yyy-yyy",
            ),
            (
                "r",
                vec![format!("L402 macaroon=\"{url_safe}\", invoice=\"{P}\"")],
                "-yyyyyyyy",
            ),
            ("s", vec![spec.clone(), lsat], "y--yyyyyy"),
            ("t", vec![legacy, spec], "yyyyyyyyy"),
        ];
        for (row, lines, expected) in rows {
            assert_eq!(verdicts(lines), *expected, "row {row}");
        }
    }

    #[test]
    fn nobody_reads_nothing() {
        assert_eq!(verdicts(&[]), "---------");
        assert_eq!(verdicts(&["Basic realm=\"x\"".to_owned()]), "---------");
    }
}
