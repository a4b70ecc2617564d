//! The way out that the surroundings of the program name, or flags: certificates and proxies, as
//! curl reads them.

use std::ffi::OsString;
use std::path::Path;

use l402_client::Outgoing;
use rustls_native_certs::CertificateResult;
use url::Url;

use crate::error::CliError;
use crate::exit_code;

/// The variables that name certificates in place of the system's store.
const CERTIFICATES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// The flags that win over the surroundings.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Route<'a> {
    /// Certificates in place of all others.
    pub(crate) cacert: Option<&'a Path>,
    /// Takes any certificate, so that none is read.
    pub(crate) insecure: bool,
    /// The proxy of every URL. Empty for none.
    pub(crate) proxy: Option<&'a str>,
    /// The hosts that are asked without a proxy.
    pub(crate) no_proxy: Option<&'a str>,
}

/// Returns the way to a URL that the surroundings name; see [`by`].
///
/// # Errors
/// As [`by`].
pub(crate) fn to(url: &Url, redirects: bool) -> Result<Outgoing, CliError> {
    by(&Route::default(), url, redirects)
}

/// Returns the way to a URL. Without flags: the system's certificates beside those that are built in,
/// or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, and the proxies of `http_proxy`,
/// `https_proxy`, `all_proxy` and `no_proxy`. `redirects` says that the answer may lead to other URLs.
///
/// # Errors
/// If a flag or a variable names certificates that cannot be read, or no proxy.
pub(crate) fn by(route: &Route<'_>, url: &Url, redirects: bool) -> Result<Outgoing, CliError> {
    let outgoing = with_proxies(route, |name| std::env::var_os(name))?;
    if route.insecure {
        return Ok(outgoing.danger_accept_any_certificate(true));
    }
    // Reading the store takes some milliseconds, for which plain HTTP has no use.
    if !needs_tls(url, redirects) {
        return Ok(outgoing);
    }
    match route.cacert {
        Some(file) => with_file(outgoing, file),
        None => with_roots(outgoing),
    }
}

/// Returns the certificates (DER) that the surroundings name beside those that are built in, or in their place.
///
/// # Errors
/// If a variable names certificates that cannot be read.
#[cfg(feature = "registry")]
pub(crate) fn more_roots() -> Result<Vec<Vec<u8>>, CliError> {
    let named = CERTIFICATES
        .into_iter()
        .find(|name| std::env::var_os(name).is_some());
    let found = rustls_native_certs::load_native_certs();
    match named {
        Some(name) if found.certs.is_empty() => {
            let error = no_certificates(name, &found);
            Err(error.with_hint("name a file of PEM certificates, or unset it"))
        }
        _ => Ok(in_der(found).collect()),
    }
}

/// Returns true if a call may come to a server over TLS.
pub(crate) fn needs_tls(url: &Url, redirects: bool) -> bool {
    url.scheme() == "https" || redirects
}

fn with_proxies(
    route: &Route<'_>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Outgoing, CliError> {
    let named = |names: &[&'static str]| {
        names.iter().find_map(|name| {
            let value = variable(name)?.to_string_lossy().into_owned();
            (!value.is_empty()).then_some((*name, value))
        })
    };
    let mut outgoing = Outgoing::default();
    match route.no_proxy {
        Some(hosts) => outgoing = outgoing.with_no_proxy(hosts),
        None => {
            if let Some((_, hosts)) = named(&["no_proxy", "NO_PROXY"]) {
                outgoing = outgoing.with_no_proxy(&hosts);
            }
        }
    }
    // Not HTTP_PROXY: a CGI program gets a variable of that name from a header of the request.
    let (http, https) = match route.proxy {
        Some("") => (None, None),
        Some(proxy) => {
            let given = Some(("-x", proxy.to_owned()));
            (given.clone(), given)
        }
        None => (
            named(&["http_proxy", "all_proxy", "ALL_PROXY"]),
            named(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
        ),
    };
    if let Some((name, proxy)) = http {
        let with = outgoing.with_http_proxy(&proxy);
        outgoing = with.map_err(|_| no_proxy(name))?;
    }
    if let Some((name, proxy)) = https {
        let with = outgoing.with_https_proxy(&proxy);
        outgoing = with.map_err(|_| no_proxy(name))?;
    }
    Ok(outgoing)
}

/// The error does not repeat the value, which may hold a password.
fn no_proxy(name: &str) -> CliError {
    let text = format!("{name} names no proxy that can be used; no money moved");
    let error = match name {
        "-x" => CliError::usage(text),
        _ => CliError::new(exit_code::CONFIGURATION, "configuration", text),
    };
    error.with_hint(
        "write http://127.0.0.1:3128, https://proxy.example:443, or socks5h://127.0.0.1:9050",
    )
}

/// Trusts the certificates of `--cacert` and no others.
fn with_file(outgoing: Outgoing, file: &Path) -> Result<Outgoing, CliError> {
    // A folder would be taken for one of certificates.
    let found = rustls_native_certs::load_certs_from_paths(Some(file), None);
    if found.certs.is_empty() {
        return Err(
            no_certificates("--cacert", &found).with_hint("name a file of PEM certificates")
        );
    }
    Ok(outgoing.with_roots(in_der(found)))
}

fn with_roots(outgoing: Outgoing) -> Result<Outgoing, CliError> {
    let named = CERTIFICATES
        .into_iter()
        .find(|name| std::env::var_os(name).is_some());
    with_found(outgoing, named, rustls_native_certs::load_native_certs())
}

/// Trusts what was found: in place of what is built in if a variable names it, and else beside it.
fn with_found(
    outgoing: Outgoing,
    named: Option<&str>,
    found: CertificateResult,
) -> Result<Outgoing, CliError> {
    match named {
        Some(name) if found.certs.is_empty() => {
            let error = no_certificates(name, &found);
            Err(error.with_hint("name a file of PEM certificates, or unset it"))
        }
        Some(_) => Ok(outgoing.with_roots(in_der(found))),
        // A small container has no store; what is built in does for it.
        None => Ok(outgoing.with_more_roots(in_der(found))),
    }
}

fn in_der(found: CertificateResult) -> impl Iterator<Item = Vec<u8>> {
    found.certs.into_iter().map(|root| root.to_vec())
}

fn no_certificates(name: &str, found: &CertificateResult) -> CliError {
    let why = found.errors.first();
    let why = why.map_or("there is none".to_owned(), ToString::to_string);
    CliError::local_io(format!(
        "{name} names no certificates: {why}; no money moved"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Result<String, String> {
        with_flags(&Route::default(), variables)
    }

    fn with_flags(route: &Route<'_>, variables: &[(&str, &str)]) -> Result<String, String> {
        let variable = |wanted: &str| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| OsString::from(value))
        };
        let outgoing = with_proxies(route, variable).map_err(|error| error.to_string())?;
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

    /// An own authority in the system's store takes nothing away from the public ones.
    #[test]
    fn only_a_variable_replaces_what_is_built_in() {
        let with = |named, count| {
            let made = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
            let mut found = CertificateResult::default();
            found.certs = vec![made.cert.der().clone(); count];
            with_found(Outgoing::default(), named, found)
        };
        for (named, count, trusted) in [
            (None, 0, (true, 0)),
            (None, 2, (true, 2)),
            (Some("SSL_CERT_FILE"), 1, (false, 1)),
        ] {
            assert_eq!(with(named, count).unwrap().trusted(), trusted, "{named:?}");
        }
        let error = with(Some("SSL_CERT_DIR"), 0).unwrap_err();
        assert!(error.to_string().contains("SSL_CERT_DIR"), "{error}");
    }

    #[test]
    fn a_flag_wins_over_the_variables() {
        let route = |proxy| Route {
            proxy: Some(proxy),
            ..Route::default()
        };
        let set = [("all_proxy", "proxy:3128")];
        assert_eq!(with_flags(&route(""), &set), proxies(&[]));
        let both = with_flags(&route("socks5h://127.0.0.1:9050"), &[]);
        assert_eq!(both, proxies(&set));
        let error = with_flags(&route("ftp://me:secret@h"), &[]).unwrap_err();
        assert!(error.contains("-x") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_no_reason_to_go_without() {
        for bad in [
            "socks9://me:secret@h:1080",
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
