//! `l402 serve` takes over what its file says, asked by SIGHUP or by itself.
#![cfg(unix)]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use l402_host::{Clock as _, SystemClock};
use l402_testkit::tls::any_certificate;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConnection, StreamOwned};

use crate::program::{Home, Serving, signal};

/// A file with one route at this price, and `more` before it.
fn text(price: &str, more: &str) -> String {
    // Accepts connections, so that there is something to sell. None is used.
    static UPSTREAM: LazyLock<TcpListener> =
        LazyLock::new(|| TcpListener::bind("127.0.0.1:0").expect("a port"));
    let upstream = UPSTREAM.local_addr().expect("an address");
    format!(
        "{more}\n[[route]]\npath = \"/a\"\nupstream = \"http://{upstream}\"\nservice = \"a\"\n\
         price = \"{price}\"\n"
    )
}

/// Serves a file, with the log that says what was reloaded. The address is of the command line.
fn serve(home: &Home, file: &Path) -> Serving {
    let file = file.to_str().expect("a path");
    let args = [
        "serve",
        "--log",
        "info",
        "--config",
        file,
        "--listen",
        "127.0.0.1:0",
    ];
    home.serve(&args)
}

/// Returns the price of the route in millisatoshi, by a plain request.
fn price(shop: &Serving) -> u64 {
    let mut socket = TcpStream::connect(shop.address()).expect("a connection");
    let ask = b"GET /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    socket.write_all(ask).expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 402 "), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    body["price_msat"].as_u64().expect("a price")
}

// FAULTS G15: SIGHUP is a reload, and cuts no request.
#[test]
fn sighup_takes_the_new_price_and_names_what_waits_for_a_restart() {
    let home = Home::new();
    let file = home.file("l402.toml", &text("5 sat", ""));
    let shop = serve(&home, &file);
    assert_eq!(price(&shop), 5000);

    home.file("l402.toml", &text("7 sat", "workers = 3\nhosts = [\"a\"]"));
    signal("HUP", shop.pid());
    let said = shop.until("waits for a restart");
    assert!(
        said.iter().any(|line| line.contains("reloaded")),
        "{said:#?}"
    );
    // The command line says where to listen, then as now: the file's default is no change.
    assert!(
        said.last().is_some_and(|line| line.contains("workers")),
        "{said:#?}"
    );
    assert_eq!(price(&shop), 7000);

    // All mistakes are told, and nothing is taken.
    home.file("l402.toml", &text("-1 sat", "hosts = [\"b\"]\ncolour = 1"));
    signal("HUP", shop.pid());
    let said = shop.until("route[0].price");
    assert!(
        said.last()
            .is_some_and(|line| line.contains("never negative")),
        "{said:#?}"
    );
    assert!(
        said.iter()
            .any(|line| line.contains("l402.toml:2:1: colour")),
        "{said:#?}"
    );
    assert!(said.iter().all(|line| !line.contains("hint")), "{said:#?}");
    assert_eq!(price(&shop), 7000);
}

#[test]
fn a_file_that_changes_is_taken_without_being_asked() {
    let home = Home::new();
    let file = home.file("l402.toml", &text("5 sat", ""));
    let mut shop = serve(&home, &file);
    // As editors do: written beside its place, then moved there.
    let draft = home.file("draft.toml", &text("1234 sat", ""));
    std::fs::rename(draft, &file).expect("moved");
    shop.until("reloaded");
    assert_eq!(price(&shop), 1_234_000);
    signal("TERM", shop.pid());
    assert_eq!(shop.wait(), Some(0));
}

#[test]
fn a_schema_that_changes_is_taken_without_being_asked() {
    let home = Home::new();
    home.file("ask.json", "{\"type\": \"object\"}");
    let file = text("5 sat", "") + "request_schema = \"ask.json\"\n";
    let shop = serve(&home, &home.file("l402.toml", &file));
    home.file(
        "ask.json",
        "{\"type\": \"object\", \"title\": \"Question\"}",
    );
    shop.until("reloaded");
    let openapi = home.run(&["get", &shop.url("/openapi.json")]).expect(0);
    assert!(openapi.stdout.contains("Question"), "{openapi:#?}");
}

/// Writes a certificate for this name, and its key.
fn certificate(folder: &Path, name: &str) -> [PathBuf; 2] {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).expect("written");
    let pem = made.signing_key.serialize_pem();
    l402_host::private::replace(&key, pem.as_bytes()).expect("written");
    [certificate, key]
}

#[test]
fn a_certificate_that_is_renewed_is_taken_without_being_asked() {
    let home = Home::new();
    certificate(home.path(), "localhost");
    // Relative to the file's folder, as they are read.
    let tls = "[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n";
    let file = home.file("l402.toml", &text("5 sat", tls));
    let shop = serve(&home, &file);
    certificate(home.path(), "renewed.localhost");
    let said = shop.until("reloaded");
    assert!(
        said.iter().all(|line| !line.contains("not reloaded")),
        "{said:#?}"
    );
}

#[test]
fn without_a_file_sighup_changes_nothing_and_says_so() {
    let home = Home::new();
    let upstream = [
        "serve",
        "--upstream",
        "http://127.0.0.1:1",
        "--price",
        "5 sat",
    ];
    let mut shop = home.serve(&[&upstream[..], &["--listen", "127.0.0.1:0"]].concat());
    signal("HUP", shop.pid());
    shop.until("SIGHUP changes nothing");
    signal("TERM", shop.pid());
    assert_eq!(shop.wait(), Some(0));
}

/// A client that takes whatever certificate is shown, and says which one it was.
fn shown_certificate(
    address: &str,
) -> (
    CertificateDer<'static>,
    StreamOwned<ClientConnection, TcpStream>,
) {
    let name = ServerName::try_from("localhost").expect("a name");
    let client = ClientConnection::new(Arc::new(any_certificate()), name).expect("a client");
    let mut stream = StreamOwned::new(client, TcpStream::connect(address).expect("connected"));
    stream.conn.complete_io(&mut stream.sock).expect("TLS");
    let shown = stream.conn.peer_certificates().expect("a certificate")[0].clone();
    (shown, stream)
}

/// Asks on a connection that stays open, and reads the answer to its end.
fn ask_on(stream: &mut StreamOwned<ClientConnection, TcpStream>) {
    let ask = b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n";
    stream.write_all(ask).expect("sent");
    let mut read = Vec::new();
    // A challenge is a document of JSON.
    while !read.ends_with(b"}") {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).expect("an answer");
        assert_ne!(length, 0, "the connection has ended");
        read.extend_from_slice(&piece[..length]);
    }
    assert!(
        read.starts_with(b"HTTP/1.1 402 "),
        "{}",
        String::from_utf8_lossy(&read)
    );
}

#[test]
fn a_certificate_that_is_replaced_is_served_soon_and_no_connection_ends() {
    let home = Home::new();
    certificate(home.path(), "localhost");
    let tls = "[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n";
    let file = home.file("l402.toml", &text("5 sat", tls));
    let shop = serve(&home, &file);
    let (before, mut open) = shown_certificate(shop.address());
    ask_on(&mut open);

    certificate(home.path(), "localhost");
    let clock = SystemClock::default();
    let patience = clock.monotonic() + Duration::from_secs(20);
    loop {
        // While it changes, requests go on, and every new connection is served as well.
        ask_on(&mut open);
        let (shown, mut fresh) = shown_certificate(shop.address());
        ask_on(&mut fresh);
        if shown != before {
            break;
        }
        assert!(clock.monotonic() < patience, "still the old one");
        std::thread::sleep(Duration::from_millis(10));
    }
    ask_on(&mut open);
}
