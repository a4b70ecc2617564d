//! The flags of curl that make the request.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RANGE, REFERER,
    USER_AGENT,
};
use http::{HeaderMap, Method};
use l402_client::{Body, Request};

use super::body::{body, query};
use super::cookies::{CookieArgs, Jar};
use super::data::{Change, DataArgs, Piece};
use super::decoding::ACCEPTED;
use super::form::{Part, form};
use super::header::{header, range, referer, value};
use super::login::LoginArgs;
use super::resume::ContinueAt;
use super::saving::SaveArgs;
use super::upload;
use crate::error::CliError;
use crate::text::plain::without_secrets;

/// The flags that make the request.
#[derive(Args, Debug)]
pub(super) struct RequestArgs {
    /// The method [default: GET, or POST with data, PUT with -T, HEAD with -I]
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    method: Option<String>,

    #[command(flatten)]
    data: DataArgs,

    /// Send the data of -d as part of the URL, behind ?
    #[arg(short = 'G', long)]
    get: bool,

    /// Send this as JSON; @FILE reads a file, @- stdin (this is curl's --json)
    #[arg(long, value_name = "DATA")]
    json: Vec<String>,

    /// Send a form with files: NAME=TEXT, NAME=@FILE, NAME=<FILE; ;type= and ;filename= behind it
    #[arg(short = 'F', long, value_name = "PART")]
    form: Vec<String>,

    /// Send this file by PUT (- is stdin); a URL that ends with / gets its name
    #[arg(short = 'T', long, value_name = "FILE")]
    upload_file: Option<String>,

    /// Ask for the head alone, by HEAD, and show it
    #[arg(short = 'I', long)]
    head: bool,

    /// Send this header: "Name: value"; "Name:" takes a default one away; @FILE reads several
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    header: Vec<String>,

    /// The name of the program that asks
    #[arg(short = 'A', long, value_name = "NAME")]
    user_agent: Option<String>,

    /// The page that led here
    #[arg(short = 'e', long, value_name = "URL")]
    referer: Option<String>,

    /// Ask for these bytes alone: 0-499, 500-, -500
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    range: Option<String>,

    /// Go on with a download behind so many bytes; - is the length of the file of -o
    #[arg(
        short = 'C',
        long,
        value_name = "OFFSET",
        allow_hyphen_values = true,
        conflicts_with_all = ["range", "form", "data", "json", "upload_file"],
    )]
    continue_at: Option<ContinueAt>,

    /// Take the answer packed (gzip, deflate, br), and unpack it
    #[arg(long)]
    compressed: bool,

    #[command(flatten)]
    cookies: CookieArgs,

    #[command(flatten)]
    login: LoginArgs,
}

/// A request, and what is to be done with its answer.
pub(super) struct Prepared {
    pub(super) request: Request,
    /// The cookies of the call, if answers have a say in them.
    pub(super) cookies: Option<Arc<Jar>>,
    /// The number of bytes that an earlier download has left.
    pub(super) resumes_at: Option<u64>,
    /// The file of `-C`.
    pub(super) goes_on_with: Option<PathBuf>,
}

impl RequestArgs {
    /// Makes a request of these flags alone: its method, its data, the data of `--json`, and its headers.
    pub(super) fn of_data(
        method: Option<String>,
        data: DataArgs,
        (json, header): (Vec<String>, Vec<String>),
    ) -> Self {
        Self {
            method,
            data,
            get: false,
            json,
            form: Vec::new(),
            upload_file: None,
            head: false,
            header,
            user_agent: None,
            referer: None,
            range: None,
            continue_at: None,
            compressed: false,
            cookies: CookieArgs::default(),
            login: LoginArgs::default(),
        }
    }

    /// Returns true if no flag but the URL makes the request.
    pub(super) fn is_plain(&self) -> bool {
        self.method.is_none()
            && !self.has_data()
            && !self.get
            && !self.head
            && self.form.is_empty()
            && self.upload_file.is_none()
            && self.header.is_empty()
            && self.referer.is_none()
            && self.range.is_none()
            && self.continue_at.is_none()
            && !self.compressed
            && self.cookies.is_empty()
            && self.login.is_empty()
    }

    /// Returns true if `-X` names the method, so that no redirect changes it.
    pub(super) const fn forces_method(&self) -> bool {
        self.method.is_some()
    }

    /// Returns true if the head of the answer is what is asked for.
    pub(super) const fn asks_for_head(&self) -> bool {
        self.head
    }

    /// Returns true if the answer is unpacked.
    pub(super) const fn unpacks(&self) -> bool {
        self.compressed
    }

    fn has_data(&self) -> bool {
        !self.data.is_empty() || !self.json.is_empty()
    }

    /// Makes the request for an answer that goes to the place of `save`. Blocks while a person types a
    /// password.
    pub(super) fn prepare(&self, url: &str, save: &SaveArgs) -> Result<Prepared, CliError> {
        let mut request = self.build(url)?;
        let output = save.path(&request.url);
        let begun = self.continue_at.map(|it| it.offset(output.as_deref()));
        // Nothing is there yet: a download as any other.
        let resumes_at = begun.filter(|bytes| *bytes > 0);
        if let Some(at) = resumes_at {
            let value = value(&format!("bytes={at}-"), "range")?;
            request.headers.entry(RANGE).or_insert(value);
        }
        let cookies = self.cookies.open(&request.url, &mut request.headers)?;
        Ok(Prepared {
            request,
            cookies,
            resumes_at,
            goes_on_with: output.filter(|_| begun.is_some()),
        })
    }

    /// Makes the request. Blocks while a person types a password.
    pub(super) fn build(&self, url: &str) -> Result<Request, CliError> {
        self.check_kinds()?;
        let mut url = parse_url(url)?;
        if self.get && !self.data.is_empty() {
            add_query(&mut url, &query(&self.data.pieces)?);
        }
        if let Some(file) = &self.upload_file {
            upload::add_name(&mut url, file);
        }
        let (body, content_type) = self.body()?;
        let login = self.login.header(&url)?;
        let request = Request::new(self.method()?, url).with_body(body);
        let (headers, taken_away) = self.headers(content_type, login)?;
        let taken_away = taken_away.into_iter();
        let mut request = taken_away.fold(request, Request::without_header);
        request.headers = headers;
        Ok(request)
    }

    /// Checks that the flags make one request. To curl, several are a mistake as well.
    fn check_kinds(&self) -> Result<(), CliError> {
        let kinds = [
            (self.has_data() && !self.get, "-d"),
            (!self.form.is_empty(), "-F"),
            (self.upload_file.is_some(), "-T"),
            (self.get && self.upload_file.is_some(), "-G"),
            (self.head, "-I"),
        ];
        let mut given = kinds.iter().filter(|(is_given, _)| *is_given);
        match (given.next(), given.next()) {
            (Some((_, one)), Some((_, other))) => Err(CliError::usage(format!(
                "{one} and {other} make two different requests"
            ))
            .with_hint("-G sends the data of -d in the URL; -X names another method")),
            _ => Ok(()),
        }
    }

    pub(super) fn method(&self) -> Result<Method, CliError> {
        match &self.method {
            Some(name) => Method::from_bytes(name.as_bytes())
                .map_err(|_| CliError::usage(format!("not a method: {name}"))),
            None if self.head => Ok(Method::HEAD),
            None if self.upload_file.is_some() => Ok(Method::PUT),
            None if !self.form.is_empty() => Ok(Method::POST),
            None if self.has_data() && !self.get => Ok(Method::POST),
            None => Ok(Method::GET),
        }
    }

    /// Returns the body and its type, which `-T` leaves open.
    fn body(&self) -> Result<(Body, Option<String>), CliError> {
        let named = |text: &str| Some(text.to_owned());
        if let Some(file) = &self.upload_file {
            return Ok((upload::body(file)?, None));
        }
        if !self.form.is_empty() {
            let parts = self.form.iter().map(|value| Part::read(value));
            let (body, content_type) = form(&parts.collect::<Result<Vec<_>, _>>()?)?;
            return Ok((body, Some(content_type)));
        }
        if !self.json.is_empty() {
            let pieces = self.json.iter();
            let pieces = pieces.map(|value| Piece::text_or_file(value, Change::Nothing));
            let body = body(&pieces.collect::<Vec<_>>(), b"")?;
            return Ok((body, named("application/json")));
        }
        if self.data.is_empty() || self.get {
            return Ok((Body::default(), None));
        }
        let body = body(&self.data.pieces, b"&")?;
        Ok((body, named("application/x-www-form-urlencoded")))
    }

    /// Returns the headers to send, and the names of those that were taken away.
    fn headers(
        &self,
        content_type: Option<String>,
        login: Option<HeaderValue>,
    ) -> Result<(HeaderMap, Vec<HeaderName>), CliError> {
        let (mut headers, mut taken_away) = (HeaderMap::new(), Vec::new());
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        match self.user_agent.as_deref() {
            Some("") => taken_away.push(USER_AGENT),
            given => {
                let agent = given.unwrap_or(concat!("l402/", env!("CARGO_PKG_VERSION")));
                headers.insert(USER_AGENT, value(agent, "user-agent")?);
            }
        }
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, value(&content_type, "content-type")?);
        }
        if !self.json.is_empty() {
            headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        }
        if let Some(page) = &self.referer {
            headers.insert(REFERER, referer(page)?);
        }
        if let Some(bytes) = &self.range {
            headers.insert(RANGE, range(bytes)?);
        }
        if self.compressed {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED));
        }
        headers.extend(login.map(|login| (AUTHORIZATION, login)));
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

    /// Returns true if the body stands at stdin, which is read once.
    pub(super) fn reads_stdin(&self) -> bool {
        self.data.pieces.iter().any(Piece::reads_stdin)
            || self.json.iter().any(|piece| piece == "@-")
            || self.cookies.reads_stdin()
            || self.upload_file.as_deref().is_some_and(upload::is_stdin)
            || self
                .form
                .iter()
                .any(|value| Part::read(value).is_ok_and(|part| part.reads_stdin()))
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

/// Adds a query behind the one that the URL has.
fn add_query(url: &mut url::Url, more: &[u8]) {
    let more = String::from_utf8_lossy(more);
    let query = match url.query() {
        Some(query) if !query.is_empty() => format!("{query}&{more}"),
        _ => more.into_owned(),
    };
    url.set_query(Some(&query));
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
