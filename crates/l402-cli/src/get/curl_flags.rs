//! The flags of curl that `l402 get` does not have, and what to do instead.

/// Flags that one way round serves: their names, a short name before a long one as `z,time-cond`, and
/// the way.
type Group = (&'static str, &'static str);

const NOT_HTTP: &str = "it is about another protocol than HTTP: use curl for it";
const LEAVE_OUT: &str = "leave it out: this is so in any case";
const TLS: &str = "TLS is 1.2 or 1.3 with the safe ciphers, and nothing chooses less: leave it out, or use \
                   curl for a page that costs nothing";
const PROXY: &str = "the login of a proxy stands in its address: -x http://NAME:PASSWORD@HOST:PORT";
const SOCKS: &str =
    "-x takes SOCKS proxies as well: -x socks5h://HOST:PORT resolves names at the proxy";
const LOGIN: &str = "a login is Basic (-u, -n); for another one make the header yourself: -H \
                     \"Authorization: …\"";
const CONNECTION: &str = "the connection is made as the system does it; -4, -6, --resolve and --connect-to \
                          choose the address";
const LOG: &str = "-v shows heads and connections; more is written by --log LEVEL";
const ONE_URL: &str =
    "one URL a call: write a loop around l402 get, the journal is shared by all calls";
const MOVE: &str = "write to a place of its own with -o, and move it from there";
const TIME: &str = "-m bounds the whole time, and --connect-timeout that of the connection";

const GROUPS: &[Group] = &[
    (
        "abstract-unix-socket unix-socket",
        "only TCP is spoken: put a proxy between, or use curl for a page that costs nothing",
    ),
    (
        "alt-svc hsts doh-url doh-cert-status doh-insecure http3 http3-only no-alpn no-npn ech",
        "the way to a server is what its URL says, by HTTP/1.1 or HTTP/2: --http1.1, --http2",
    ),
    (
        "anyauth digest negotiate ntlm ntlm-wb aws-sigv4 oauth2-bearer delegation login-options \
         sasl-authzid sasl-ir service-name",
        LOGIN,
    ),
    (
        "a,append krb P,ftp-port disable-eprt disable-epsv ftp-account ftp-alternative-to-user \
         ftp-create-dirs ftp-method ftp-pasv ftp-pret ftp-skip-pasv-ip ftp-ssl-ccc ftp-ssl-ccc-mode \
         ftp-ssl-control crlf l,list-only mail-auth mail-from mail-rcpt mail-rcpt-allowfails Q,quote \
         t,telnet-option tftp-blksize tftp-no-options B,use-ascii hostpubmd5 hostpubsha256 pubkey \
         compressed-ssh ssl ssl-reqd ipfs-gateway upload-flags",
        NOT_HTTP,
    ),
    (
        "basic q,disable g,globoff no-sessionid tcp-nodelay suppress-connect-headers \
         false-start metalink proxy-anyauth proxy-basic egd-file random-file p,proxytunnel",
        LEAVE_OUT,
    ),
    (
        "capath",
        "name a file of certificates: --cacert FILE, or the variable SSL_CERT_DIR for a folder",
    ),
    (
        "ca-native",
        "the system's certificates are trusted in any case: leave it out",
    ),
    (
        "cert-status cert-type ciphers crlfile curves engine key-type pass pinnedpubkey sigalgs ssl-allow-beast \
         ssl-auto-client-cert ssl-no-revoke ssl-revoke-best-effort 2,sslv2 3,sslv3 tls-earlydata \
         tls-max tls13-ciphers tlsauthtype tlspassword tlsuser 1,tlsv1 tlsv1.0 tlsv1.1 tlsv1.2 \
         tlsv1.3",
        TLS,
    ),
    (
        "create-file-mode output-dir no-clobber remove-on-error R,remote-time xattr skip-existing out-null",
        MOVE,
    ),
    (
        "dns-interface dns-ipv4-addr dns-ipv6-addr dns-servers happy-eyeballs-timeout-ms interface \
         local-port keepalive-time keepalive-cnt no-keepalive tcp-fastopen haproxy-protocol \
         haproxy-clientip ip-tos vlan-priority mptcp",
        CONNECTION,
    ),
    (
        "etag-compare etag-save z,time-cond",
        "write the header: -H 'If-None-Match: \"…\"' or -H 'If-Modified-Since: …'; -i shows what came",
    ),
    (
        "post301 post302 post303",
        "-X POST keeps the method behind a redirect",
    ),
    (
        "disallow-username-in-url",
        "leave it out, and write no name into the URL",
    ),
    ("expect100-timeout", LEAVE_OUT),
    (
        "fail-early :,next Z,parallel parallel-immediate parallel-max parallel-max-host remote-name-all \
         rate",
        ONE_URL,
    ),
    ("form-string", "write -F NAME=<- and give the text at stdin"),
    ("form-escape", LEAVE_OUT),
    (
        "0,http1.0 http0.9 http2-prior-knowledge",
        "HTTP is 1.1 or 2: --http1.1, --http2",
    ),
    (
        "ignore-content-length raw tr-encoding",
        "the length and the chunks of an answer are always read: what is paid for must be known to be whole",
    ),
    (
        "j,junk-session-cookies",
        "take the lines whose fifth field is 0 out of the file of -b",
    ),
    ("libcurl", "no C source is written: use curl for it"),
    ("limit-rate Y,speed-limit y,speed-time", TIME),
    (
        "location-trusted",
        "a login and a credential go to the origin of the URL alone: ask the other origin by its own URL",
    ),
    ("M,manual", "`l402 help get`"),
    ("V,version", "`l402 --version`"),
    (
        "netrc-optional",
        "-n: a file or a host that is not there is no error, and -u comes first",
    ),
    (
        "no-progress-meter #,progress-bar styled-output",
        "-s shows no progress; there is no bar",
    ),
    (
        "path-as-is request-target",
        "what is bought is noted by its path, as browsers read it: use curl for a page that costs nothing",
    ),
    (
        "preproxy socks4 socks4a socks5 socks5-basic socks5-gssapi socks5-gssapi-nec \
         socks5-gssapi-service socks5-hostname",
        SOCKS,
    ),
    (
        "proto proto-default proto-redir",
        "only http and https are spoken, and without a scheme http is meant: leave it out",
    ),
    (
        "proxy-ca-native proxy-cacert proxy-capath proxy-cert proxy-cert-type proxy-ciphers proxy-crlfile \
         proxy-http2 proxy-insecure proxy-key proxy-key-type proxy-pass proxy-pinnedpubkey \
         proxy-ssl-allow-beast proxy-ssl-auto-client-cert proxy-tls13-ciphers proxy-tlsauthtype \
         proxy-tlspassword proxy-tlsuser proxy-tlsv1",
        "a proxy over https is verified as a server is: --cacert, or the system's certificates",
    ),
    (
        "proxy-digest proxy-header proxy-negotiate proxy-ntlm proxy-service-name U,proxy-user proxy1.0",
        PROXY,
    ),
    (
        "retry-all-errors retry-connrefused",
        "--retry tries again what may pass; anything else is for a loop around l402 get, which never pays \
         twice",
    ),
    ("stderr", "let the shell do it: 2> FILE"),
    (
        "trace trace-ascii trace-config trace-ids trace-time dump-ca-embed",
        LOG,
    ),
    (
        "url-query",
        "-G --data-urlencode, or write the query into the URL",
    ),
    ("variable expand-data", "let the shell do it: \"$NAME\""),
];

/// Returns what to do instead of a flag of curl: `--name`, or `-n`. `None` if curl has no such flag, or
/// none that is missing here.
pub(crate) fn way_round(flag: &str) -> Option<&'static str> {
    let is_meant = |(short, long): (Option<char>, &str)| match flag.strip_prefix("--") {
        Some(name) => name == long,
        None => short.is_some_and(|short| flag.strip_prefix('-') == Some(&short.to_string())),
    };
    let mut groups = GROUPS.iter();
    let found = groups.find(|(flags, _)| names(flags).any(is_meant));
    found.map(|(_, way)| *way)
}

/// Returns the short and the long name of each flag of a group.
fn names(flags: &str) -> impl Iterator<Item = (Option<char>, &str)> {
    flags
        .split_whitespace()
        .map(|flag| match flag.split_once(',') {
            Some((short, long)) => (short.chars().next(), long),
            None => (None, flag),
        })
}

/// Every flag that has a way round, by its long name, and the ways.
#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = (Option<char>, &'static str, &'static str)> {
    let groups = GROUPS.iter();
    groups.flat_map(|(flags, way)| names(flags).map(move |(short, long)| (short, long, *way)))
}
