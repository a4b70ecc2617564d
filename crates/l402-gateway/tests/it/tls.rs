//! TLS with ALPN, HTTP/2 by prior knowledge, and upstreams that must prove who they are.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::harness::{describe, request, routes, send, serve, upstream};

/// Writes `cert.pem` and `key.pem` for `localhost`.
pub(crate) fn certificate(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).expect("written");
    let key = made.signing_key.serialize_pem();
    l402_host::private::replace(&folder.join("key.pem"), key.as_bytes()).expect("written");
}

pub(crate) async fn connect(
    folder: &Path,
    address: SocketAddr,
    alpn: &[u8],
) -> tokio_rustls::client::TlsStream<TcpStream> {
    let socket = TcpStream::connect(address).await.expect("a connection");
    secure(folder, socket, alpn).await
}

/// Begins TLS on a connection.
pub(crate) async fn secure(
    folder: &Path,
    socket: TcpStream,
    alpn: &[u8],
) -> tokio_rustls::client::TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    let trusted = CertificateDer::from_pem_file(folder.join("cert.pem")).expect("a certificate");
    roots.add(trusted).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(Arc::new(config))
        .connect(name, socket)
        .await
        .expect("TLS")
}

#[tokio::test(flavor = "multi_thread")]
async fn serves_both_protocols_by_alpn() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let files = folder.path().display();
    let text = format!(
        "{}[tls]\ncertificate = \"{files}/cert.pem\"\nkey = \"{files}/key.pem\"\n",
        routes(upstream(false, describe).await, "")
    );
    let server = serve(&text).await;
    let get = || Request::get("https://localhost/free").header("host", "localhost");
    let empty = Full::<Bytes>::default;

    let stream = connect(folder.path(), server.address, b"h2").await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let answer = sender
        .send_request(get().body(empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.version()),
        (200, Version::HTTP_2)
    );
    let unpaid = Request::get("https://localhost/x").body(empty()).unwrap();
    assert_eq!(sender.send_request(unpaid).await.unwrap().status(), 402);

    let stream = connect(folder.path(), server.address, b"http/1.1").await;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut request = get().body(empty()).unwrap();
    *request.uri_mut() = "/free".parse().unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.version()),
        (200, Version::HTTP_11)
    );
}

/// ATTACKS D-04.
#[tokio::test(flavor = "multi_thread")]
async fn http2_over_tls_that_asks_for_nothing_is_closed() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let files = folder.path().display();
    let text = format!(
        "{}[tls]\ncertificate = \"{files}/cert.pem\"\nkey = \"{files}/key.pem\"\n\
         [http]\nheader_timeout_secs = 1\n",
        routes(upstream(false, describe).await, "")
    );
    let server = serve(&text).await;
    let whole = [PREFACE, SETTINGS].concat();
    for said in [b"", &PREFACE[..12], PREFACE, &whole] {
        let mut stream = connect(folder.path(), server.address, b"h2").await;
        stream.write_all(said).await.unwrap();
        let mut seen = Vec::new();
        let closed = stream.read_to_end(&mut seen);
        let closed = tokio::time::timeout(std::time::Duration::from_secs(20), closed).await;
        // It may send GOAWAY first, or not.
        let _ = closed.expect("it is closed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_without_tls_is_there_where_it_is_wanted() {
    let upstream = upstream(false, describe).await;
    for (h2c, works) in [(true, true), (false, false)] {
        let server = serve(&format!("{}[http]\nh2c = {h2c}\n", routes(upstream, ""))).await;
        let socket = TcpStream::connect(server.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket))
                .await
                .unwrap();
        tokio::spawn(connection);
        let get = Request::get("http://a/free")
            .body(Full::<Bytes>::default())
            .unwrap();
        let answer = sender.send_request(get).await;
        assert_eq!(answer.is_ok_and(|answer| answer.status() == 200), works);
        // HTTP/1.1 is served beside it.
        assert_eq!(
            send(server.address, request("GET", "/free", None, b""))
                .await
                .status(),
            200
        );
    }
}

/// An HTTPS upstream with the certificate in this folder.
pub(crate) async fn https_upstream(folder: &Path) -> SocketAddr {
    let chain =
        vec![CertificateDer::from_pem_file(folder.join("cert.pem")).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
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

/// ATTACKS H-31.
#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_is_trusted_by_its_certificate_alone() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let port = https_upstream(folder.path()).await.port();
    let ca = folder.path().join("cert.pem");
    let route = |path: &str, more: &str| {
        format!(
            "[[route]]\npath = \"{path}\"\nupstream = \"https://localhost:{port}\"\nfree = true\n{more}\n"
        )
    };
    let text =
        route("/pinned", &format!("upstream_ca = \"{}\"", ca.display())) + &route("/public", "");
    let server = serve(&text).await;
    assert_eq!(server.get("/pinned", None).await.status(), 200);
    assert_eq!(server.get("/public", None).await.status(), 502);
}
