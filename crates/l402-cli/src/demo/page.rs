//! What the demo sells, as a person reads it in a browser.

use std::fmt::Write as _;

use http::{HeaderMap, header};

use super::upstream::GOODS;

/// Looks that need nothing else to be loaded: the page is sold alone.
const STYLE: &str = "body{max-width:36rem;margin:4rem auto;padding:0 1rem;font:1.1rem/1.5 system-ui,sans-serif;\
                     color-scheme:light dark}blockquote{margin:2rem 0;font-size:1.4rem;white-space:pre-line}";

/// Returns true for a request of a browser: one that names HTML.
pub(super) fn is_for_people(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    let accept = accept.and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// Returns the page of one text that was sold.
pub(super) fn of_text(name: &str, text: &str) -> String {
    let text = escape(text);
    page(
        name,
        &format!(
            "<h1>Your {name}</h1><blockquote>{text}</blockquote><p>It was paid for, once: loaded again, the \
             page asks for the price of another {name}. <a href=\"/\">What else is there?</a></p>"
        ),
    )
}

/// Returns the page that lists all goods, which is free.
pub(super) fn of_goods() -> String {
    let mut list = String::new();
    for good in &GOODS {
        let (path, name, price) = (good.path(), good.name, good.price_sat);
        let _ = write!(
            list,
            "<li><a href=\"{path}\">a {name}</a> for {price} sat of play money</li>"
        );
    }
    page("l402 demo", &format!("<h1>For sale</h1><ul>{list}</ul>"))
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><link rel=\"icon\" href=\"data:,\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )
}

/// Returns a text as HTML shows it.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_browser_is_told_from_a_program_by_what_it_accepts() {
        let mut headers = HeaderMap::new();
        assert!(!is_for_people(&headers));
        for (accept, people) in [
            ("*/*", false),
            ("application/json", false),
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
        ] {
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(is_for_people(&headers), people, "{accept}");
        }
    }

    #[test]
    fn a_text_stays_a_text() {
        assert!(of_text("joke", "1 < 2 & <b>").contains("1 &lt; 2 &amp; &lt;b&gt;"));
        assert!(of_goods().contains("/api/l402/quote"));
    }
}
