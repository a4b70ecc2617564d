//! The way of a path to the upstream, and of its addresses back.

use std::net::SocketAddr;

use http::Request;
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{
    GatewayUnderTest, QUIET, Reply, describe, request, send, serve, upstream, whole,
};

/// Returns a free route to this upstream.
fn free(upstream: SocketAddr, path: &str, base: &str, more: &str) -> String {
    format!(
        "[[route]]\npath = \"{path}\"\nupstream = \"http://{upstream}{base}\"\nfree = true\n{more}\n"
    )
}

/// Sends a target byte for byte, and returns the target that the upstream saw, or the status.
async fn seen(server: &GatewayUnderTest, target: &str) -> Result<String, u16> {
    let mut socket = TcpStream::connect(server.address)
        .await
        .expect("a connection");
    let get = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    socket.write_all(get.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("an answer");
    if !answer.starts_with("HTTP/1.1 200") {
        return Err(answer[9..12].parse().expect("a status"));
    }
    let body = answer.split_once("\r\n\r\n").expect("a head").1;
    // The body may come in chunks.
    let document = &body[body.find('{').expect("JSON")..=body.rfind('}').expect("JSON")];
    let document: serde_json::Value = serde_json::from_str(document).expect("JSON");
    Ok(document["target"].as_str().expect("a target").to_owned())
}

/// FAULTS G6: real APIs with `;`, `%2F` and `//` in their paths.
#[tokio::test(flavor = "multi_thread")]
async fn a_path_whose_readings_lead_to_one_route_goes_on_byte_for_byte() {
    let upstream = upstream(false, describe).await;
    let server = serve(&(QUIET.to_owned() + &free(upstream, "/{*rest}", "", ""))).await;
    for target in [
        "/route/v1/driving/13.38,52.51;13.39,52.52?overview=false",
        "/api/v4/projects/group%2fproject",
        "/@scope%2fname",
        "/web/2020/http://example.com/",
        "/a//%7eb/./c%2Fd;e=%3b",
    ] {
        assert_eq!(seen(&server, target).await.as_deref(), Ok(target));
    }
    // One reading only: as before, in the canonical spelling.
    assert_eq!(
        seen(&server, "/%7eb%c3%a9").await.as_deref(),
        Ok("/~b%C3%A9")
    );
    for target in ["/../x", "/a%5Cb", "/a%00", "/%zz"] {
        assert_eq!(seen(&server, target).await, Err(400), "{target}");
    }
}

/// FAULTS G6: the refusal names the character.
#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_refused_says_which_character_is_at_fault() {
    let upstream = upstream(false, describe).await;
    let text = free(upstream, "/{*rest}", "", "") + &free(upstream, "/open", "", "");
    let server = serve(&(QUIET.to_owned() + &text)).await;
    for (target, named) in [
        ("/open;x", "semicolon"),
        ("/x/..%2fopen", "%2F"),
        ("/x//../open", "(//)"),
        ("/x/../open", "dot segment"),
        ("/a%5Cb", "backslash"),
        ("/%zz", "hexadecimal"),
        ("/%00", "control"),
        ("/%ff", "UTF-8"),
    ] {
        let answer = server.get(target, None).await;
        let detail = answer.json()["detail"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert_eq!(answer.status(), 400, "{target}");
        assert!(detail.contains(named), "{target}: {detail}");
    }
}

/// FAULTS S15: what matches a route also loses its prefix. Other inputs of the kind: escaped
/// letters, other delimiters, other case, an ambiguous rest.
#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_is_taken_off_in_every_spelling_that_matches() {
    let upstream = upstream(false, describe).await;
    let text = free(upstream, "/a@b/{*rest}", "", "strip_prefix = \"/a@b\"")
        + &free(upstream, "/c:d", "", "strip_prefix = \"/c:d\"")
        + &free(
            upstream,
            "/e/{*rest}",
            "/base",
            "strip_prefix = \"/e\"\ncase = \"insensitive\"",
        );
    let server = serve(&(QUIET.to_owned() + &text)).await;
    for (target, expected) in [
        ("/a@b/x", "/x"),
        ("/a%40b/x?y", "/x?y"),
        ("/%61%40%62/x", "/x"),
        ("/a%40b/x%2fy;z", "/x%2fy;z"),
        ("/c%3ad?q", "/?q"),
        ("/E/X", "/base/X"),
        ("/e/", "/base/"),
    ] {
        assert_eq!(
            seen(&server, target).await.as_deref(),
            Ok(expected),
            "{target}"
        );
    }
}

/// FAULTS S16: a header of the list passes where the route says so, and only that one.
#[tokio::test(flavor = "multi_thread")]
async fn a_named_header_passes_and_its_family_does_not() {
    let upstream = upstream(false, describe).await;
    let pass = "pass_headers = [\"CF-Connecting-IP\"]";
    let text = free(upstream, "/named", "", pass) + &free(upstream, "/plain", "", "");
    let server = serve(&(QUIET.to_owned() + &text)).await;
    let sent = [
        "cf-connecting-ip",
        "cf_connecting_ip",
        "client-ip",
        "x-original-uri",
        "x-original-host",
        "x-remote-user",
        "x-ssl-client-cn",
        "proxy",
        "x-l402",
        "x-forwarded-prefix",
    ];
    for (path, expected) in [("/named", vec!["cf-connecting-ip"]), ("/plain", vec![])] {
        let mut request = request("GET", path, None, b"");
        for name in sent {
            request
                .headers_mut()
                .insert(name, "1".parse().expect("a value"));
        }
        let document = send(server.address, request).await.json();
        let headers = document["headers"].as_array().expect("headers");
        let names = headers.iter().map(|pair| pair[0].as_str().expect("a name"));
        let passed: Vec<_> = names.filter(|name| sent.contains(name)).collect();
        assert_eq!(passed, expected, "{path}");
    }
}
