//! nginx, haproxy and Caddy in front of a gateway, each as `docs/behind-a-proxy.md` writes it.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use l402_gateway::Config;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::time::{Instant, sleep, timeout};

use crate::harness::{
    Answer, GatewayUnderTest, QUIET, Reply, describe, request, routes, serve, upstream, whole,
};

const PAGE: &str = include_str!("../../../../docs/behind-a-proxy.md");

/// The longest wait for a proxy to start, or to see its server.
const PATIENCE: Duration = Duration::from_secs(20);

/// Two buyers, in two networks of this machine.
const ALICE: [u8; 4] = [127, 0, 7, 1];
const BOB: [u8; 4] = [127, 0, 8, 1];

/// The key of every opening of a WebSocket, and the answer that belongs to it (RFC 6455, section 4.2.2):
/// haproxy checks it.
const WEBSOCKET_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAA==";
const WEBSOCKET_ACCEPT: &str = "ICX+Yqv66kxgM0FcWaLWlFLwTAI=";

/// Returns the blocks of the page in a language, in their order.
fn snippets(language: &str) -> Vec<&'static str> {
    let start = format!("```{language}\n");
    let blocks = PAGE.split(start.as_str()).skip(1);
    blocks
        .map(|block| block.split("```").next().expect("an end"))
        .collect()
}

/// A program that ends with the test.
struct Running {
    program: Child,
    log: std::path::PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// Starts a program with its output in a file, and waits until it accepts connections at `port`.
async fn start(folder: &Path, port: u16, program: &str, arguments: &[&str]) -> Running {
    let log = folder.join("out.log");
    let file = File::create(&log).expect("a log");
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null());
    command
        .env("HOME", folder)
        .env("XDG_DATA_HOME", folder)
        .env("XDG_CONFIG_HOME", folder);
    command
        .stdout(file.try_clone().expect("a log"))
        .stderr(file);
    let program = command
        .spawn()
        .expect("it is installed: tests/interop/proxies.sh");
    let mut running = Running { program, log };
    let begun = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .is_err()
    {
        let has_ended = running.program.try_wait().expect("a status").is_some();
        let log = std::fs::read_to_string(&running.log).unwrap_or_default();
        assert!(!has_ended && begun.elapsed() < PATIENCE, "{log}");
        sleep(Duration::from_millis(10)).await;
    }
    running
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Sends one request from one of this machine's addresses.
async fn send(from: [u8; 4], port: u16, request: Request<Full<Bytes>>) -> Answer {
    let socket = connect(from, port).await;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await;
    let (mut sender, connection) = handshake.expect("HTTP");
    tokio::spawn(connection);
    let answer = timeout(PATIENCE, sender.send_request(request)).await;
    let (head, body) = answer.expect("in time").expect("an answer").into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    Answer { head, body }
}

async fn connect(from: [u8; 4], port: u16) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((from, 0).into()).expect("an address");
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    socket.connect(to).await.expect("a connection")
}

/// A request that claims to be somebody else's.
fn spoofing(path: &str, credential: Option<&str>) -> Request<Full<Bytes>> {
    let mut spoofing = request("GET", path, credential, b"");
    for (name, value) in [
        ("x-forwarded-for", "127.0.9.9"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "for=127.0.9.9;proto=https;host=evil.example"),
    ] {
        spoofing
            .headers_mut()
            .append(name, value.parse().expect("a value"));
    }
    spoofing
}

/// Echoes what a client of WebSocket says, and describes every other request.
async fn echo_or_describe(mut request: Request<hyper::body::Incoming>) -> Reply {
    if !request.headers().contains_key("upgrade") {
        return describe(request).await;
    }
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut io = TokioIo::new(upgrade.await.expect("a tunnel"));
        let mut piece = [0; 64];
        while let Ok(read @ 1..) = io.read(&mut piece).await {
            io.write_all(&piece[..read]).await.expect("sent");
        }
    });
    let mut reply = whole(101, "");
    *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    for (name, value) in [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-accept", WEBSOCKET_ACCEPT),
    ] {
        reply
            .headers_mut()
            .insert(name, value.parse().expect("a value"));
    }
    reply
}

/// A gateway with a log, and one challenge for each client.
async fn gateway(settings: &str, log: &Path) -> GatewayUnderTest {
    let upstream = upstream(false, echo_or_describe).await;
    let file = format!(
        "[log]\naccess = \"all\"\npeer = true\nfile = \"{}\"\n",
        log.display()
    );
    let limits = "[challenges]\nper_peer_per_second = 1\nper_peer_burst = 1\n";
    let routes = routes(upstream, "policy = \"uses=9\"").replace(QUIET, &file);
    serve(&format!("{settings}\n{routes}{limits}")).await
}

fn told(answer: &Answer, name: &str) -> Vec<String> {
    let document: Value = answer.json();
    let headers = document["headers"].as_array().expect("a list").clone();
    let named = headers.iter().filter(|pair| pair[0] == name);
    named
        .map(|pair| pair[1].as_str().expect("text").to_owned())
        .collect()
}

/// Buys through a proxy. `writes_headers` is false for a proxy that reads no HTTP.
async fn trade(server: &mut GatewayUnderTest, port: u16, writes_headers: bool, log: &Path) {
    let challenge = send(ALICE, port, spoofing("/x", None)).await;
    assert_eq!(challenge.status(), 402, "{}", challenge.text());
    // The limits go by the client, whatever it claims, and by nobody else.
    assert_eq!(send(ALICE, port, spoofing("/x", None)).await.status(), 429);
    assert_eq!(send(BOB, port, spoofing("/x", None)).await.status(), 402);
    let credential = server.pay(&challenge).await;
    let answer = send(ALICE, port, spoofing("/x", Some(&credential))).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let chain = if writes_headers {
        "127.0.7.1, 127.0.0.1"
    } else {
        "127.0.7.1"
    };
    assert_eq!(told(&answer, "x-forwarded-for"), [chain]);
    assert_eq!(told(&answer, "x-forwarded-proto"), ["http"]);
    assert_eq!(told(&answer, "x-forwarded-host"), ["shop.example"]);
    assert!(told(&answer, "forwarded").is_empty());
    websocket(port, &credential).await;
    server.shutdown(Duration::from_secs(5)).await;
    let text = std::fs::read_to_string(log).expect("a log");
    let of = |path: &str, peer: &str| {
        let lines = text.lines().filter(|line| line.contains(path));
        lines.filter(|line| line.ends_with(peer)).count()
    };
    assert_eq!(of(" /x ", "peer=127.0.7.1"), 4, "{text}");
    assert_eq!(of(" /x ", "peer=127.0.8.1"), 1, "{text}");
    assert!(!text.contains("127.0.9.9"), "{text}");
}

/// Opens a tunnel with a paid request, and has what it says come back.
async fn websocket(port: u16, credential: &str) {
    let mut socket = connect(ALICE, port).await;
    let ask = format!(
        "GET /x HTTP/1.1\r\nHost: shop.example\r\nAuthorization: {credential}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {WEBSOCKET_KEY}\r\n\r\n"
    );
    socket.write_all(ask.as_bytes()).await.expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let read = timeout(PATIENCE, socket.read_u8()).await;
        head.push(read.expect("in time").expect("a byte"));
    }
    let head = String::from_utf8_lossy(&head);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    socket.write_all(b"hello").await.expect("sent");
    let mut back = [0; 5];
    let read = timeout(PATIENCE, socket.read_exact(&mut back)).await;
    read.expect("in time").expect("an echo");
    assert_eq!(&back, b"hello");
}

/// Writes a snippet of the page for ports of the test, and returns the path of the file.
fn write(folder: &Path, snippet: &str, around: [&str; 2], ports: &[(&str, String)]) -> String {
    let mut text = format!("{}{snippet}{}", around[0], around[1]);
    for (in_page, in_test) in ports {
        assert!(text.contains(in_page), "{in_page}: {text}");
        text = text.replace(in_page, in_test);
    }
    let path = folder.join("proxy.conf");
    std::fs::write(&path, text).expect("a file");
    path.to_str().expect("a path").to_owned()
}

const NGINX: [&str; 2] = [
    "daemon off; pid nginx.pid; error_log stderr warn; worker_processes 1;\n\
     events { worker_connections 64; }\n\
     http { access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f;\n\
     uwsgi_temp_path u; scgi_temp_path s;\n",
    "\n}\n",
];

async fn start_nginx(folder: &Path, snippet: &str, gateway: SocketAddr) -> (Running, u16) {
    let port = free_port();
    let listen = ("listen 80;", format!("listen 127.0.0.1:{port};"));
    let ports = [listen, ("127.0.0.1:8402", gateway.to_string())];
    let file = write(folder, snippet, NGINX, &ports);
    let prefix = folder.to_str().expect("a path");
    let running = start(folder, port, "nginx", &["-p", prefix, "-c", &file]).await;
    (running, port)
}

async fn start_haproxy(
    folder: &Path,
    snippet: &str,
    ports: &[(&str, String)],
    port: u16,
) -> Running {
    // Of one thread, with a socket that tells what its checks have seen.
    let global = "global\n    nbthread 1\n    stats socket unix@stats.sock\n";
    let file = write(folder, snippet, [global, ""], ports);
    start(folder, port, "haproxy", &["-db", "-f", &file]).await
}

/// Waits until haproxy's check of the gateway has passed, and returns what it has seen.
async fn until_checked(folder: &Path) {
    let begun = Instant::now();
    loop {
        // It gets its name a moment after the port listens.
        let mut socket = match UnixStream::connect(folder.join("stats.sock")).await {
            Ok(socket) => socket,
            Err(error) => {
                assert!(begun.elapsed() < PATIENCE, "{error}");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        socket.write_all(b"show stat\n").await.expect("sent");
        let mut text = String::new();
        socket.read_to_string(&mut text).await.expect("a table");
        let rows = text.lines().filter(|line| line.contains(",one,"));
        // "UP" before the first check, too; the result of the check is a column of its own.
        if rows
            .clone()
            .any(|row| row.contains(",UP,") && (row.contains(",L7OK,") || row.contains(",L4OK,")))
        {
            return;
        }
        let is_down = rows.clone().any(|row| row.contains(",DOWN,"));
        assert!(!is_down && begun.elapsed() < PATIENCE, "{text}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nginx, haproxy and Caddy; run tests/interop/proxies.sh"]
async fn nginx_as_the_page_writes_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("access.log");
    let mut server = gateway(snippets("toml")[0], &log).await;
    let (_nginx, port) = start_nginx(folder.path(), snippets("nginx")[0], server.address).await;
    trade(&mut server, port, true, &log).await;
}

/// `proxy_pass` alone: HTTP/1.0, another `Host`, and headers of the client as they came.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nginx, haproxy and Caddy; run tests/interop/proxies.sh"]
async fn nginx_with_nothing_but_proxy_pass() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("access.log");
    let server = gateway("", &log).await;
    let bare = "server { listen 80; location / { proxy_pass http://127.0.0.1:8402; } }";
    let (_nginx, port) = start_nginx(folder.path(), bare, server.address).await;
    let challenge = send(ALICE, port, spoofing("/x", None)).await;
    assert_eq!(challenge.status(), 402, "{}", challenge.text());
    let credential = server.pay(&challenge).await;
    let answer = send(ALICE, port, spoofing("/x", Some(&credential))).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    // Nobody is believed, so the client is nginx, for all of them.
    assert_eq!(told(&answer, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(send(BOB, port, spoofing("/x", None)).await.status(), 429);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nginx, haproxy and Caddy; run tests/interop/proxies.sh"]
async fn haproxy_as_the_page_writes_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("access.log");
    let mut server = gateway(snippets("toml")[0], &log).await;
    let port = free_port();
    let ports = [
        ("bind :80", format!("bind 127.0.0.1:{port}")),
        ("127.0.0.1:8402", server.address.to_string()),
    ];
    let _haproxy = start_haproxy(folder.path(), snippets("haproxy")[0], &ports, port).await;
    until_checked(folder.path()).await;
    trade(&mut server, port, true, &log).await;
}

/// haproxy's default check asks `OPTIONS / HTTP/1.0` without a `Host`. It passes if that is free.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nginx, haproxy and Caddy; run tests/interop/proxies.sh"]
async fn the_default_check_of_haproxy_passes_at_a_free_route() {
    let folder = tempfile::tempdir().expect("a folder");
    let upstream = upstream(false, describe).await;
    let free = "[[route]]\npath = \"/\"\nupstream = \"http://UPSTREAM\"\nfree = true\n";
    let free = free.replace("UPSTREAM", &upstream.to_string());
    let server = serve(&(QUIET.to_owned() + &free)).await;
    let port = free_port();
    let snippet = snippets("haproxy")[0];
    let lines = snippet.lines().filter(|line| !line.contains("http-check"));
    let bare: String = lines.flat_map(|line| [line, "\n"]).collect();
    let ports = [
        ("bind :80", format!("bind 127.0.0.1:{port}")),
        ("option httpchk", "option httpchk".to_owned()),
        ("127.0.0.1:8402", server.address.to_string()),
    ];
    let _haproxy = start_haproxy(folder.path(), &bare, &ports, port).await;
    until_checked(folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nginx, haproxy and Caddy; run tests/interop/proxies.sh"]
async fn haproxy_with_the_proxy_protocol() {
    for send_proxy in [
        "send-proxy-v2",
        "send-proxy",
        "send-proxy-v2-ssl",
        "send-proxy-v2 proxy-v2-options crc32c,unique-id",
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("access.log");
        let settings = "trusted_proxies = [\"127.0.0.1\"]\nproxy_protocol = true";
        let mut server = gateway(settings, &log).await;
        let port = free_port();
        let ports = [
            ("bind :443", format!("bind 127.0.0.1:{port}")),
            ("127.0.0.1:8403", server.address.to_string()),
            ("send-proxy-v2", send_proxy.to_owned()),
        ];
        let _haproxy = start_haproxy(folder.path(), snippets("haproxy")[1], &ports, port).await;
        until_checked(folder.path()).await;
        trade(&mut server, port, false, &log).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nginx, haproxy and Caddy; run tests/interop/proxies.sh"]
async fn caddy_as_the_page_writes_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("access.log");
    let mut server = gateway(snippets("toml")[0], &log).await;
    let port = free_port();
    let ports = [
        (":80 {", format!("http://:{port} {{\nbind 127.0.0.1")),
        ("127.0.0.1:8402", server.address.to_string()),
    ];
    let alone = ["{\nadmin off\nauto_https off\n}\n", ""];
    let file = write(folder.path(), snippets("caddyfile")[0], alone, &ports);
    let arguments = ["run", "--config", &file, "--adapter", "caddyfile"];
    let _caddy = start(folder.path(), port, "caddy", &arguments).await;
    trade(&mut server, port, true, &log).await;
}

#[test]
fn every_configuration_of_the_page_is_sound() {
    let route = "[[route]]\npath = \"/\"\nupstream = \"http://127.0.0.1:3000\"\nfree = true\n";
    let toml = snippets("toml");
    assert_eq!(toml.len(), 3);
    for snippet in toml {
        let read = Config::from_toml(&format!("{snippet}{route}"), "page.toml");
        assert!(read.is_ok(), "{:?}", read.err());
    }
}
