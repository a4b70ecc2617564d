//! A gateway behind proxies: whose words on a client are believed, and what follows from them.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::{
    Answer, GatewayUnderTest, QUIET, Reply, describe, gated, request, routes, send, serve,
    upstream, whole,
};
use crate::tls;

/// The tests are the proxy.
const TRUSTED: &str = "trusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]\n";

/// One challenge for each address, and then no other: the clock of the tests stands still.
const ONE_CHALLENGE: &str = "[challenges]\nper_peer_per_second = 1\nper_peer_burst = 1\n";

const PATIENCE: Duration = Duration::from_secs(20);

fn with(
    path: &str,
    credential: Option<&str>,
    headers: &[(&'static str, &str)],
) -> Request<Full<Bytes>> {
    let mut request = request("GET", path, credential, b"");
    for (name, value) in headers {
        let value = value.parse().expect("a value");
        match *name {
            "host" => drop(request.headers_mut().insert(*name, value)),
            name => drop(request.headers_mut().append(name, value)),
        }
    }
    request
}

async fn ask(server: &GatewayUnderTest, path: &str, headers: &[(&'static str, &str)]) -> Answer {
    send(server.address, with(path, None, headers)).await
}

/// Returns the addresses, the scheme and the host that an upstream was told.
fn told(document: &Value) -> [String; 3] {
    let headers = document["headers"].as_array().expect("a list");
    ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"].map(|name| {
        let named = headers.iter().filter(|pair| pair[0] == name);
        let values: Vec<_> = named.map(|pair| pair[1].as_str().expect("text")).collect();
        values.join(" and ")
    })
}

/// ATTACKS D-02, H-28.
#[tokio::test(flavor = "multi_thread")]
async fn the_upstream_is_told_of_the_client_by_trusted_proxies_alone() {
    let upstream = upstream(false, describe).await;
    let strangers = "trusted_proxies = [\"192.0.2.1\"]\n".to_owned() + &routes(upstream, "");
    let trusting = TRUSTED.to_owned() + &routes(upstream, "");
    let server = serve(&strangers).await;
    let spoofed = [
        ("x-forwarded-for", "127.0.0.99, 203.0.113.7, 10.0.0.2"),
        ("x-forwarded-proto", "https, http"),
        ("x-forwarded-host", "a.example"),
        ("forwarded", "for=6.6.6.6;proto=https;host=evil.example"),
        ("x-real-ip", "6.6.6.6"),
    ];
    let seen = ask(&server, "/free", &spoofed).await.json();
    assert_eq!(told(&seen), ["127.0.0.1", "http", "shop.example"]);
    let _ = server.reload(&trusting).expect("a reload");
    let seen = ask(&server, "/free", &spoofed).await.json();
    assert_eq!(
        told(&seen),
        ["203.0.113.7, 10.0.0.2, 127.0.0.1", "https", "a.example"]
    );
    assert!(!seen.to_string().contains("6.6.6.6"), "{seen}");
    let standard = [(
        "forwarded",
        "for=6.6.6.6, for=203.0.113.7;proto=https;host=\"b.example:81\"",
    )];
    let seen = ask(&server, "/free", &standard).await.json();
    assert_eq!(
        told(&seen),
        ["203.0.113.7, 127.0.0.1", "https", "b.example:81"]
    );
    let seen = ask(&server, "/free", &[]).await.json();
    assert_eq!(told(&seen), ["127.0.0.1", "http", "shop.example"]);
    let _ = server.reload(&strangers).expect("a reload");
    let seen = ask(&server, "/free", &spoofed).await.json();
    assert_eq!(told(&seen), ["127.0.0.1", "http", "shop.example"]);
}

/// ATTACKS D-02.
#[tokio::test(flavor = "multi_thread")]
async fn each_client_behind_a_proxy_has_the_limit_of_its_own_address() {
    let upstream = upstream(false, describe).await;
    let text = routes(upstream, "") + ONE_CHALLENGE;
    let server = serve(&(TRUSTED.to_owned() + &text)).await;
    for (addresses, status) in [
        ("203.0.113.7", 402),
        ("203.0.113.7", 429),
        ("198.51.100.7", 402),
        // What the client has written to the left of its own address moves nothing.
        ("192.0.2.77, 203.0.113.7", 429),
        ("192.0.2.78, x, 203.0.113.7, 10.0.0.2", 429),
        ("192.0.2.79", 402),
    ] {
        let answer = ask(&server, "/x", &[("x-forwarded-for", addresses)]).await;
        assert_eq!(answer.status(), status, "{addresses}");
    }
    // The standard header does not count beside the other, which every proxy writes.
    let both = [
        ("forwarded", "for=192.0.2.80"),
        ("x-forwarded-for", "203.0.113.7"),
    ];
    assert_eq!(ask(&server, "/x", &both).await.status(), 429);
    // Without trust all of them are one stranger.
    let strangers = serve(&text).await;
    for (addresses, status) in [("203.0.113.7", 402), ("198.51.100.7", 429)] {
        let answer = ask(&strangers, "/x", &[("x-forwarded-for", addresses)]).await;
        assert_eq!(answer.status(), status, "{addresses}");
    }
}

/// ATTACKS H-09, H-28.
#[tokio::test(flavor = "multi_thread")]
async fn no_header_but_host_says_which_host_a_request_is_for() {
    let upstream = upstream(false, describe).await;
    let text = "hosts = [\"shop.example\", \"b.example\"]\n".to_owned() + TRUSTED;
    let server = serve(&(text + &routes(upstream, ""))).await;
    let other = [
        ("host", "evil.example"),
        ("x-forwarded-host", "shop.example"),
    ];
    let refused = ask(&server, "/free", &other).await;
    assert_eq!(
        refused.status(),
        ask(&server, "/free", &[("host", "evil.example")])
            .await
            .status()
    );
    assert!(refused.status() >= 400);
    for (named, host) in [
        ("evil.example", "shop.example"),
        ("shop.example@evil.example", "shop.example"),
        ("b.example:8443", "b.example:8443"),
    ] {
        let seen = ask(&server, "/free", &[("x-forwarded-host", named)])
            .await
            .json();
        assert_eq!(told(&seen)[2], host, "{named}");
    }
}

/// A redirect to the address that the client knows leads on, and is no delivery: if the seller has named
/// that address. Any other could be the place where the goods are.
#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_the_forwarded_host_costs_no_use_if_the_host_is_named() {
    let upstream = upstream(false, |_| async {
        let mut reply: Reply = whole(302, "");
        let location = "https://shop.example/next".parse().expect("a value");
        reply.headers_mut().insert("location", location);
        reply
    })
    .await;
    let named = "hosts = [\"shop.example\", \"127.0.0.1\"]\n".to_owned();
    for (settings, second) in [(named + TRUSTED, 302), (TRUSTED.to_owned(), 402)] {
        let server = serve(&(settings.clone() + &routes(upstream, ""))).await;
        let credential = server.buy("/x").await;
        let headers = [
            ("host", "127.0.0.1:8402"),
            ("x-forwarded-host", "shop.example"),
        ];
        for status in [302, second] {
            let answer = send(server.address, with("/x", Some(&credential), &headers)).await;
            assert_eq!(answer.status(), status, "{settings:?}");
        }
    }
}

/// A buyer who names the place of the goods as the host of the request gets them once.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_by_redirect_is_had_once_whatever_host_is_named() {
    let upstream = upstream(false, |_| async {
        let mut reply: Reply = whole(302, "");
        let location = "https://files.example/a?signature=1".parse();
        reply
            .headers_mut()
            .insert("location", location.expect("a value"));
        reply
    })
    .await;
    let server = serve(&(TRUSTED.to_owned() + &routes(upstream, ""))).await;
    for headers in [
        [("host", "files.example"), ("x-a", "b")],
        [
            ("host", "shop.example"),
            ("x-forwarded-host", "files.example"),
        ],
    ] {
        let credential = server.buy("/x").await;
        for status in [302, 402] {
            let answer = send(server.address, with("/x", Some(&credential), &headers)).await;
            assert_eq!(answer.status(), status, "{headers:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_the_client_if_it_is_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("access.log");
    let log = format!(
        "[log]\naccess = \"all\"\npeer = true\nfile = \"{}\"\n",
        file.display()
    );
    let upstream = upstream(false, describe).await;
    let text = TRUSTED.to_owned() + &routes(upstream, "").replace(QUIET, &log);
    let mut server = serve(&text).await;
    ask(
        &server,
        "/free",
        &[("x-forwarded-for", "6.6.6.6, 203.0.113.7")],
    )
    .await;
    ask(&server, "/x", &[]).await;
    server.shutdown(Duration::from_secs(5)).await;
    let text = std::fs::read_to_string(file).expect("a log");
    let ends: Vec<_> = text.lines().map(|line| line.rsplit(' ').next()).collect();
    assert_eq!(
        ends,
        [Some("peer=203.0.113.7"), Some("peer=127.0.0.1")],
        "{text}"
    );
}

/// A client behind a proxy has its own share of the connections to upstreams, and takes nobody
/// else's (FAULTS S3).
#[tokio::test(flavor = "multi_thread")]
async fn a_client_behind_a_proxy_has_a_share_of_its_own() {
    let (upstream, mut arrivals, gate) = gated().await;
    let text = TRUSTED.to_owned() + &routes(upstream, "") + "[http]\nconnections_per_peer = 2\n";
    let server = serve(&text).await;
    let greedy = [("x-forwarded-for", "203.0.113.7")];
    let held: Vec<_> = (0..2)
        .map(|_| tokio::spawn(send(server.address, with("/free", None, &greedy))))
        .collect();
    for _ in 0..2 {
        arrivals.recv().await.expect("a request");
    }
    assert_eq!(ask(&server, "/free", &greedy).await.status(), 503);
    let others = ["198.51.100.7", "198.51.101.7"].map(|address| {
        let headers = [("x-forwarded-for", address)];
        tokio::spawn(send(server.address, with("/free", None, &headers)))
    });
    for _ in 0..2 {
        arrivals.recv().await.expect("a request");
    }
    gate.add_permits(4);
    for answer in held.into_iter().chain(others) {
        assert_eq!(answer.await.expect("no panic").status(), 200);
    }
}

/// The streams of a proxy's connections are counted for each client (FAULTS S2).
#[tokio::test(flavor = "multi_thread")]
async fn streams_of_http2_count_for_the_client_behind_a_proxy() {
    let (upstream, mut arrivals, gate) = gated().await;
    let http = "[http]\nh2c = true\nstreams_per_peer = 2\n";
    let server = serve(&(TRUSTED.to_owned() + &routes(upstream, "") + http)).await;
    let socket = TcpStream::connect(server.address)
        .await
        .expect("a connection");
    let io = hyper_util::rt::TokioIo::new(socket);
    let executor = hyper_util::rt::TokioExecutor::new();
    let handshake = hyper::client::conn::http2::handshake(executor, io).await;
    let (sender, connection) = handshake.expect("HTTP/2");
    tokio::spawn(connection);
    let ask = |address: &str| {
        let request = Request::get("http://shop.example/free");
        let request = request.header("x-forwarded-for", address);
        let request = request.body(Full::<Bytes>::default()).expect("a request");
        let mut sender = sender.clone();
        async move {
            let answer = sender.send_request(request).await.expect("an answer");
            answer.status().as_u16()
        }
    };
    let held: Vec<_> = ["203.0.113.7", "203.0.113.7", "198.51.100.7"]
        .map(|address| tokio::spawn(ask(address)))
        .into();
    for _ in 0..3 {
        arrivals.recv().await.expect("a request");
    }
    assert_eq!(ask("203.0.113.7").await, 503);
    gate.add_permits(4);
    for answer in held {
        assert_eq!(answer.await.expect("no panic"), 200);
    }
    // What has ended makes room again.
    let again = async { while ask("203.0.113.7").await != 200 {} };
    timeout(PATIENCE, again).await.expect("a stream again");
}

/// Sends bytes, and returns all that comes back until the gateway closes.
async fn say(address: SocketAddr, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    let _ = socket.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
    // A reset is an end as well.
    let _ = read.expect("the gateway closes");
    String::from_utf8_lossy(&answer).into_owned()
}

const GET: &[u8] = b"GET /free HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";

fn line(client: &str) -> Vec<u8> {
    format!("PROXY TCP4 {client} 192.0.2.1 51000 443\r\n").into_bytes()
}

fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u8::try_from(block.len()).expect("a short block");
    let signature = b"\r\n\r\n\0\r\nQUIT\n";
    [&signature[..], &[command, family, 0, length], block].concat()
}

/// Returns the chain of addresses and the scheme that the upstream was told in an answer.
fn told_in(answer: &str) -> (String, String) {
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    let document = serde_json::from_str(body).expect("JSON");
    let [addresses, scheme, _] = told(&document);
    (addresses, scheme)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_header_says_whose_connection_it_is() {
    let upstream = upstream(false, describe).await;
    let text = TRUSTED.to_owned() + "proxy_protocol = true\n" + &routes(upstream, "");
    let server = serve(&text).await;
    let v4 = [203, 0, 113, 7, 192, 0, 2, 1, 0xc7, 0x38, 1, 0xbb];
    let tls = [&v4[..], &[0x20, 0, 5, 1, 0, 0, 0, 0]].concat();
    let spoofing =
        b"GET /free HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n";
    for (header, request, addresses, scheme) in [
        (line("203.0.113.7"), GET, "203.0.113.7", "http"),
        (line("203.0.113.7"), &spoofing[..], "203.0.113.7", "http"),
        // A proxy before the proxy, which is trusted, too.
        (line("10.0.0.9"), &spoofing[..], "6.6.6.6, 10.0.0.9", "http"),
        (b"PROXY UNKNOWN\r\n".to_vec(), GET, "127.0.0.1", "http"),
        (binary(0x21, 0x11, &v4), GET, "203.0.113.7", "http"),
        (binary(0x21, 0x11, &tls), GET, "203.0.113.7", "https"),
        (binary(0x20, 0, &[]), GET, "127.0.0.1", "http"),
    ] {
        let answer = say(server.address, &[&header[..], request].concat()).await;
        let (told, told_scheme) = told_in(&answer);
        assert_eq!(
            (told.as_str(), told_scheme.as_str()),
            (addresses, scheme),
            "{header:?}"
        );
    }
    // In pieces, as slow networks bring them.
    let mut socket = TcpStream::connect(server.address)
        .await
        .expect("a connection");
    for byte in [&binary(0x21, 0x11, &v4)[..], GET].concat() {
        socket.write_all(&[byte]).await.expect("sent");
        socket.flush().await.expect("sent");
        tokio::task::yield_now().await;
    }
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("an answer");
    assert_eq!(told_in(&answer).0, "203.0.113.7");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_begins_behind_the_proxy_header() {
    let folder = tempfile::tempdir().expect("a folder");
    tls::certificate(folder.path());
    let files = folder.path().display();
    let upstream = upstream(false, describe).await;
    let text = format!(
        "{TRUSTED}proxy_protocol = true\n{}[tls]\ncertificate = \"{files}/cert.pem\"\n\
         key = \"{files}/key.pem\"\n",
        routes(upstream, "")
    );
    let server = serve(&text).await;
    let socket = TcpStream::connect(server.address).await;
    let mut socket = socket.expect("a connection");
    socket.write_all(&line("203.0.113.7")).await.expect("sent");
    let mut stream = tls::secure(folder.path(), socket, b"http/1.1").await;
    stream.write_all(GET).await.expect("sent");
    let mut answer = Vec::new();
    // The end may come without its notice, after the whole answer.
    let _ = stream.read_to_end(&mut answer).await;
    let (addresses, scheme) = told_in(&String::from_utf8_lossy(&answer));
    assert_eq!(
        (addresses.as_str(), scheme.as_str()),
        ("203.0.113.7", "https")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_sound_proxy_header_a_connection_is_closed() {
    let upstream = upstream(false, describe).await;
    let routes = routes(upstream, "");
    let http = "[http]\nheader_timeout_secs = 1\n";
    let proxied = "proxy_protocol = true\n";
    let server = serve(&(TRUSTED.to_owned() + proxied + &routes + http)).await;
    let long = [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 200]].concat();
    for bytes in [
        GET,
        b"PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n",
        &long,
        &binary(0x21, 0x12, &[0; 12]),
        b"PROXY TCP4 1.1",
    ] {
        assert_eq!(
            say(server.address, &[bytes, GET].concat()[..]).await,
            "",
            "{bytes:?}"
        );
    }
    // One that never ends its header.
    assert_eq!(say(server.address, b"PROXY TCP4 1.1").await, "");
    // A header of somebody whom nobody trusts.
    let other = "trusted_proxies = [\"192.0.2.1\"]\n".to_owned() + proxied + &routes;
    let server = serve(&other).await;
    assert_eq!(
        say(server.address, &[&line("203.0.113.7")[..], GET].concat()).await,
        ""
    );
    // And on a listener that is for clients it is no HTTP.
    let server = serve(&(TRUSTED.to_owned() + &routes)).await;
    let answer = say(server.address, &[&line("203.0.113.7")[..], GET].concat()).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_counted_for_the_client_in_the_proxy_header() {
    let upstream = upstream(false, describe).await;
    let text = TRUSTED.to_owned() + "proxy_protocol = true\n" + &routes(upstream, "");
    let server = serve(&(text + ONE_CHALLENGE + "[http]\nconnections_per_peer = 2\n")).await;
    let open = |client: &'static str| async move {
        let mut socket = TcpStream::connect(server.address)
            .await
            .expect("a connection");
        let ask = b"GET /free HTTP/1.1\r\nHost: shop.example\r\n\r\n";
        let bytes = [&line(client)[..], ask].concat();
        socket.write_all(&bytes).await.expect("sent");
        let mut first = [0; 12];
        let read = timeout(PATIENCE, socket.read_exact(&mut first)).await;
        let is_served = read.expect("an end").is_ok() && first == *b"HTTP/1.1 200";
        is_served.then_some(socket)
    };
    let held = [open("203.0.113.7").await, open("203.0.113.7").await];
    assert!(held.iter().all(Option::is_some));
    assert!(open("203.0.113.7").await.is_none());
    assert!(open("198.51.100.7").await.is_some());
    drop(held);
    let again = async { while open("203.0.113.7").await.is_none() {} };
    timeout(PATIENCE, again).await.expect("room again");
    // And so are challenges.
    let priced = b"GET /x HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";
    for (client, status) in [
        ("203.0.113.9", 402),
        ("203.0.113.9", 429),
        ("192.0.2.9", 402),
    ] {
        let answer = say(server.address, &[&line(client)[..], priced].concat()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{client}: {answer}"
        );
    }
}

/// A trusted proxy's own connections have no limit: all clients come through them.
#[tokio::test(flavor = "multi_thread")]
async fn the_connections_of_a_trusted_proxy_are_not_limited() {
    let upstream = upstream(false, describe).await;
    let text = routes(upstream, "") + "[http]\nconnections_per_peer = 1\n";
    for (trusted, served) in [(TRUSTED, true), ("", false)] {
        let server = serve(&(trusted.to_owned() + &text)).await;
        let held = TcpStream::connect(server.address)
            .await
            .expect("a connection");
        // Accepted before the next one is, or by another worker: either way it counts.
        let (mut held, mut first) = (held, [0; 12]);
        held.write_all(b"GET /free HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .expect("sent");
        held.read_exact(&mut first).await.expect("an answer");
        let answer = say(server.address, GET).await;
        assert_eq!(
            answer.starts_with("HTTP/1.1 200"),
            served,
            "{trusted:?}: {answer}"
        );
    }
}
