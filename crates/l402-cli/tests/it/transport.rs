//! The flags of `get` about the connection, where money is involved.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use l402_host::SystemClock;
use l402_lightning::sandbox::{Fault, Sandbox};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use serde_json::Value;

use crate::outgoing::Shop;
use crate::program::{Home, Serving};
use crate::stranger::server;

fn balance(home: &Home) -> Value {
    home.run(&["wallet", "balance"]).expect(0).json()["balance_msat"].clone()
}

/// A shop for 7 sat, and the text of what it sells.
fn sell(home: &Home) -> Serving {
    let upstream = server(|_| {
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nhere".to_owned()
    });
    home.sell(&format!("http://{upstream}"))
}

#[test]
fn a_server_that_is_not_verified_is_paid_only_after_a_yes() {
    let shop = Shop::open();
    let (free, paid) = (shop.url("/free"), shop.url("/paid"));
    assert_eq!(
        shop.run(&["get", "-k", &free], &[]).expect(0).stdout,
        "here"
    );
    let before = balance(&shop.home);
    let get = ["get", "-k", &paid, "--wallet", "sandbox"];
    let ran = shop.run(&get, &[]).expect(53);
    assert!(
        ran.stderr.starts_with("error[unverified_server]: "),
        "{ran:#?}"
    );
    for words in ["not verified", "no money moved", "--yes", "--cacert"] {
        assert!(ran.stderr.contains(words), "{words}: {ran:#?}");
    }
    assert_eq!(balance(&shop.home), before);
    let ran = shop.run(&["get", "-k", &paid, "--dry-run"], &[]).expect(0);
    assert_eq!(ran.json()["price_msat"], 7000);
    let trust = [
        "get",
        "--cacert",
        shop.certificate(),
        &paid,
        "--wallet",
        "sandbox",
    ];
    assert_eq!(shop.run(&trust, &[]).expect(0).stdout, "here");
    let paid_once = balance(&shop.home);
    assert_ne!(paid_once, before);
    let ran = shop.run(&[&get[..], &["--yes"]].concat(), &[]).expect(0);
    assert_eq!(ran.stdout, "here");
    assert_ne!(balance(&shop.home), paid_once);
}

#[test]
fn a_file_of_certificates_stands_in_place_of_all_others() {
    let shop = Shop::open();
    let (free, missing) = (shop.url("/free"), "/no/such/file.pem");
    let set = [("SSL_CERT_FILE", shop.certificate())];
    let ran = shop
        .run(&["get", "--cacert", missing, &free], &set)
        .expect(74);
    assert!(
        ran.stderr.contains("--cacert names no certificates"),
        "{ran:#?}"
    );
    let other =
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let other = shop.home.file("other.pem", &other.cert.pem());
    let other = other.to_str().expect("a path");
    shop.run(&["get", "--cacert", other, &free], &set)
        .expect(69);
}

/// A server that answers only a client whose certificate is this one.
struct Strict {
    address: SocketAddr,
    authority: PathBuf,
    cert: PathBuf,
    key: PathBuf,
}

impl Strict {
    fn start(home: &Home) -> Self {
        let made = |name: &str| {
            rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate")
        };
        let (server, client) = (made("127.0.0.1"), made("client"));
        let mut roots = rustls::RootCertStore::empty();
        roots.add(client.cert.der().clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots),
            provider.clone(),
        );
        let key = PrivatePkcs8KeyDer::from_pem_slice(server.signing_key.serialize_pem().as_bytes());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier.build().expect("a verifier"))
            .with_single_cert(vec![server.cert.der().clone()], key.expect("a key").into())
            .expect("a configuration");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || serve_tls(&listener, &Arc::new(config)));
        Self {
            address,
            authority: home.file("authority.pem", &server.cert.pem()),
            cert: home.file("client.pem", &client.cert.pem()),
            key: home.file("client.key", &client.signing_key.serialize_pem()),
        }
    }
}

fn serve_tls(listener: &TcpListener, config: &Arc<rustls::ServerConfig>) {
    for socket in listener.incoming().map_while(Result::ok) {
        let connection = rustls::ServerConnection::new(config.clone()).expect("a connection");
        let mut stream = BufReader::new(rustls::StreamOwned::new(connection, socket));
        let mut line = String::new();
        // A client without its certificate gets an alert in place of an answer.
        while stream.read_line(&mut line).is_ok_and(|length| length > 2) {
            line.clear();
        }
        let stream = stream.get_mut();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nme");
        stream.conn.send_close_notify();
        let _ = stream.flush();
    }
}

#[test]
fn a_server_that_wants_a_certificate_of_the_client_gets_it() {
    let home = Home::new();
    let strict = Strict::start(&home);
    let url = format!("https://{}/", strict.address);
    let [authority, cert, key] =
        [&strict.authority, &strict.cert, &strict.key].map(|path| path.to_str().expect("a path"));
    let get = ["get", "--cacert", authority, &url];
    let with = |flags: &[&str]| home.run(&[&get[..], flags].concat());
    let flags = ["--cert", cert, "--key", key];
    assert_eq!(with(&flags).expect(0).stdout, "me");
    // The same files do for curl.
    let curl = Command::new("curl")
        .args(["-s", "--cacert", authority, &url])
        .args(flags)
        .output();
    assert_eq!(curl.expect("curl runs").stdout, b"me");
    let both = [cert, key].map(|path| std::fs::read_to_string(path).expect("a file"));
    let both = home.file("both.pem", &both.concat());
    assert_eq!(
        with(&["-E", both.to_str().expect("a path")])
            .expect(0)
            .stdout,
        "me"
    );
    with(&[]).expect(69);
    let ran = with(&["--cert", cert]).expect(74);
    assert!(ran.stderr.contains("cannot be used"), "{ran:#?}");
    let ran = with(&["--cert", &format!("{cert}:secret")]).expect(74);
    assert!(ran.stderr.contains("password"), "{ran:#?}");
    assert!(!ran.stderr.contains("secret"), "{ran:#?}");
    with(&["--key", key]).expect(64);
}

#[test]
fn the_version_of_http_and_the_way_are_chosen_over_tls() {
    let shop = Shop::open();
    let free = shop.url("/free");
    let trust = ["get", "-i", "--cacert", shop.certificate()];
    let run = |flags: &[&str]| {
        shop.run(&[&trust[..], flags].concat(), &[])
            .expect(0)
            .stdout
    };
    for (flags, version) in [
        (&[][..], "HTTP/2 200"),
        (&["--http2"], "HTTP/2 200"),
        (&["--http1.1"], "HTTP/1.1 200 OK"),
        (&["--http1.1", "--http2"], "HTTP/2 200"),
    ] {
        let answer = run(&[flags, &[&free]].concat());
        assert!(
            answer.starts_with(version) && answer.ends_with("here"),
            "{answer}"
        );
    }
    // The certificate is that of the name in the URL, wherever the connection leads.
    let base = shop.url("");
    let (_, port) = base.rsplit_once(':').expect("a port");
    let to = format!("::127.0.0.1:{port}");
    for url in ["https://shop.example/free", "https://shop.example:444/free"] {
        assert!(run(&["--connect-to", &to, url]).ends_with("here"), "{url}");
    }
    let other = [
        "get",
        "--cacert",
        shop.certificate(),
        "--connect-to",
        &to,
        "https://a.example/",
    ];
    shop.run(&other, &[]).expect(69);
    let resolved = format!("shop.example:{port}:127.0.0.1");
    let url = format!("https://shop.example:{port}/free");
    assert!(run(&["--resolve", &resolved, &url]).ends_with("here"));
}

#[test]
fn this_machine_is_reached_without_the_proxy_of_a_flag() {
    let home = Home::new();
    let shop = sell(&home);
    let url = shop.url("/x");
    for proxy in ["http://127.0.0.1:1", "socks5h://127.0.0.1:1"] {
        let get = ["get", "-x", proxy, &url, "--wallet", "sandbox"];
        assert_eq!(home.run(&get).expect(0).stdout, "here");
    }
    let ran = home
        .run(&["get", "-x", "ftp://me:secret@h", &url])
        .expect(64);
    assert!(!ran.stderr.contains("secret"), "{ran:#?}");
    let led = [
        "--connect-to",
        "a.example:80:127.0.0.1:80",
        "http://a.example/",
    ];
    let ran = home
        .run(&[&["get", "-x", "http://127.0.0.1:1"], &led[..]].concat())
        .expect(64);
    assert!(ran.stderr.contains("--noproxy"), "{ran:#?}");
}

/// A SOCKS proxy that leads everything to one address, and the names that it was asked for.
fn socks(to: String) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let names = Arc::<Mutex<Vec<String>>>::default();
    let kept = names.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let (to, kept) = (to.clone(), kept.clone());
            // A client that goes is no fault.
            std::thread::spawn(move || lead(client, &to, &kept).ok());
        }
    });
    (address, names)
}

fn lead(mut client: TcpStream, to: &str, names: &Mutex<Vec<String>>) -> std::io::Result<()> {
    // RFC 1928: no login, then a request to connect to a name.
    let mut greeting = [0; 2];
    client.read_exact(&mut greeting)?;
    client.read_exact(&mut vec![0; greeting[1].into()])?;
    client.write_all(&[5, 0])?;
    let mut request = [0; 5];
    client.read_exact(&mut request)?;
    let mut name = vec![0; request[4].into()];
    client.read_exact(&mut name)?;
    client.read_exact(&mut [0; 2])?;
    let name = String::from_utf8_lossy(&name).into_owned();
    names.lock().expect("no panic before").push(name);
    let server = TcpStream::connect(to)?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    let (mut up, mut down) = ((client.try_clone()?, server.try_clone()?), (server, client));
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut up.0, &mut up.1);
        up.1.shutdown(std::net::Shutdown::Write)
    });
    std::io::copy(&mut down.0, &mut down.1)?;
    down.1.shutdown(std::net::Shutdown::Write)
}

#[test]
fn a_hidden_service_is_bought_from_through_a_proxy_that_resolves_its_name() {
    let home = Home::new();
    let shop = sell(&home);
    let (address, names) = socks(shop.address().to_owned());
    let proxy = format!("socks5h://{address}");
    let before = balance(&home);
    let onion = [
        "get",
        "-x",
        &proxy,
        "http://shop.onion/x",
        "--wallet",
        "sandbox",
    ];
    assert_eq!(home.run(&onion).expect(0).stdout, "here");
    assert_ne!(balance(&home), before);
    assert!(
        names
            .lock()
            .expect("no panic")
            .iter()
            .all(|name| name == "shop.onion")
    );
    // A credential goes over plain HTTP to no other name, whatever leads there.
    let before = balance(&home);
    let plain = [
        "get",
        "-x",
        &proxy,
        "http://shop.example/x",
        "--wallet",
        "sandbox",
    ];
    home.run(&plain).expect(34);
    let (_, port) = shop.address().rsplit_once(':').expect("a port");
    let led = format!("shop.example:80:127.0.0.1:{port}");
    let led = [
        "get",
        "--connect-to",
        &led,
        "http://shop.example/x",
        "--wallet",
        "sandbox",
    ];
    home.run(&led).expect(34);
    assert_eq!(balance(&home), before);
}

#[test]
fn verbose_shows_heads_and_no_secret() {
    let home = Home::new();
    let shop = sell(&home);
    let (url, proof) = (shop.url("/x"), home.path().join("receipt.json"));
    let receipt = proof.to_str().expect("a path");
    let get = [
        "get",
        "-sv",
        &url,
        "-H",
        "X-Api-Key: mine",
        "-u",
        "me:password",
    ];
    let ran = home.run(&[&get[..], &["--wallet", "sandbox", "--receipt", receipt]].concat());
    let ran = ran.expect(0);
    assert_eq!(ran.stdout, "here");
    for line in [
        "> GET /x HTTP/1.1\n",
        &format!("> host: {}\n", shop.address()),
        "> authorization: Basic [redacted]\n",
        "> x-api-key: [redacted]\n",
        "< HTTP/1.1 402 Payment Required\n",
        "L402 macaroon=\"",
        " characters)\", invoice=\"lnbcrt",
        "> l402-credential: [redacted]\n",
        "< HTTP/1.1 200 OK\n",
        "< content-length: 4\n",
    ] {
        assert!(ran.stderr.contains(line), "{line}: {}", ran.stderr);
    }
    // Neither a token nor an invoice nor a preimage is as short as this.
    let words = ran.stderr.split(|c: char| !c.is_ascii_alphanumeric());
    let longest = words.max_by_key(|word| word.len()).unwrap_or_default();
    assert!(longest.len() < 40, "{longest}: {}", ran.stderr);
    for secret in ["mine", "bWU6cGFzc3dvcmQ", "password"] {
        assert!(!ran.stderr.contains(secret), "{secret}: {}", ran.stderr);
    }
}

/// Stands before a shop. Of the requests with a credential, the first is answered 503, and the others
/// with `second`, or with a price and that code of a problem.
fn tired_front(shop: &Serving, second: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let shop = shop.address().to_owned();
    std::thread::spawn(move || {
        let mut presented = 0;
        for socket in listener.incoming().map_while(Result::ok) {
            let mut head = String::new();
            let mut reader = BufReader::new(&socket);
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|it| it > 0)
            {
            }
            let has_credential = head.to_lowercase().contains("\r\nauthorization: l402");
            presented += u32::from(has_credential);
            let answer = match (has_credential, presented, second) {
                (true, 1, _) => {
                    b"HTTP/1.1 503 Tired\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec()
                }
                (true, _, Some(code)) => refusal(code),
                _ => relayed(&shop, &head),
            };
            let _ = (&socket).write_all(&answer);
        }
    });
    format!("http://{address}/x")
}

fn refusal(code: &str) -> Vec<u8> {
    let body = format!("{{\"code\":\"{code}\"}}");
    let length = body.len();
    format!(
        "HTTP/1.1 402 Payment Required\r\ncontent-type: application/problem+json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

fn relayed(shop: &str, head: &str) -> Vec<u8> {
    let mut shop = TcpStream::connect(shop).expect("the shop listens");
    let head = head.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
    shop.write_all(head.as_bytes()).expect("the shop reads");
    let mut answer = Vec::new();
    let _ = shop.read_to_end(&mut answer);
    answer
}

/// ATTACKS C-14.
#[test]
fn a_retry_uses_what_was_paid_for_and_never_pays_twice() {
    let home = Home::new();
    let shop = sell(&home);
    let before = balance(&home).as_u64().expect("a balance");
    let paid = || before - balance(&home).as_u64().expect("a balance");
    let get = |url: &str| home.run(&["get", "--retry", "3", url, "--wallet", "sandbox"]);
    let ran = get(&tired_front(&shop, None)).expect(0);
    assert_eq!(ran.stdout, "here");
    assert!(ran.stderr.contains("asking again in 1 s"), "{ran:#?}");
    assert_eq!(paid(), 7000);
    // A seller who says that it is used up gets no second payment by a retry.
    let ran = get(&tired_front(&shop, Some("consumed"))).expect(19);
    assert!(!ran.stderr.contains("no money moved"), "{ran:#?}");
    assert_eq!(paid(), 14_000);
}

#[test]
fn nothing_is_asked_again_behind_a_payment_that_is_unknown() {
    let home = Home::new();
    let (shop, before) = (sell(&home), balance(&home).as_u64().expect("a balance"));
    let clock = Arc::new(SystemClock::default());
    let sandbox = Sandbox::open(&home.path().join("home"), clock).expect("a sandbox");
    sandbox.set_fault(Fault::Unknown).expect("a sandbox");
    let get = [
        "get",
        "--retry",
        "3",
        &shop.url("/x"),
        "--wallet",
        "sandbox",
    ];
    let ran = home.run(&get).expect(14);
    assert!(!ran.stderr.contains("asking again"), "{ran:#?}");
    // This wallet pays and does not say so: once.
    sandbox.set_fault(Fault::None).expect("a sandbox");
    assert_eq!(balance(&home), before - 7000);
}
