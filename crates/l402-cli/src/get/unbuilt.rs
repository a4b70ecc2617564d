//! Flags of curl that `get` does not have, and the way round each of them.

/// A way round, and the flags that it is for.
type WayRound = (&'static str, &'static [&'static str]);

#[rustfmt::skip]
const WAYS: &[WayRound] = &[
    ("leave it out: it is so without the flag", &[
        "--basic", "-g", "--globoff", "--no-progress-meter", "-q", "--disable", "--tcp-nodelay",
        "--ca-native", "--expect100-timeout", "--suppress-connect-headers", "--no-sessionid", "--no-npn", "--proxy-basic",
        "-p", "--proxytunnel", "--socks5-basic", "--form-escape", "--proxy-ca-native", "--metalink",
    ]),
    ("one URL a call: run the command once for each", &[
        "-:", "--next", "-Z", "--parallel", "--parallel-immediate", "--parallel-max", "--parallel-max-host",
        "--remote-name-all", "--rate", "--fail-early",
    ]),
    ("`-H \"Authorization: ...\"` sends a login that was made elsewhere; `-u` sends Basic", &[
        "--anyauth", "--digest", "--negotiate", "--ntlm", "--ntlm-wb", "--oauth2-bearer", "--aws-sigv4",
        "--delegation", "--service-name", "--krb", "--login-options", "--sasl-authzid", "--sasl-ir",
    ]),
    ("`-x http://NAME:PASSWORD@HOST:PORT` names the login of a proxy", &[
        "-U", "--proxy-user", "--proxy-anyauth", "--proxy-digest", "--proxy-negotiate", "--proxy-ntlm",
        "--proxy-service-name", "--socks5-gssapi", "--socks5-gssapi-nec", "--socks5-gssapi-service",
    ]),
    ("`-x` takes every kind of proxy: http, https, socks4, socks4a, socks5, socks5h", &[
        "--socks4", "--socks4a", "--socks5", "--socks5-hostname", "--proxy1.0",
    ]),
    ("one proxy a call, and no header of yours for it: -x", &[
        "--preproxy", "--haproxy-protocol", "--haproxy-clientip", "--proxy-header", "--proxy-http2",
    ]),
    ("a proxy over https is verified by the same certificates as a server: --cacert", &[
        "--proxy-cacert", "--proxy-capath", "--proxy-cert", "--proxy-cert-type", "--proxy-ciphers", "--proxy-crlfile",
        "--proxy-insecure", "--proxy-key", "--proxy-key-type", "--proxy-pass", "--proxy-pinnedpubkey",
        "--proxy-ssl-allow-beast", "--proxy-ssl-auto-client-cert", "--proxy-tls13-ciphers", "--proxy-tlsauthtype",
        "--proxy-tlspassword", "--proxy-tlsuser", "--proxy-tlsv1",
    ]),
    ("the variable SSL_CERT_DIR names a folder of certificates, --cacert a file", &["--capath"]),
    ("--cacert with the server's own certificate trusts that one and no other", &["--pinnedpubkey", "--crlfile"]),
    ("certificate and key are PEM without a password: `openssl pkey -in KEY -out PLAIN`", &[
        "--cert-type", "--key-type", "--pass", "--engine", "--ssl-auto-client-cert",
    ]),
    ("TLS 1.2 and 1.3 are spoken with their safe ciphers, and nothing older", &[
        "-1", "-2", "-3", "--tlsv1", "--tlsv1.0", "--tlsv1.1", "--tlsv1.2", "--tlsv1.3", "--tls-max", "--tls13-ciphers",
        "--ciphers", "--curves", "--sslv2", "--sslv3", "--ssl-allow-beast", "--ssl-no-revoke",
        "--ssl-revoke-best-effort", "--cert-status", "--false-start", "--no-alpn", "--tlsauthtype", "--tlspassword",
        "--tlsuser", "--random-file", "--egd-file", "--sigalgs", "--tls-earlydata", "--ech",
    ]),
    ("HTTP/1.1 and HTTP/2 are spoken: --http1.1 chooses the first", &[
        "-0", "--http1.0", "--http0.9", "--http2-prior-knowledge", "--http3", "--http3-only", "--alt-svc", "--hsts",
    ]),
    ("--resolve takes an address for a name without asking a resolver", &[
        "--dns-interface", "--doh-url", "--doh-insecure", "--doh-cert-status", "--dns-servers", "--dns-ipv4-addr", "--dns-ipv6-addr",
        "--happy-eyeballs-timeout-ms",
    ]),
    ("write the folder with the name: -o FOLDER/FILE", &["--output-dir"]),
    ("`2> FILE` in the shell sends errors and -v to a file", &["--stderr"]),
    ("-v shows the heads, --log debug says more", &["--trace", "--trace-ascii", "--trace-time", "--styled-output", "--trace-ids", "--trace-config", "--dump-ca-embed"]),
    ("-s shows no progress; there is no bar", &["-#", "--progress-bar"]),
    ("-X POST keeps the method behind a redirect", &["--post301", "--post302", "--post303"]),
    ("a credential never crosses origins; ask the other origin by its own URL", &[
        "--location-trusted", "--proto", "--proto-redir", "--proto-default",
    ]),
    ("--retry asks again after what may end by itself; another run asks again after anything, and pays nothing twice", &[
        "--retry-all-errors", "--retry-connrefused",
    ]),
    ("-m bounds the time of the whole call", &["-y", "--speed-time", "-Y", "--speed-limit", "--limit-rate"]),
    ("-H \"If-Modified-Since: ...\" or -H \"If-None-Match: ...\" asks for what has changed", &[
        "-z", "--time-cond", "--etag-save", "--etag-compare",
    ]),
    ("-G with --data-urlencode makes a query", &["--url-query"]),
    ("-F NAME=<- sends as a text what stands at stdin", &["--form-string"]),
    ("the shell does it: \"$NAME\"", &["--variable"]),
    ("no C source is written; the library l402-client is for programs in Rust", &["--libcurl"]),
    ("leave it out, and write no name into the URL", &["--disallow-username-in-url"]),
    ("what is paid for must be known to be whole, so lengths and chunks are always read", &[
        "--ignore-content-length", "--raw", "--tr-encoding",
    ]),
    ("a purchase is noted by its path as browsers read it; curl sends another one", &[
        "--path-as-is", "--request-target",
    ]),
    ("-n or --netrc-file reads logins; without an entry there is none", &["--netrc-optional"]),
    ("leave the file of -b out of the command, and session cookies are gone", &["-j", "--junk-session-cookies"]),
    ("`touch`, `chmod` or `rm` of the file does it afterwards", &[
        "-R", "--remote-time", "--create-file-mode", "--remove-on-error", "--xattr", "--no-clobber",
        "--skip-existing",
    ]),
    ("the connection is an ordinary one over TCP; --connect-to leads it to another place", &[
        "--interface", "--local-port", "--unix-socket", "--abstract-unix-socket", "--keepalive-time", "--no-keepalive",
        "--keepalive-cnt", "--tcp-fastopen", "--ip-tos", "--vlan-priority", "--mptcp",
    ]),
    ("`l402 get --help`, and `l402 --version`", &["-M", "--manual", "-V", "--version"]),
    ("`get` speaks http and https alone", &[
        "-a", "--append", "-B", "--use-ascii", "--compressed-ssh", "--crlf", "--ipfs-gateway", "--pubkey", "--ssl", "--ssl-reqd",
        "--upload-flags", "-l", "--list-only", "-P", "--ftp-port", "-Q", "--quote", "-t", "--telnet-option",
        "--disable-eprt", "--disable-epsv", "--ftp-account", "--ftp-alternative-to-user", "--ftp-create-dirs",
        "--ftp-method", "--ftp-pasv", "--ftp-pret", "--ftp-skip-pasv-ip", "--ftp-ssl-ccc", "--ftp-ssl-ccc-mode",
        "--ftp-ssl-control", "--hostpubmd5", "--hostpubsha256", "--mail-auth", "--mail-from", "--mail-rcpt",
        "--mail-rcpt-allowfails", "--tftp-blksize", "--tftp-no-options",
    ]),
];

/// Every flag that has a way round.
#[cfg(test)]
pub(crate) fn flags() -> impl Iterator<Item = &'static str> {
    WAYS.iter().flat_map(|(_, flags)| *flags).copied()
}

/// Returns the way round a flag of curl that `get` does not have, `None` for what curl has not either.
pub(crate) fn way_round(flag: &str) -> Option<&'static str> {
    let flag = flag.split('=').next().unwrap_or(flag);
    let found = WAYS.iter().find(|(_, flags)| flags.contains(&flag));
    found.map(|(way, _)| *way)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_flag_stands_once_and_is_not_built() {
        let mut root = crate::cli::command_line();
        root.build();
        let get = root.find_subcommand("get").unwrap();
        let mut seen = HashSet::new();
        for flag in flags() {
            assert!(seen.insert(flag), "{flag} stands twice");
            let is_built = get.get_arguments().any(|arg| {
                arg.get_long()
                    .is_some_and(|long| flag == format!("--{long}"))
                    || arg
                        .get_short()
                        .is_some_and(|short| flag == format!("-{short}"))
            });
            assert!(!is_built, "{flag} is built");
        }
        assert!(way_round("--limit-rate=3").is_some() && way_round("--nonsense").is_none());
    }
}
