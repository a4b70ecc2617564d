//! The flags of `l402 get` about the connection, with the meaning that they have to curl.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use l402_client::Outgoing;
use url::Url;

use crate::error::CliError;
use crate::outgoing::{self, Route};
use crate::text::span::time;

/// Certificates, proxies, addresses and the version of HTTP.
#[derive(Args, Debug, Default)]
pub(super) struct TransportArgs {
    /// Take any certificate of the server; nothing is then paid, and no credential sent, without --yes
    #[arg(short = 'k', long, help_heading = CONNECTION)]
    insecure: bool,

    /// Trust the certificates of this file (PEM), and no others
    #[arg(long, value_name = "FILE", help_heading = CONNECTION)]
    cacert: Option<PathBuf>,

    /// Show the server this certificate (PEM), which may have its key beside it
    #[arg(short = 'E', long, value_name = "FILE", help_heading = CONNECTION)]
    cert: Option<PathBuf>,

    /// The key of --cert (PEM, without a password)
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = CONNECTION)]
    key: Option<PathBuf>,

    /// Ask through this proxy (http, https, socks4, socks4a, socks5, socks5h); this machine never is
    #[arg(short = 'x', long, value_name = "URL", help_heading = CONNECTION)]
    proxy: Option<String>,

    /// Ask these hosts without a proxy, with commas between them; * for all
    #[arg(long, value_name = "HOSTS", help_heading = CONNECTION)]
    noproxy: Option<String>,

    /// Take this address for a host and port
    #[arg(long, value_name = "HOST:PORT:ADDRESS", help_heading = CONNECTION)]
    resolve: Vec<String>,

    /// Connect to the second place where the URL names the first; what is empty stands for any
    #[arg(long, value_name = "HOST1:PORT1:HOST2:PORT2", help_heading = CONNECTION)]
    connect_to: Vec<String>,

    /// The longest time for the connection, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = time, help_heading = CONNECTION)]
    connect_timeout: Option<Duration>,

    /// Speak HTTP/1.1 alone
    #[arg(long = "http1.1", overrides_with = "http2", help_heading = CONNECTION)]
    http1_1: bool,

    /// Speak HTTP/2 where an https server offers it, as without this flag
    #[arg(long, overrides_with = "http1_1", help_heading = CONNECTION)]
    http2: bool,

    /// Connect to IPv4 addresses alone
    #[arg(short = '4', long, overrides_with = "ipv6", help_heading = CONNECTION)]
    ipv4: bool,

    /// Connect to IPv6 addresses alone
    #[arg(short = '6', long, overrides_with = "ipv4", help_heading = CONNECTION)]
    ipv6: bool,

    /// Write each piece of the body at once, as without this flag
    #[arg(short = 'N', long, help_heading = CONNECTION)]
    no_buffer: bool,
}

const CONNECTION: &str = "Connection";

/// A host and a port, each of them `None` if it was left empty.
type Place<'a> = (Option<&'a str>, Option<u16>);

impl TransportArgs {
    /// Returns the way to a URL. `redirects` says that the answer may lead to others.
    pub(super) fn outgoing(&self, url: &Url, redirects: bool) -> Result<Outgoing, CliError> {
        let route = Route {
            cacert: self.cacert.as_deref(),
            insecure: self.insecure,
            proxy: self.proxy.as_deref(),
            no_proxy: self.noproxy.as_deref(),
        };
        let mut outgoing = outgoing::by(&route, url, redirects)?;
        // As with curl, files that plain HTTP has no use for are not read.
        let cert = self.cert.as_ref();
        if let Some(cert) = cert.filter(|_| outgoing::needs_tls(url, redirects)) {
            outgoing = with_identity(outgoing, cert, self.key.as_deref())?;
        }
        if let Some(longest) = self.connect_timeout.filter(|it| !it.is_zero()) {
            outgoing = outgoing.with_connect_timeout(longest);
        }
        if self.ipv4 || self.ipv6 {
            outgoing = outgoing.with_ipv6(self.ipv6);
        }
        self.detours(outgoing.with_http1_only(self.http1_1), url)
    }

    fn detours(&self, mut outgoing: Outgoing, url: &Url) -> Result<Outgoing, CliError> {
        for text in &self.resolve {
            // `-HOST:PORT` takes an address out of a memory that one call does not have.
            if !text.starts_with('-') {
                let form = "HOST:PORT:ADDRESS[,ADDRESS], such as api.example:443:127.0.0.1";
                let wrong = || not_understood("--resolve", text, form);
                let (host, port, addresses) = resolved(text).ok_or_else(wrong)?;
                outgoing = outgoing.with_addresses(host, port, addresses);
            }
        }
        let is_led = !self.connect_to.is_empty();
        if is_led && outgoing.has_proxy(url.scheme()) && self.noproxy.as_deref() != Some("*") {
            let text = "--connect-to cannot be used with a proxy";
            return Err(CliError::usage(text).with_hint("--noproxy '*' goes without the proxy"));
        }
        for text in &self.connect_to {
            let form = "HOST1:PORT1:HOST2:PORT2, such as api.example:443:127.0.0.1:8443";
            let wrong = || not_understood("--connect-to", text, form);
            let (from, to) = places(text).ok_or_else(wrong)?;
            outgoing = outgoing.with_connect_to(from, to);
        }
        Ok(outgoing)
    }
}

fn not_understood(flag: &str, text: &str, form: &str) -> CliError {
    CliError::usage(format!("{flag} {text} cannot be understood"))
        .with_hint(format!("write {flag} {form}; an IPv6 address in brackets"))
}

fn with_identity(
    outgoing: Outgoing,
    cert: &Path,
    key: Option<&Path>,
) -> Result<Outgoing, CliError> {
    let mut pem = read_pem("--cert", cert)?;
    if let Some(key) = key {
        pem.push(b'\n');
        pem.extend(read_pem("--key", key)?);
    }
    outgoing.with_identity(&pem).map_err(|_| {
        let text = format!("--cert {} and its key cannot be used", cert.display());
        CliError::local_io(text).with_hint(
            "both are PEM, and the key has no password: `openssl pkey -in KEY -out PLAIN` makes such \
             a one",
        )
    })
}

fn read_pem(flag: &str, path: &Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(path).map_err(|error| {
        let unreadable =
            |path: &str| CliError::local_io(format!("{flag} {path} cannot be read: {error}"));
        let text = path.to_string_lossy();
        // Of curl's `FILE:PASSWORD` the second half is not repeated.
        match text.split_once(':') {
            Some((file, _)) => unreadable(file)
                .with_hint("a key with a password is not read; take the password off first"),
            None => unreadable(&text),
        }
    })
}

/// Reads `[+]HOST:PORT:ADDRESS[,ADDRESS]`.
fn resolved(text: &str) -> Option<(&str, u16, Vec<IpAddr>)> {
    let (host, rest) = host(text.strip_prefix('+').unwrap_or(text))?;
    let (port, addresses) = rest.split_once(':')?;
    let addresses = addresses.split(',').map(|it| {
        let it = it.trim().trim_start_matches('[').trim_end_matches(']');
        it.parse().ok()
    });
    Some((host, port.parse().ok()?, addresses.collect::<Option<_>>()?))
        .filter(|(host, ..)| !host.is_empty())
}

/// Reads `HOST1:PORT1:HOST2:PORT2`, in which each may be empty.
fn places(text: &str) -> Option<(Place<'_>, Place<'_>)> {
    let (host1, rest) = host(text)?;
    let (port1, rest) = rest.split_once(':')?;
    let (host2, port2) = host(rest)?;
    let place = |host, port: &str| {
        let port = match port {
            "" => None,
            port => Some(port.parse().ok()?),
        };
        Some((Some(host).filter(|it: &&str| !it.is_empty()), port))
    };
    Some((place(host1, port1)?, place(host2, port2)?))
}

/// Parts a host, perhaps in brackets, from what stands behind its colon.
fn host(text: &str) -> Option<(&str, &str)> {
    match text.strip_prefix('[') {
        Some(rest) => rest.split_once("]:"),
        None => text.split_once(':'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_are_those_of_curl() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(
            resolved("+a.example:443:127.0.0.1,[::1],::2"),
            Some((
                "a.example",
                443,
                vec![ip("127.0.0.1"), ip("::1"), ip("::2")]
            ))
        );
        assert_eq!(resolved("*:80:[::1]"), Some(("*", 80, vec![ip("::1")])));
        for bad in ["", "a", "a:80", "a:80:", "a:80:b", ":80:::1", "a:x:::1"] {
            assert_eq!(resolved(bad), None, "{bad}");
        }
        let any = (None, None);
        assert_eq!(
            places("::127.0.0.1:8080"),
            Some((any, (Some("127.0.0.1"), Some(8080))))
        );
        assert_eq!(
            places("[::1]:80:[::2]:"),
            Some(((Some("::1"), Some(80)), (Some("::2"), None)))
        );
        for bad in ["", "a:80", "a:80:b", "a:x:b:1", "a:1:b:70000"] {
            assert_eq!(places(bad), None, "{bad}");
        }
    }
}
