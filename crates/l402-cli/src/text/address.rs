//! Addresses of web servers, as the command line takes them.

use url::Url;

/// Reads the address of a web server.
///
/// # Errors
/// The mistake, with an example.
pub(crate) fn http_url(text: &str) -> Result<Url, String> {
    const EXAMPLE: &str = "write it in full: https://registry.example";
    let url = Url::parse(text).map_err(|error| format!("{error}; {EXAMPLE}"))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err(format!("no address of a web server; {EXAMPLE}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_shows_an_example() {
        assert!(http_url("http://127.0.0.1:8406").is_ok());
        for text in [
            "",
            "registry.example",
            "ftp://registry.example",
            "https:",
            "http://:80",
        ] {
            let error = http_url(text).expect_err(text);
            assert!(
                error.contains("https://registry.example"),
                "{text}: {error}"
            );
        }
    }
}
