//! The file of cookies that Netscape's browser had, and curl, wget and others have since.

use cookie_store::{Cookie, CookieDomain, CookieExpiration, CookieStore, RawCookie};
use time::OffsetDateTime;
use url::Url;

const HEAD: &str =
    "# Netscape HTTP Cookie File\n# Written by l402. Whoever has it is logged in as you.\n\n";

/// Before the domain of a cookie that scripts of a page may not see.
const HTTP_ONLY: &str = "#HttpOnly_";

/// Reads a file into a store. Lines that are no cookie are left out, and so is what has expired.
pub(super) fn read(text: &str, store: &mut CookieStore) {
    for line in text.lines() {
        let (line, is_http_only) = match line.strip_prefix(HTTP_ONLY) {
            Some(rest) => (rest, true),
            None => (line, false),
        };
        if !line.starts_with('#') {
            // `None` for a line that is no cookie.
            let _read = add(line, is_http_only, store);
        }
    }
}

fn add(line: &str, is_http_only: bool, store: &mut CookieStore) -> Option<()> {
    let fields: Vec<_> = line.split('\t').collect();
    let [domain, below, path, secure, expires, name, ref value @ ..] = fields[..] else {
        return None;
    };
    let value = *value.first().unwrap_or(&"");
    let is_true = |text: &str| text.eq_ignore_ascii_case("true");
    let host = domain.trim_start_matches('.');
    let mut cookie = RawCookie::build((name, value))
        .path(path)
        .secure(is_true(secure))
        .http_only(is_http_only);
    if is_true(below) {
        cookie = cookie.domain(host);
    }
    let mut cookie = cookie.build();
    let expires: i64 = expires.parse().ok()?;
    if expires > 0 {
        cookie.set_expires(OffsetDateTime::from_unix_timestamp(expires).ok()?);
    }
    // Of an address of version 6 the file has no brackets.
    let host = match host.contains(':') {
        true => format!("[{}]", host.trim_matches(['[', ']'])),
        false => host.to_owned(),
    };
    let url = Url::parse(&format!("https://{host}/")).ok()?;
    store.insert_raw(&cookie, &url).ok().map(drop)
}

/// Writes all cookies of a store that have not expired, sorted by domain, path and name.
pub(super) fn write(store: &CookieStore) -> String {
    let mut lines: Vec<_> = store.iter_unexpired().map(line).collect();
    lines.sort_unstable();
    HEAD.to_owned() + &lines.concat()
}

fn line(cookie: &Cookie<'_>) -> String {
    let yes_no = |is: bool| if is { "TRUE" } else { "FALSE" };
    let (domain, below) = match &cookie.domain {
        CookieDomain::Suffix(domain) => (format!(".{domain}"), true),
        CookieDomain::HostOnly(domain) => (domain.trim_matches(['[', ']']).to_owned(), false),
        CookieDomain::NotPresent | CookieDomain::Empty => (String::new(), false),
    };
    let mark = match cookie.http_only() {
        Some(true) => HTTP_ONLY,
        _ => "",
    };
    let expires = match cookie.expires {
        CookieExpiration::AtUtc(time) => time.unix_timestamp(),
        CookieExpiration::SessionEnd => 0,
    };
    format!(
        "{mark}{domain}\t{}\t{}\t{}\t{expires}\t{}\t{}\n",
        yes_no(below),
        String::from(&cookie.path),
        yes_no(cookie.secure() == Some(true)),
        cookie.name(),
        cookie.value(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# Netscape HTTP Cookie File\n\
        127.0.0.1\tFALSE\t/\tFALSE\t0\ta\t1\n\
        #HttpOnly_.b.example\tTRUE\t/x\tTRUE\t4102444800\tb\t\"2 3\"\n\
        c.example\tFALSE\t/\tFALSE\t1\tgone\t1\n\
        ::1\tFALSE\t/\tFALSE\t0\tsix\t\n\
        nonsense\n";

    #[test]
    fn a_file_comes_out_as_it_went_in() {
        let mut store = CookieStore::new();
        read(FILE, &mut store);
        let written = write(&store);
        for line in [
            "127.0.0.1\tFALSE\t/\tFALSE\t0\ta\t1\n",
            "#HttpOnly_.b.example\tTRUE\t/x\tTRUE\t4102444800\tb\t\"2 3\"\n",
            "::1\tFALSE\t/\tFALSE\t0\tsix\t\n",
        ] {
            assert!(written.contains(line), "{written}");
        }
        assert!(!written.contains("gone") && !written.contains("nonsense"));
        let mut again = CookieStore::new();
        read(&written, &mut again);
        assert_eq!(write(&again), written);
    }
}
