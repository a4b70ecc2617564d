//! The way out that the surroundings of the program name: certificates and proxies, as curl reads
//! them.

use std::ffi::OsString;

use l402_client::Outgoing;
use url::Url;

use crate::error::CliError;
use crate::exit_code;

/// The variables that name certificates in place of the system's store.
const CERTIFICATES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Returns the way to a URL: the system's certificates, or those that `SSL_CERT_FILE` and
/// `SSL_CERT_DIR` name, and the proxies of `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`.
/// `redirects` says that the answer may lead to other URLs.
///
/// # Errors
/// If a variable names certificates that cannot be read, or no proxy.
pub(crate) fn to(url: &Url, redirects: bool) -> Result<Outgoing, CliError> {
    let outgoing = with_proxies(|name| std::env::var_os(name))?;
    // Reading the store takes some milliseconds, for which plain HTTP has no use.
    if url.scheme() == "https" || redirects {
        with_roots(outgoing)
    } else {
        Ok(outgoing)
    }
}

fn with_proxies(variable: impl Fn(&str) -> Option<OsString>) -> Result<Outgoing, CliError> {
    let named = |names: &[&'static str]| {
        names.iter().find_map(|name| {
            let value = variable(name)?.to_string_lossy().into_owned();
            (!value.is_empty()).then_some((*name, value))
        })
    };
    let mut outgoing = Outgoing::default();
    if let Some((_, hosts)) = named(&["no_proxy", "NO_PROXY"]) {
        outgoing = outgoing.with_no_proxy(&hosts);
    }
    // Not HTTP_PROXY: a CGI program gets a variable of that name from a header of the request.
    if let Some((name, proxy)) = named(&["http_proxy", "all_proxy", "ALL_PROXY"]) {
        let with = outgoing.with_http_proxy(&proxy);
        outgoing = with.map_err(|_| no_proxy(name))?;
    }
    if let Some((name, proxy)) = named(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]) {
        let with = outgoing.with_https_proxy(&proxy);
        outgoing = with.map_err(|_| no_proxy(name))?;
    }
    Ok(outgoing)
}

/// The error does not repeat the value, which may hold a password.
fn no_proxy(name: &str) -> CliError {
    let text = format!("{name} names no proxy that can be used; no money moved");
    CliError::new(exit_code::CONFIGURATION, "configuration", text)
        .with_hint("write http://HOST:PORT or https://HOST:PORT; SOCKS is not spoken")
}

fn with_roots(outgoing: Outgoing) -> Result<Outgoing, CliError> {
    let found = rustls_native_certs::load_native_certs();
    let named = CERTIFICATES
        .into_iter()
        .find(|name| std::env::var_os(name).is_some());
    match (named, found.certs.is_empty(), found.errors.first()) {
        (Some(name), true, error) => {
            let why = error.map_or("there is none".to_owned(), ToString::to_string);
            let text = format!("{name} names no certificates: {why}; no money moved");
            Err(CliError::local_io(text).with_hint("name a file of PEM certificates, or unset it"))
        }
        // A small container has no store; what is built in does for it.
        (None, true, _) => Ok(outgoing),
        _ => {
            let roots = found.certs.into_iter().map(|root| root.to_vec());
            Ok(outgoing.with_roots(roots))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Result<String, String> {
        let variable = |wanted: &str| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| OsString::from(value))
        };
        let outgoing = with_proxies(variable).map_err(|error| error.to_string())?;
        Ok(format!("{outgoing:?}"))
    }

    #[test]
    fn the_variables_are_those_of_curl() {
        const P: &str = "proxy:3128";
        for (name, http, https) in [
            ("http_proxy", true, false),
            ("https_proxy", false, true),
            ("HTTPS_PROXY", false, true),
            ("all_proxy", true, true),
            ("ALL_PROXY", true, true),
            ("HTTP_PROXY", false, false),
        ] {
            let shown = proxies(&[(name, P)]).unwrap();
            let expected = format!("http_proxy: {http}, https_proxy: {https}");
            assert!(shown.contains(&expected), "{name}: {shown}");
        }
        assert_eq!(proxies(&[("http_proxy", "")]), proxies(&[]));
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_no_reason_to_go_without() {
        for bad in [
            "socks5://me:secret@h:1080",
            "ftp://h",
            "http://",
            "me:secret@",
        ] {
            let error = proxies(&[("https_proxy", bad)]).unwrap_err();
            assert!(error.contains("https_proxy"), "{bad}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
