//! The cookies of `-b` and `-c`: from a text or a file, from answers, and into a file.

use std::cmp::Reverse;
use std::io::{Read as _, Write as _, stdout};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use cookie_store::{Cookie, CookieStore, RawCookie};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use l402_client::Cookies;
use l402_host::{is_loopback_host, private};
use url::{Origin, Url};

use super::netscape;
use crate::error::CliError;

/// The longest file of cookies that is read, in bytes.
const FILE_MAX: u64 = 16 * 1024 * 1024;

/// The longest `Set-Cookie` that is kept, in bytes.
const COOKIE_MAX: usize = 8 * 1024;

/// The flags about cookies.
#[derive(Args, Default)]
pub(super) struct CookieArgs {
    /// Send these cookies, "NAME=VALUE; …", or those of a file in Netscape's form
    #[arg(short = 'b', long = "cookie", value_name = "TEXT|FILE")]
    cookies: Vec<String>,

    /// Write all cookies to this file afterwards, those of the answers as well (- is stdout)
    #[arg(short = 'c', long, value_name = "FILE")]
    cookie_jar: Option<PathBuf>,
}

/// Leaves the cookies out.
impl std::fmt::Debug for CookieArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CookieArgs").finish_non_exhaustive()
    }
}

/// The cookies of one call.
pub(super) struct Jar {
    store: Mutex<CookieStore>,
    /// The text of `-b`, which goes along with the cookies of the jar.
    text: Option<String>,
    /// The header that was written by hand, which stands for all others.
    by_hand: Option<HeaderValue>,
    /// The origin of the caller's URL, to which alone the text and that header go: they have no
    /// attribute that would keep them from plain HTTP or another port.
    origin: Origin,
    file: Option<PathBuf>,
}

impl CookieArgs {
    pub(super) fn is_empty(&self) -> bool {
        self.cookies.is_empty() && self.cookie_jar.is_none()
    }

    pub(super) fn reads_stdin(&self) -> bool {
        self.cookies.iter().any(|given| given == "-")
    }

    /// Puts the first `Cookie` of a call into its headers. Returns the jar if answers have a say in
    /// the next ones.
    pub(super) fn open(
        &self,
        url: &Url,
        headers: &mut HeaderMap,
    ) -> Result<Option<Arc<Jar>>, CliError> {
        if self.is_empty() {
            return Ok(None);
        }
        let (texts, files): (Vec<_>, Vec<_>) =
            self.cookies.iter().partition(|given| given.contains('='));
        let mut store = CookieStore::new();
        // As with curl, an empty name is no file, and turns the taking of cookies on.
        for file in files.iter().filter(|file| !file.is_empty()) {
            netscape::read(&read(file)?, &mut store);
        }
        let texts: Vec<_> = texts.into_iter().map(String::as_str).collect();
        let jar = Jar {
            store: Mutex::new(store),
            text: (!texts.is_empty()).then(|| texts.join(";")),
            by_hand: headers.get(COOKIE).cloned(),
            origin: url.origin(),
            file: self.cookie_jar.clone(),
        };
        if jar
            .text
            .as_deref()
            .is_some_and(|text| HeaderValue::from_str(text).is_err())
        {
            // Without the text, which may be a secret.
            return Err(CliError::usage(
                "-b holds a character that no cookie may hold",
            ));
        }
        if jar.by_hand.is_none() {
            headers.extend(jar.header(url).map(|value| (COOKIE, value)));
        }
        // A file that cannot be written is found before money moves.
        jar.check_file()?;
        let is_live = !files.is_empty() || jar.file.is_some();
        Ok(is_live.then(|| Arc::new(jar)))
    }
}

/// Reads a file of cookies. One that is not there has none.
fn read(file: &str) -> Result<String, CliError> {
    let failed =
        |error: std::io::Error| CliError::local_io(format!("-b {file} cannot be read: {error}"));
    let source: Box<dyn std::io::Read> = match file {
        "-" => Box::new(std::io::stdin()),
        file => match std::fs::File::open(file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(String::new());
            }
            opened => Box::new(opened.map_err(failed)?),
        },
    };
    let mut bytes = Vec::new();
    source
        .take(FILE_MAX)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl Jar {
    /// Writes the file of `-c`, 0600. A device or a pipe is written to as it is.
    pub(super) fn save(&self) -> Result<(), CliError> {
        let Some(path) = &self.file else {
            return Ok(());
        };
        let text = netscape::write(&self.store());
        if path == Path::new("-") {
            let written = stdout().write_all(text.as_bytes());
            return written.map_err(|error| unwritable(path, &error));
        }
        if is_device(path) {
            return std::fs::write(path, text).map_err(|error| unwritable(path, &error));
        }
        let written = private::replace(path, text.as_bytes());
        written.map_err(|error| unwritable(path, error.fault()))
    }

    fn check_file(&self) -> Result<(), CliError> {
        match &self.file {
            Some(path) if path != Path::new("-") && !is_device(path) => {
                private::check_replace(path).map_err(|error| unwritable(path, error.fault()))
            }
            _ => Ok(()),
        }
    }

    fn store(&self) -> std::sync::MutexGuard<'_, CookieStore> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns true for what is there and no file, which a new file must not take the place of.
fn is_device(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| !found.is_file())
}

fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> CliError {
    let path = path.display();
    CliError::local_io(format!("the cookies cannot be written to {path}: {error}"))
}

impl Cookies for Jar {
    fn header(&self, url: &Url) -> Option<HeaderValue> {
        let is_named = url.origin() == self.origin;
        if let Some(by_hand) = self.by_hand.clone().filter(|_| is_named) {
            return Some(by_hand);
        }
        let store = self.store();
        let mut found = store.matches(url);
        // RFC 6265, section 5.4: the longer path first. Then, as with curl, the longer name.
        let order = |it: &&Cookie<'_>| {
            let (path, name) = (String::from(&it.path).len(), it.name());
            (Reverse(path), Reverse(name.len()), name.to_owned())
        };
        found.sort_by_key(order);
        let pairs = found
            .iter()
            .map(|it| format!("{}={}", it.name(), it.value()));
        let all: Vec<_> = pairs
            .chain(self.text.clone().filter(|_| is_named))
            .collect();
        if all.is_empty() {
            return None;
        }
        let mut value = HeaderValue::try_from(all.join("; ")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    fn take(&self, url: &Url, headers: &HeaderMap) {
        let mut store = self.store();
        for value in headers.get_all(SET_COOKIE) {
            let text = value.to_str().ok().filter(|text| is_sound(text));
            let Some(mut cookie) = text.and_then(|text| RawCookie::parse(text.to_owned()).ok())
            else {
                continue;
            };
            if may_keep(&cookie, url) {
                // A cookie goes back to the host that set it, and not to others of its domain: which
                // of them are of one owner, only a list would say that is never up to date.
                cookie.unset_domain();
                // One that has expired takes an older one away, and is an error to the store.
                let _kept = store.insert_raw(&cookie, url);
            }
        }
    }
}

/// Returns true if a cookie can stand on a line of its own.
fn is_sound(text: &str) -> bool {
    text.len() <= COOKIE_MAX && !text.contains(char::is_control)
}

/// Checks what a cookie says of itself: a secure one comes over a secure connection, and names that
/// begin with `__Secure-` and `__Host-` promise more.
fn may_keep(cookie: &RawCookie<'_>, url: &Url) -> bool {
    let is_local = url.host_str().is_some_and(is_loopback_host);
    let is_secure = cookie.secure() == Some(true);
    let name = cookie.name().to_ascii_lowercase();
    let is_for_host = cookie.domain().is_none() && cookie.path() == Some("/");
    !cookie.name().is_empty()
        && (!is_secure || url.scheme() == "https" || is_local)
        && (is_secure || !(name.starts_with("__secure-") || name.starts_with("__host-")))
        && (is_for_host || !name.starts_with("__host-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(cookies: &[&str]) -> (Option<Arc<Jar>>, HeaderMap) {
        let args = CookieArgs {
            cookies: cookies.iter().map(|it| (*it).to_owned()).collect(),
            cookie_jar: None,
        };
        let mut headers = HeaderMap::new();
        let url = "http://a.example/x/y".parse().unwrap();
        let jar = args.open(&url, &mut headers).unwrap();
        (jar, headers)
    }

    fn taken(jar: &Jar, url: &str, set: &[&str]) {
        let values = set
            .iter()
            .map(|text| (SET_COOKIE, HeaderValue::from_str(text).unwrap()));
        jar.take(&url.parse().unwrap(), &values.collect());
    }

    fn sent(jar: &Jar, url: &str) -> String {
        let value = jar.header(&url.parse().unwrap());
        value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn texts_alone_need_no_jar() {
        let (jar, headers) = jar(&["a=1", "b=2; c=3"]);
        assert!(jar.is_none());
        assert_eq!(headers[COOKIE], "a=1;b=2; c=3");
    }

    #[test]
    fn cookies_go_back_to_the_host_and_path_that_set_them() {
        let (jar, headers) = jar(&["", "t=0"]);
        let jar = jar.unwrap();
        assert_eq!(headers[COOKIE], "t=0");
        taken(
            &jar,
            "http://a.example/x/y",
            &[
                "a=1",
                "b=2; Path=/; Domain=example",
                "c=3; Path=/x/y",
                "gone=1; Max-Age=0",
                "later=1; Expires=Thu, 01 Jan 2150 00:00:00 GMT; Path=/z",
            ],
        );
        assert_eq!(sent(&jar, "http://a.example/x/y"), "c=3; a=1; b=2; t=0");
        assert_eq!(sent(&jar, "http://a.example/z"), "later=1; b=2; t=0");
        for elsewhere in [
            "http://b.example/x/y",
            "http://b.a.example/x/y",
            "http://a.example:81/none",
        ] {
            assert!(!sent(&jar, elsewhere).contains("t=0"), "{elsewhere}");
        }
        taken(&jar, "http://a.example/x/y", &["b=; Path=/; Max-Age=0"]);
        assert_eq!(sent(&jar, "http://a.example/"), "t=0");
    }

    #[test]
    fn cookies_that_promise_what_they_do_not_keep_are_left_out() {
        let (jar, _) = jar(&[""]);
        let jar = jar.unwrap();
        let long = format!("long={}", "x".repeat(COOKIE_MAX));
        for bad in [
            "s=1; Secure",
            "__Secure-a=1",
            "__Host-a=1; Secure; Path=/x",
            "tab=a\tb",
            "=nameless",
            &long,
        ] {
            taken(&jar, "http://a.example/", &[bad]);
            assert_eq!(sent(&jar, "http://a.example/"), "", "{bad}");
            assert_eq!(sent(&jar, "https://a.example/"), "", "{bad}");
        }
        taken(
            &jar,
            "https://a.example/",
            &["__Host-a=1; Secure; Path=/", "s=1; Secure"],
        );
        assert_eq!(sent(&jar, "https://a.example/"), "__Host-a=1; s=1");
        assert_eq!(sent(&jar, "http://a.example/"), "");
    }
}
