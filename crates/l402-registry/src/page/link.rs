//! Links to strangers' addresses.

use maud::{Markup, html};
use url::Url;

use crate::listing::CanonicalUrl;

/// Returns a link to a stranger's page if the address is https and names no user; else the address as
/// text. The text of the link is the address itself.
pub(super) fn stranger(address: &str) -> Markup {
    match Url::parse(address) {
        Ok(url) if is_safe(&url) => html! {
            a href=(url) rel="nofollow noopener noreferrer ugc" { (url) }
        },
        _ => html! { span { (super::phrase::line(address, 200)) } },
    }
}

fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" && url.username().is_empty() && url.password().is_none()
}

/// Returns an address with its host made prominent. The host is in the letters of DNS.
pub(super) fn address(url: &CanonicalUrl) -> Markup {
    let rest = url.url();
    let port = rest
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let path = &rest[url::Position::BeforePath..];
    html! {
        span.addr {
            @if rest.scheme() == "http" { "http://" }
            b { (url.host()) (port) }
            (super::phrase::line(path, 120))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // ATTACKS G-06: a link of a stranger leads to https alone.
    #[test]
    fn links_to_https_alone() {
        for address in [
            "javascript:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,x",
            "http://plain.example/",
            "https://ok@evil.example/",
            "//evil.example/",
            "nonsense",
        ] {
            assert!(
                !stranger(address).into_string().contains("href"),
                "{address}"
            );
        }
        let link = stranger("https://docs.example/a?b=\"><script>").into_string();
        assert!(
            link.starts_with(
                r#"<a href="https://docs.example/a?b=%22%3E%3Cscript%3E" rel="nofollow"#
            )
        );
    }

    // ATTACKS G-08: the host is shown in the letters of DNS.
    #[test]
    fn a_host_is_shown_in_the_letters_of_dns() {
        let url = "https://\u{430}pple.com/v1/joke?a=1".parse().unwrap();
        let shown = address(&url).into_string();
        assert_eq!(
            shown,
            r#"<span class="addr"><b>xn--pple-43d.com</b>/v1/joke?a=1</span>"#
        );
    }
}
