//! The flags of curl that make the request.

use std::io::Read;

use clap::Args;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method};
use l402_client::Request;

use super::body::body;
use crate::error::CliError;
use crate::text::plain::without_secrets;

/// The flags that make the request.
#[derive(Args, Debug)]
pub(super) struct RequestArgs {
    /// The method [default: GET, or POST with data]
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    method: Option<String>,

    /// Send this as a form; @FILE reads a file, @- stdin; several are joined with &
    #[arg(short, long = "data", value_name = "DATA", conflicts_with = "json")]
    data: Vec<String>,

    /// Send this as JSON; @FILE reads a file, @- stdin (this is curl's --json)
    #[arg(long, value_name = "DATA")]
    json: Vec<String>,

    /// Send this header: "Name: value"; "Name:" takes a default one away; @FILE reads several
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    header: Vec<String>,

    /// The name of the program that asks
    #[arg(short = 'A', long, value_name = "NAME")]
    user_agent: Option<String>,
}

impl RequestArgs {
    /// Returns true if no flag but the URL makes the request.
    pub(super) fn is_plain(&self) -> bool {
        self.method.is_none()
            && self.data.is_empty()
            && self.json.is_empty()
            && self.header.is_empty()
    }

    /// Returns true if `-X` names the method, so that no redirect changes it.
    pub(super) const fn forces_method(&self) -> bool {
        self.method.is_some()
    }

    pub(super) fn build(&self, url: &str) -> Result<Request, CliError> {
        let body = body(&self.data, &self.json)?;
        let method = match &self.method {
            Some(name) => Method::from_bytes(name.as_bytes())
                .map_err(|_| CliError::usage(format!("not a method: {name}")))?,
            None if self.data.is_empty() && self.json.is_empty() => Method::GET,
            None => Method::POST,
        };
        let request = Request::new(method, parse_url(url)?).with_body(body);
        let (headers, taken_away) = self.headers()?;
        let taken_away = taken_away.into_iter();
        let mut request = taken_away.fold(request, Request::without_header);
        request.headers = headers;
        Ok(request)
    }

    /// Returns the headers to send, and the names of those that were taken away.
    fn headers(&self) -> Result<(HeaderMap, Vec<HeaderName>), CliError> {
        let (mut headers, mut taken_away) = (HeaderMap::new(), Vec::new());
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        match self.user_agent.as_deref() {
            Some("") => taken_away.push(USER_AGENT),
            given => {
                let agent = given.unwrap_or(concat!("l402/", env!("CARGO_PKG_VERSION")));
                headers.insert(USER_AGENT, value(agent, "user-agent")?);
            }
        }
        if !self.data.is_empty() {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.insert(CONTENT_TYPE, form);
        }
        if !self.json.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        }
        // Kept apart from the defaults: a header may be given twice, and then replaces its default once.
        let mut given = HeaderMap::new();
        for line in self.header_lines()? {
            header(&line, &mut taken_away, &mut given)?;
        }
        for name in given.keys().chain(&taken_away) {
            headers.remove(name);
        }
        headers.extend(given);
        Ok((headers, taken_away))
    }

    fn reads_stdin(&self) -> bool {
        self.data
            .iter()
            .chain(&self.json)
            .any(|piece| piece == "@-")
    }

    fn header_lines(&self) -> Result<Vec<String>, CliError> {
        let mut lines = Vec::new();
        for text in &self.header {
            match text.strip_prefix('@') {
                // What stands at stdin is the body's, which is read later.
                Some("-") if self.reads_stdin() => {}
                Some(file) => {
                    let text = String::from_utf8(read(file)?)
                        .map_err(|_| CliError::usage(format!("not a text file: {file}")))?;
                    let filled = text.lines().filter(|line| !line.trim().is_empty());
                    lines.extend(filled.map(str::to_owned));
                }
                None => lines.push(text.clone()),
            }
        }
        Ok(lines)
    }
}

/// Reads one `-H`: `Name: value` sets, `Name:` removes, `Name;` sends without a value.
fn header(
    line: &str,
    taken_away: &mut Vec<HeaderName>,
    given: &mut HeaderMap,
) -> Result<(), CliError> {
    if let Some((name, text)) = line.split_once(':') {
        let parsed = header_name(name)?;
        if text.trim().is_empty() {
            taken_away.push(parsed);
        } else {
            given.append(parsed, value(text.trim(), name)?);
        }
        return Ok(());
    }
    match line.strip_suffix(';') {
        Some(name) => {
            given.append(header_name(name)?, HeaderValue::from_static(""));
            Ok(())
        }
        None => {
            Err(CliError::usage(format!("not a header: {line}"))
                .with_hint("write -H \"Name: value\""))
        }
    }
}

fn header_name(name: &str) -> Result<HeaderName, CliError> {
    HeaderName::from_bytes(name.trim().as_bytes())
        .map_err(|_| CliError::usage(format!("not the name of a header: {}", name.trim())))
}

/// Reads the value of a header. The error does not repeat the text, which may be a secret.
fn value(text: &str, name: &str) -> Result<HeaderValue, CliError> {
    HeaderValue::from_str(text)
        .map_err(|_| CliError::usage(format!("the header {name} holds a character it must not")))
}

fn read(file: &str) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let outcome = if file == "-" {
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    outcome.map_err(|error| CliError::local_io(format!("{file} cannot be read: {error}")))
}

/// Reads a URL. A text without a scheme is taken for HTTP, as curl does.
pub(crate) fn parse_url(text: &str) -> Result<url::Url, CliError> {
    let full = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let wrong = |what: String| {
        CliError::usage(format!("the URL {}: {what}", without_secrets(text)))
            .with_hint("write it in full: https://api.example.com/path")
    };
    let url = url::Url::parse(&full).map_err(|error| wrong(error.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(wrong(format!("the scheme {other} is not http or https"))),
    }
}

/// Quotes a text as one word of a shell command, if it needs quotes.
pub(super) fn shell_word(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/@%+,".contains(&b);
    if text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        request: RequestArgs,
    }

    fn request(flags: &[&str]) -> Request {
        let line = Line::parse_from(std::iter::once(&"get").chain(flags));
        line.request.build("example.com/x").unwrap()
    }

    #[test]
    fn a_plain_url_is_a_get_over_http() {
        let request = request(&[]);
        assert_eq!(request.method, Method::GET);
        assert_eq!(request.url.as_str(), "http://example.com/x");
        assert_eq!(request.headers[ACCEPT], "*/*");
        assert!(request.body().as_bytes().unwrap().is_empty());
    }

    #[test]
    fn data_makes_a_form_and_a_post() {
        let request = request(&["-d", "a=1", "-d", "b=2"]);
        assert_eq!(request.method, Method::POST);
        assert_eq!(
            request.headers[CONTENT_TYPE],
            "application/x-www-form-urlencoded"
        );
        assert_eq!(request.body().as_bytes().unwrap(), &b"a=1&b=2"[..]);
    }

    #[test]
    fn json_sets_what_curl_sets() {
        let request = request(&["--json", "{", "--json", "}", "-X", "PUT"]);
        assert_eq!(request.method, Method::PUT);
        assert_eq!(request.headers[CONTENT_TYPE], "application/json");
        assert_eq!(request.headers[ACCEPT], "application/json");
        assert_eq!(request.body().as_bytes().unwrap(), &b"{}"[..]);
    }

    #[test]
    fn headers_replace_repeat_and_disappear() {
        let request = request(&[
            "-H",
            "X-A: 1",
            "-H",
            "x-a: 2",
            "-H",
            "Accept: a/b",
            "-H",
            "User-Agent:",
        ]);
        let all: Vec<_> = request.headers.get_all("x-a").iter().collect();
        assert_eq!(all, ["1", "2"]);
        assert_eq!(
            request.headers.get_all(ACCEPT).iter().collect::<Vec<_>>(),
            ["a/b"]
        );
        assert!(!request.headers.contains_key(USER_AGENT));
    }

    #[test]
    fn bad_headers_and_urls_are_usage() {
        for flags in [
            &["-H", "nothing"],
            &["-H", "a b: c"],
            &["-H", "a: b\r\nc: d"],
            &["-X", "A B"],
        ] {
            let line = Line::parse_from(std::iter::once(&"get").chain(flags));
            let error = line.request.build("http://x").unwrap_err();
            assert_eq!(error.exit_code(), crate::exit_code::USAGE, "{flags:?}");
        }
        for url in ["ftp://x/", "http://", "http://[x/"] {
            assert!(parse_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_word_of_the_shell_stays_one_word() {
        assert_eq!(shell_word("http://a/b"), "http://a/b");
        assert_eq!(shell_word("http://a/?b=c&d"), "'http://a/?b=c&d'");
        assert_eq!(shell_word("it's"), "'it'\\''s'");
    }
}
