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

/// A prefix that is taken off may leave two slashes at the front, which some servers read as the
/// name of a host. Also: a path above the root of the upstream alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_readings_of_the_path_that_the_upstream_gets_count_too() {
    let upstream = upstream(false, describe).await;
    let text = free(upstream, "/api/{*rest}", "", "strip_prefix = \"/api\"")
        + &format!(
            "[[route]]\npath = \"/api/paid\"\nupstream = \"http://{upstream}\"\n\
             strip_prefix = \"/api\"\nprice = \"50 sat\"\n"
        );
    let server = serve(&(QUIET.to_owned() + &text)).await;
    for target in [
        "/api//host/paid",
        "/api/%2fhost/paid",
        "/api/a/../../api/..",
    ] {
        assert_eq!(seen(&server, target).await, Err(400), "{target}");
    }
    for (target, expected) in [("/api//a/b", "//a/b"), ("/api/a//paid", "/a//paid")] {
        assert_eq!(seen(&server, target).await.as_deref(), Ok(expected));
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

/// Answers with the header that the query names: `?location=/dir/`.
async fn echo_header(request: Request<Incoming>) -> Reply {
    let query = request.uri().query().expect("a query").to_owned();
    let (name, value) = query.split_once('=').expect("a header");
    let mut reply = whole(302, "moved");
    let escapes = [("%20", " "), ("%23", "#"), ("%3C", "<"), ("%3E", ">")];
    let value = escapes
        .iter()
        .fold(value.to_owned(), |value, (escape, plain)| {
            value.replace(escape, plain)
        });
    let name = http::HeaderName::from_bytes(name.as_bytes()).expect("a name");
    reply
        .headers_mut()
        .insert(name, value.parse().expect("a value"));
    reply
}

/// FAULTS G5: no address inside goes out, and the prefix is put back. Other inputs of the kind: `Link`,
/// `Refresh`, the domain of a cookie, an open redirect by two slashes.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "a table of every form")]
async fn the_addresses_of_an_answer_are_translated_like_those_of_the_request() {
    let upstream = upstream(false, echo_header).await;
    let text = free(upstream, "/api/{*rest}", "", "strip_prefix = \"/api\"")
        + &free(upstream, "/v/{*rest}", "/v1", "strip_prefix = \"/v\"")
        + &free(upstream, "/same/{*rest}", "", "");
    let server = serve(&(QUIET.to_owned() + &text)).await;
    let inside = format!("http://{upstream}");
    let port = upstream.port();
    for (path, name, sent, expected) in [
        (
            "/same/x",
            "location",
            format!("{inside}/dir/?a=b%23c"),
            "/dir/?a=b#c",
        ),
        (
            "/same/x",
            "location",
            format!("http://localhost:{port}/dir/"),
            "/dir/",
        ),
        ("/same/x", "location", format!("//{upstream}"), "/"),
        ("/same/x", "location", "/dir/".into(), "/dir/"),
        ("/same/x", "location", "dir/".into(), "dir/"),
        (
            "/same/x",
            "location",
            "https://other.example/x".into(),
            "https://other.example/x",
        ),
        (
            "/same/x",
            "location",
            format!("{inside}//evil.example/"),
            "/.//evil.example/",
        ),
        ("/api/x", "location", "/dir/".into(), "/api/dir/"),
        ("/api/x", "location", format!("{inside}/dir"), "/api/dir"),
        ("/api/x", "location", "../dir".into(), "../dir"),
        ("/api/x", "content-location", "/dir/7".into(), "/api/dir/7"),
        (
            "/api/x",
            "refresh",
            "5;%20url=/next".into(),
            "5; url=/api/next",
        ),
        (
            "/api/x",
            "link",
            "%3C/2%3E;%20rel=next,%3Chttps://o.example%3E".into(),
            "</api/2>; rel=next,<https://o.example>",
        ),
        (
            "/api/x",
            "set-cookie",
            "a=b;%20Path=/dir;%20HttpOnly".into(),
            "a=b; Path=/api/dir; HttpOnly",
        ),
        (
            "/api/x",
            "set-cookie",
            "a=b;Path=/".into(),
            "a=b; Path=/api",
        ),
        (
            "/same/x",
            "set-cookie",
            "a=b;Path=/;Domain=127.0.0.1".into(),
            "a=b; Path=/",
        ),
        (
            "/same/x",
            "set-cookie",
            "a=/;Domain=o.example".into(),
            "a=/;Domain=o.example",
        ),
        ("/v/x", "location", "/v1/dir".into(), "/v/dir"),
        ("/v/x", "location", "/v1".into(), "/v"),
        ("/v/x", "location", "/v10/dir".into(), "/v10/dir"),
        ("/v/x", "location", format!("{inside}/other"), "/other"),
        ("/v/x", "set-cookie", "a=b;Path=/".into(), "a=b; Path=/v"),
    ] {
        let target = format!("{path}?{name}={sent}");
        let answer = send(server.address, request("GET", &target, None, b"")).await;
        assert_eq!(answer.header(name), Some(expected), "{path} {name}: {sent}");
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
