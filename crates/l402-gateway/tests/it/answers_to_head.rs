//! Answers to HEAD: the status and the headers, and not a byte of a body (RFC 9110, section 9.3.2).

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use http_body_util::BodyExt as _;

use crate::frames::{END_STREAM, Frames, HEADERS};
use crate::harness::{GatewayUnderTest, Reply, request, routes, send, serve, upstream, whole};
use crate::tls::certificate;

/// Paths that are priced, free, refused before the paywall, and answered with an upstream's own
/// body, each with the status of HEAD and GET.
const PATHS: [(&str, u16); 5] = [
    ("/x", 402),
    ("/free", 200),
    ("/free?chunks", 200),
    ("/free/a%00b", 400),
    ("/admin", 405),
];

/// An upstream that answers in one piece, or in chunks without a length.
async fn serving(http2: bool) -> SocketAddr {
    upstream(http2, |request| async move {
        if request.uri().query() != Some("chunks") {
            return whole(200, "the body");
        }
        let pieces = futures_util::stream::iter([Ok(http_body::Frame::data("the body".into()))]);
        Reply::new(http_body_util::StreamBody::new(pieces).boxed())
    })
    .await
}

async fn server(http2: bool, more: &str) -> GatewayUnderTest {
    let to = serving(http2).await;
    let scheme = if http2 { "h2c" } else { "http" };
    let post = format!(
        "[[route]]\npath = \"/admin\"\nupstream = \"{scheme}://{to}\"\nfree = true\n\
         methods = [\"POST\"]\n"
    );
    let routes = routes(to, "").replace("http://", &format!("{scheme}://"));
    serve(&format!("{routes}{post}{more}")).await
}

// FAULTS G1: HEAD over HTTP/2 gets no DATA, from the gateway as from the upstream.
#[tokio::test(flavor = "multi_thread")]
async fn head_over_http2_is_one_frame() {
    for http2 in [false, true] {
        let server = server(http2, "[http]\nh2c = true\n").await;
        let mut client = Frames::to(server.address).await;
        for (number, (path, _)) in (0..).zip(PATHS) {
            let stream = 2 * number + 1;
            client.ask(stream, "HEAD", path, true).await;
            let seen = client.answer(stream).await;
            assert_eq!(seen.len(), 1, "{path}: {seen:?}");
            let (kind, flags) = (seen[0].kind, seen[0].flags);
            assert_eq!((kind, flags & END_STREAM), (HEADERS, END_STREAM), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_has_the_status_and_the_length_of_get() {
    let server = server(false, "").await;
    for (path, status) in PATHS {
        let head = send(server.address, request("HEAD", path, None, b"")).await;
        assert_eq!(
            (head.status(), head.text().as_str()),
            (status, ""),
            "{path}"
        );
        let get = send(server.address, request("GET", path, None, b"")).await;
        if path == "/admin" {
            assert_eq!(head.header("content-length"), get.header("content-length"));
        }
        let lengths = (head.header("content-length"), get.header("content-length"));
        assert_eq!(lengths.0.is_some(), lengths.1.is_some(), "{path}");
        if status == 402 {
            assert!(head.header("www-authenticate").is_some());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_head_over_http2_is_one_use() {
    let server = server(true, "[http]\nh2c = true\n").await;
    let credential = server.buy("/x?chunks").await;
    let head = request("HEAD", "/x?chunks", Some(&credential), b"");
    assert_eq!(send(server.address, head).await.status(), 200);
    assert_eq!(server.get("/x", Some(&credential)).await.code(), "consumed");
}

// FAULTS G1: with curl itself, where it is installed.
#[tokio::test(flavor = "multi_thread")]
async fn curl_reads_every_answer_to_head() {
    let curl = |arguments: &[&str]| {
        let mut curl = Command::new("curl");
        curl.args(["-sI", "--noproxy", "*", "-m", "20", "-o", "/dev/null"]);
        curl.args(["-w", "%{http_code}", "-k", "--path-as-is"]);
        curl.args(arguments).stdin(Stdio::null()).output()
    };
    if curl(&["--version"]).is_err() {
        return eprintln!("curl is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let files = folder.path().display();
    let tls = format!("[tls]\ncertificate = \"{files}/cert.pem\"\nkey = \"{files}/key.pem\"\n");
    let plain = server(false, "[http]\nh2c = true\n").await;
    let tls = server(true, &tls).await;
    let mut asked = Vec::new();
    for (scheme, server, version) in [
        ("http", &plain, "--http1.1"),
        ("http", &plain, "--http2-prior-knowledge"),
        ("https", &tls, "--http1.1"),
        ("https", &tls, "--http2"),
    ] {
        for (path, status) in PATHS {
            let url = format!("{scheme}://{}{path}", server.address);
            asked.push((version, url, status));
        }
    }
    for (version, url, status) in asked {
        let output = curl(&[version, &url]).expect("curl runs");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let outcome = (output.status.code(), told);
        assert_eq!(outcome, (Some(0), status.to_string()), "{version} {url}");
    }
}
