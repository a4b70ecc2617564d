//! The description for language models: what the API is, what costs what, and how to pay.

use std::fmt::Write as _;

use super::documents::Api;
use super::operation::Operation;
use super::price;
use crate::config::{OPENAPI, SERVICES};

/// An explanation of paying, for a reader that has never heard of it.
const HOW_TO_PAY: &str = "\
1. Send the request without a credential. The answer is 402 with \
`WWW-Authenticate: L402 token=\"...\", invoice=\"...\"`; nothing has been charged.
2. Read the amount out of the invoice (BOLT 11), compare it with the list above, and pay it over \
Lightning. The payment shows you its preimage, 64 hexadecimal digits.
3. Send the same request again with `Authorization: L402 <token>:<preimage>`.
4. Use the same credential again for as long as the price above buys more than one answer. The header \
`L402-Uses-Left` counts what is left.
5. The program `l402` does all of this: `l402 get URL`, and `l402 mcp` for agents.
";

/// Returns `/llms.txt`.
pub(super) fn text(api: &Api<'_>) -> String {
    let mut text = format!("# {}\n\n", one_line(api.name()));
    if let Some(description) = &api.publish.description {
        let _ = write!(text, "> {}\n\n", one_line(description));
    }
    text.push_str(
        "This API is paid for over Lightning with L402, request by request. There is no account and \
         no key.\n\n## What costs what\n\n",
    );
    if api.operations.is_empty() {
        text.push_str("Nothing is listed here.\n");
    }
    for operation in api.operations {
        let _ = writeln!(text, "- {}", entry(api, operation));
    }
    let _ = write!(text, "\n## How to pay\n\n{HOW_TO_PAY}");
    let links = links(api);
    if !links.is_empty() {
        let _ = write!(text, "\n## More\n\n{links}");
    }
    text
}

/// Returns the line of one operation.
fn entry(api: &Api<'_>, operation: &Operation<'_>) -> String {
    let (method, path) = (&operation.method, api.address(operation.path));
    let terms = operation
        .sold
        .map_or_else(|| "free".to_owned(), price::terms);
    let name = one_line(operation.name);
    let mut text = format!("`{method} {path}`: {terms}. {name}");
    if let Some(description) = operation.description {
        let _ = write!(text, ": {}", one_line(description));
    }
    text
}

fn links(api: &Api<'_>) -> String {
    let docs = &api.publish.docs;
    let own = |path, is_there: bool| is_there.then(|| api.address(path));
    let all = [
        ("OpenAPI description", own(OPENAPI, api.has_openapi)),
        ("List of paid endpoints", own(SERVICES, api.has_services)),
        ("Home page", docs.homepage.clone()),
        ("Reference", docs.reference.clone()),
    ];
    let links = all.into_iter().filter_map(|(name, url)| Some((name, url?)));
    links.fold(String::new(), |text, (name, url)| {
        text + &format!("- [{name}]({url})\n")
    })
}

/// Returns a text on one line, so that no word of it can begin a heading or an entry of the list.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || l402::text::is_hidden(c));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_on_its_line() {
        assert_eq!(one_line(" a\n## b\u{2028}\r\nc\u{0}d "), "a ## b c d");
        assert_eq!(one_line("\u{202e}\n"), "");
    }
}
