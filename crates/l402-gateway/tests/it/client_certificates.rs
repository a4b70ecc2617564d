//! Certificates of clients: the gateway's own at an upstream, and an operator's at the gateway.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use l402_gateway::Config;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::admin::stage::{shop, stage_with};
use crate::harness::{describe, serve, upstream};

/// An authority that issues certificates to a test.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    /// Writes `NAME.pem` and `NAME.key`.
    fn issue(&self, folder: &Path, name: &str) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        let issued = params.signed_by(&key, &self.issuer).expect("issued");
        write(folder, &format!("{name}.pem"), &issued.pem());
        write(folder, &format!("{name}.key"), &key.serialize_pem());
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    l402_host::private::replace(&folder.join(name), text.as_bytes()).expect("written");
}

/// An upstream that serves only who shows a certificate of `ca.pem`.
async fn strict_upstream(folder: &Path) -> SocketAddr {
    let read =
        |name: &str| CertificateDer::from_pem_file(folder.join(name)).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(read("ca.pem")).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let asks = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let key = PrivateKeyDer::from_pem_file(folder.join("upstream.key")).expect("a key");
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(asks.build().expect("a verifier"))
        .with_single_cert(vec![read("upstream.pem")], key)
        .expect("a certificate with its key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(socket).await else {
                continue;
            };
            let service = hyper::service::service_fn(|request| async {
                Ok::<_, std::convert::Infallible>(describe(request).await)
            });
            let builder = hyper::server::conn::http1::Builder::new();
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_asks_for_a_certificate_sees_the_one_of_the_route() {
    let folder = tempfile::tempdir().unwrap();
    let (own, other) = (Authority::new(), Authority::new());
    write(folder.path(), "ca.pem", &own.pem);
    own.issue(folder.path(), "upstream");
    own.issue(folder.path(), "gateway");
    other.issue(folder.path(), "foreign");
    let port = strict_upstream(folder.path()).await.port();
    let files = folder.path().display();
    let route = |path: &str, shown: &str| {
        let shown = match shown {
            "" => String::new(),
            name => format!(
                "upstream_client_certificate = \"{files}/{name}.pem\"\n\
                 upstream_client_key = \"{files}/{name}.key\"\n"
            ),
        };
        format!(
            "[[route]]\npath = \"{path}\"\nfree = true\nupstream = \"https://localhost:{port}\"\n\
             upstream_ca = \"{files}/ca.pem\"\n{shown}"
        )
    };
    let text = route("/own", "gateway") + &route("/none", "") + &route("/foreign", "foreign");
    let server = serve(&text).await;
    for (path, status) in [
        ("/own", 200),
        ("/none", 502),
        ("/foreign", 502),
        ("/own", 200),
    ] {
        assert_eq!(server.get(path, None).await.status(), status, "{path}");
    }

    // Replaced files are read again at a reload.
    for end in ["pem", "key"] {
        let [from, to] =
            ["gateway", "foreign"].map(|name| folder.path().join(format!("{name}.{end}")));
        std::fs::copy(from, to).unwrap();
    }
    assert!(server.reload(&text).is_ok());
    assert_eq!(server.get("/foreign", None).await.status(), 200);

    // Half of a pair is refused, and what is served stays.
    other.issue(folder.path(), "new");
    std::fs::copy(
        folder.path().join("new.key"),
        folder.path().join("gateway.key"),
    )
    .unwrap();
    assert!(server.reload(&text).is_err());
    assert_eq!(server.get("/own", None).await.status(), 200);
    let config = Config::from_toml(&text, "shop.toml").unwrap();
    let faults = config.check_files("shop.toml", folder.path());
    let keys: Vec<_> = faults.iter().map(l402_gateway::ConfigError::key).collect();
    assert_eq!(keys, ["route.upstream_client_certificate"], "{faults:?}");
}

#[test]
fn a_certificate_for_an_upstream_needs_its_key_and_tls() {
    for (upstream, lines, key) in [
        (
            "https://a.example",
            "upstream_client_certificate = \"a\"",
            "route[0].upstream_client_key",
        ),
        (
            "https://a.example",
            "upstream_client_key = \"a\"",
            "route[0].upstream_client_certificate",
        ),
        (
            "http://a.example",
            "upstream_client_certificate = \"a\"\nupstream_client_key = \"b\"",
            "route[0].upstream_client_certificate",
        ),
    ] {
        let text =
            format!("[[route]]\npath = \"/a\"\nfree = true\nupstream = \"{upstream}\"\n{lines}\n");
        let found = Config::from_toml(&text, "shop.toml").unwrap_err();
        assert_eq!((found.len(), found[0].key()), (1, key), "{found:?}");
    }
}

/// Asks the listener for operators over TLS, with the certificate of this name if there is one.
async fn ask_as(folder: &Path, address: SocketAddr, name: Option<&str>) -> std::io::Result<u16> {
    let read =
        |name: &str| CertificateDer::from_pem_file(folder.join(name)).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(read("ca.pem")).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let config = match name {
        None => builder.with_no_client_auth(),
        Some(name) => {
            let key = PrivateKeyDer::from_pem_file(folder.join(format!("{name}.key")));
            let chain = vec![read(&format!("{name}.pem"))];
            let shown = builder.with_client_auth_cert(chain, key.expect("a key"));
            shown.expect("a certificate with its key")
        }
    };
    let socket = TcpStream::connect(address).await?;
    let connector = TlsConnector::from(Arc::new(config));
    let host = ServerName::try_from("localhost").expect("a name");
    let mut stream = connector.connect(host, socket).await?;
    let get = format!("GET /healthz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(get.as_bytes()).await?;
    // With TLS 1.3 the server's refusal comes after the client's handshake.
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer[9..12].parse().expect("a status"))
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_show_a_certificate_where_one_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (own, other) = (Authority::new(), Authority::new());
    write(folder.path(), "ca.pem", &own.pem);
    for name in ["admin", "operator"] {
        own.issue(folder.path(), name);
    }
    other.issue(folder.path(), "foreign");
    let files = folder.path().display();
    let tls = format!("tls_certificate = \"{files}/admin.pem\"\ntls_key = \"{files}/admin.key\"\n");
    let asks = format!("{tls}tls_client_ca = \"{files}/ca.pem\"\n");
    let routes = shop(upstream(false, describe).await);
    let strict = stage_with(&routes, &asks, false).await;
    let ask = |name| ask_as(folder.path(), strict.address(), name);
    assert_eq!(ask(Some("operator")).await.unwrap(), 200);
    // Also not what is open to this machine without a token.
    assert!(ask(None).await.is_err());
    assert!(ask(Some("foreign")).await.is_err());
    let open = stage_with(&routes, &tls, false).await;
    let served = ask_as(folder.path(), open.address(), None).await;
    assert_eq!(served.unwrap(), 200);
}
