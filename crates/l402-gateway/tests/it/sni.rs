//! Several certificates on one address, the way from plain HTTP to TLS, and what browsers are told.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use l402_testkit::tls::any_certificate;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::{Reply, describe, request, routes, send, serve, upstream, whole};

/// Begins TLS with a server by this name. An IP address as the name sends none.
async fn secure(address: SocketAddr, name: &str) -> TlsStream<TcpStream> {
    let socket = TcpStream::connect(address).await.expect("a connection");
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let connector = TlsConnector::from(Arc::new(any_certificate()));
    connector.connect(name, socket).await.expect("TLS")
}

async fn certificate_for(address: SocketAddr, name: &str) -> CertificateDer<'static> {
    let stream = secure(address, name).await;
    stream.get_ref().1.peer_certificates().expect("one")[0].clone()
}

/// Asks over TLS, and returns the header of this name of the answer.
async fn header_over_tls(address: SocketAddr, path: &str, name: &str) -> Vec<String> {
    let stream = TokioIo::new(secure(address, "a.example").await);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream)
        .await
        .expect("HTTP");
    tokio::spawn(connection);
    let get = Request::get(path).header("host", "a.example");
    let get = get.body(Full::<Bytes>::default()).expect("a request");
    let answer = sender.send_request(get).await.expect("an answer");
    let values = answer.headers().get_all(name).iter();
    let text = |value: &http::HeaderValue| value.to_str().expect("text").to_owned();
    values.map(text).collect()
}

/// Writes a certificate for these names, and returns it with the lines of the configuration.
fn certificate(folder: &Path, file: &str, names: &[&str]) -> (CertificateDer<'static>, String) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let (certificate, key) = (format!("{file}.pem"), format!("{file}.key"));
    std::fs::write(folder.join(&certificate), made.cert.pem()).expect("written");
    let pem = made.signing_key.serialize_pem();
    l402_host::private::replace(&folder.join(&key), pem.as_bytes()).expect("written");
    let folder = folder.display();
    let lines = format!("certificate = \"{folder}/{certificate}\"\nkey = \"{folder}/{key}\"\n");
    (made.cert.der().clone(), lines)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_that_a_client_asks_for_chooses_the_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (first, of_first) = certificate(folder.path(), "first", &["a.example", "a.test"]);
    let (wild, of_wild) = certificate(folder.path(), "wild", &["*.b.example", "b.example"]);
    let (exact, of_exact) = certificate(folder.path(), "exact", &["x.b.example", "A.test"]);
    let routes = routes(upstream(false, describe).await, "");
    let text = format!(
        "{routes}[tls]\n{of_first}[[tls.certificates]]\n{of_wild}[[tls.certificates]]\n{of_exact}"
    );
    let server = serve(&text).await;
    for (name, expected) in [
        ("a.example", &first),
        ("A.Example", &first),
        ("a.test", &first),
        ("b.example", &wild),
        ("y.b.example", &wild),
        ("x.b.example", &exact),
        ("z.y.b.example", &first),
        ("unknown.example", &first),
        ("127.0.0.1", &first),
    ] {
        let shown = certificate_for(server.address, name).await;
        assert_eq!(shown, *expected, "{name}");
    }

    // Each file is read again at a reload.
    let (renewed, _) = certificate(folder.path(), "wild", &["*.b.example", "c.example"]);
    assert!(server.reload(&text).is_ok());
    for (name, expected) in [
        ("y.b.example", &renewed),
        ("c.example", &renewed),
        ("b.example", &first),
        ("x.b.example", &exact),
    ] {
        let shown = certificate_for(server.address, name).await;
        assert_eq!(shown, *expected, "{name}");
    }
    let alone = format!("{routes}[[tls.certificates]]\n{of_exact}");
    assert!(server.reload(&alone).is_ok());
    assert_eq!(certificate_for(server.address, "a.example").await, exact);
}

/// Asks for plain HTTP with this header `Host`, and returns the status and where to come instead.
async fn redirected(address: SocketAddr, host: &str, path: &str) -> (u16, Option<String>) {
    let mut get = request("POST", path, None, b"");
    get.headers_mut()
        .insert("host", host.parse().expect("a host"));
    let answer = send(address, get).await;
    let location = answer.header("location").map(str::to_owned);
    (answer.status(), location)
}

/// ATTACKS H-45.
#[tokio::test(flavor = "multi_thread")]
async fn plain_http_is_sent_to_tls_on_the_same_host_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let (_, files) = certificate(folder.path(), "a", &["a.example"]);
    let routes = routes(upstream(false, describe).await, "");
    let tls = format!("[tls]\n{files}redirect_from = \"127.0.0.1:0\"\nhsts = \"365 days\"\n");
    let server = serve(&format!("{routes}{tls}")).await;
    let from = server.gateway().redirect_addr().expect("a redirect");
    let (http, https) = (from.port(), server.address.port());
    let to = |text: String| (308, Some(text));
    for (host, path, expected) in [
        // Without a port the client came to 80, which somebody leads here: then TLS has its own.
        (
            "A.example",
            "/x?y=1&z",
            to("https://a.example/x?y=1&z".into()),
        ),
        (
            &*format!("a.example:{http}"),
            "/x",
            to(format!("https://a.example:{https}/x")),
        ),
        (
            &*format!("[::1]:{http}"),
            "//evil.example/%0d%0a",
            to(format!("https://[::1]:{https}//evil.example/%0d%0a")),
        ),
        ("user@a.example", "/", (400, None)),
    ] {
        assert_eq!(redirected(from, host, path).await, expected, "{host}");
    }
    let answer = send(from, request("GET", "/", None, b"")).await;
    assert_eq!(answer.header("strict-transport-security"), None);

    let reloaded = format!("hosts = [\"a.example\"]\n{routes}{tls}");
    assert!(server.reload(&reloaded).is_ok());
    let known = redirected(from, "a.example", "/").await;
    assert_eq!(known, to("https://a.example/".into()));
    for foreign in ["evil.example", "a.example.evil.example", "127.0.0.1"] {
        assert_eq!(
            redirected(from, foreign, "/").await,
            (421, None),
            "{foreign}"
        );
    }
    // Nothing is served there, whatever it costs, and without TLS there is nowhere to go.
    assert!(server.reload(&routes).is_ok());
    assert_eq!(redirected(from, "a.example", "/free").await, (421, None));
    assert_eq!(server.counters().requests, 0);
}

async fn with_its_own(_: Request<hyper::body::Incoming>) -> Reply {
    let mut answer = whole(200, "");
    let own = "max-age=1; includeSubDomains".parse().expect("a value");
    answer
        .headers_mut()
        .insert("strict-transport-security", own);
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_are_told_to_stay_with_tls_by_the_operator_before_the_upstream() {
    let folder = tempfile::tempdir().unwrap();
    let (_, files) = certificate(folder.path(), "a", &["a.example"]);
    let routes = routes(upstream(false, with_its_own).await, "");
    let told = |hsts: &str| format!("{routes}[tls]\n{files}{hsts}\n");
    let server = serve(&told("hsts = \"365 days\"")).await;
    let header = "strict-transport-security";
    // Of the upstream, of the paywall, and of the gateway itself.
    for path in ["/free", "/priced", "/.well-known/l402"] {
        let values = header_over_tls(server.address, path, header).await;
        assert_eq!(values, ["max-age=31536000"], "{path}");
    }
    assert!(server.reload(&told("")).is_ok());
    let own = header_over_tls(server.address, "/free", header).await;
    assert_eq!(own, ["max-age=1; includeSubDomains"]);
    assert!(
        header_over_tls(server.address, "/priced", header)
            .await
            .is_empty()
    );
}
