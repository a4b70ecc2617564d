//! Certificates and proxies that the surroundings name.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use l402_host::SystemClock;
use l402_lightning::sandbox::{Fault, Sandbox};

#[cfg(target_os = "linux")]
use crate::program::copy_environment;
use crate::program::{Home, Ran, Serving};
use crate::stranger::server;

/// A shop over TLS, with a free page and one for 7 sat. No public authority knows its certificate.
pub(crate) struct Shop {
    pub(crate) home: Home,
    serving: Serving,
    certificate: PathBuf,
}

impl Shop {
    pub(crate) fn open() -> Self {
        let home = Home::new();
        let names = ["127.0.0.1", "shop.example"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let certificate = home.file("cert.pem", &made.cert.pem());
        let key = home.file("key.pem", &made.signing_key.serialize_pem());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(key, mode).expect("a key");
        }
        let upstream = server(|_| {
            "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nhere".to_owned()
        });
        let route = |path: &str, terms: &str| {
            format!("[[route]]\npath = \"{path}\"\nupstream = \"http://{upstream}\"\n{terms}\n")
        };
        let text = format!(
            "listen = [\":0\"]\n[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n{}{}",
            route("/free", "free = true"),
            route("/paid", "price = \"7 sat\"")
        );
        let file = home.file("l402.toml", &text);
        let serving = home.serve(&["serve", "--config", file.to_str().expect("a path")]);
        Self {
            home,
            serving,
            certificate,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.serving.url(path).replace("http://", "https://")
    }

    /// Runs the program with these variables.
    pub(crate) fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = self.home.command(args);
        command.envs(variables.iter().copied());
        Ran::of(command.output().expect("the program starts"))
    }

    pub(crate) fn certificate(&self) -> &str {
        self.certificate.to_str().expect("a path")
    }
}

// FAULTS T2: an authority that the system does not know.
#[test]
fn a_private_authority_is_trusted_where_it_is_named() {
    let shop = Shop::open();
    let (free, paid) = (shop.url("/free"), shop.url("/paid"));
    let get = ["get", free.as_str()];
    let ran = shop.run(&get, &[]).expect(69);
    assert!(ran.stderr.contains("no money moved"), "{ran:#?}");
    let named = [("SSL_CERT_FILE", shop.certificate())];
    assert_eq!(shop.run(&get, &named).expect(0).stdout, "here");
    shop.run(&["get", &paid, "--wallet", "sandbox"], &named)
        .expect(0);
    // Behind a redirect as well.
    let target = free.clone();
    let from = server(move |_| {
        format!(
            "HTTP/1.1 302 Found\r\nlocation: {target}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
    });
    let from = format!("http://{from}/");
    assert_eq!(
        shop.run(&["get", "-L", &from], &named).expect(0).stdout,
        "here"
    );
    shop.run(&["doctor", &free], &[]).expect(69);
    let report = shop.run(&["doctor", &paid], &named).expect(0).json();
    assert_eq!(report["healthy"], true);
    // One that is named and not there is no reason to trust others.
    let none = [("SSL_CERT_FILE", "/no/such/file.pem")];
    let ran = shop.run(&get, &none).expect(74);
    assert!(ran.stderr.contains("SSL_CERT_FILE"), "{ran:#?}");
    assert!(ran.stderr.contains("no money moved"), "{ran:#?}");
}

/// An authority that the machine knows, such as that of a company, is trusted without a flag. The store of
/// the system is exchanged for this one run, in a file system of its own.
#[cfg(target_os = "linux")]
#[test]
fn a_private_authority_in_the_store_of_the_system_is_trusted() {
    const STORE: &str = "/etc/ssl/certs/ca-certificates.crt";
    let shop = Shop::open();
    let in_store = |args: &[&str]| {
        let program = shop.home.command(args);
        let mut command = std::process::Command::new("unshare");
        let script = "mount --bind \"$1\" \"$2\" || exit 99; shift 2; exec \"$@\"";
        command
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
            .args(["sh", shop.certificate(), STORE])
            .arg(program.get_program())
            .args(program.get_args());
        copy_environment(&program, &mut command);
        command.output()
    };
    let ran = in_store(&["get", &shop.url("/free")]);
    // Some systems let nobody but root do this, and some have their store elsewhere.
    let is_possible = ran.as_ref().is_ok_and(|ran| ran.status.code() != Some(99));
    let is_possible = is_possible && std::path::Path::new(STORE).exists();
    if !is_possible
        || ran
            .as_ref()
            .is_ok_and(|ran| ran.stderr.starts_with(b"unshare:"))
    {
        return;
    }
    let ran = ran.expect("it starts");
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    assert_eq!(ran.stdout, b"here", "{ran:?}");
    let bought = in_store(&["get", &shop.url("/paid"), "--wallet", "sandbox"]);
    assert_eq!(bought.expect("it starts").stdout, b"here");
    // Outside nobody knows it.
    shop.run(&["get", &shop.url("/free")], &[]).expect(69);
}

type Record = Arc<Mutex<Vec<u8>>>;

/// A proxy that leads everything to one address, and writes down what it hears.
fn proxy(to: String) -> (SocketAddr, Record) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let record = Record::default();
    let kept = record.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let (to, kept) = (to.clone(), kept.clone());
            std::thread::spawn(move || lead(client, &to, &kept));
        }
    });
    (address, record)
}

fn lead(mut client: TcpStream, to: &str, record: &Record) {
    let server = TcpStream::connect(to).expect("the server listens");
    let mut head = [0; 4096];
    let length = client.read(&mut head).unwrap_or(0);
    let head = &head[..length];
    record
        .lock()
        .expect("no panic before")
        .extend_from_slice(head);
    if head.starts_with(b"CONNECT ") {
        let _ = client.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
    } else {
        let _ = (&server).write_all(head);
    }
    let (from, back) = (client.try_clone().expect("a socket"), client);
    let (server_in, server_out) = (server.try_clone().expect("a socket"), server);
    let kept = record.clone();
    std::thread::spawn(move || carry(from, server_in, Some(&kept)));
    carry(server_out, back, None);
}

fn carry(mut from: TcpStream, mut to: TcpStream, record: Option<&Record>) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if let Some(record) = record {
            let mut record = record.lock().expect("no panic before");
            record.extend_from_slice(&buffer[..length]);
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Returns the requests that the proxy got since the last call.
fn heard(record: &Record) -> String {
    let heard = std::mem::take(&mut *record.lock().expect("no panic before"));
    String::from_utf8_lossy(&heard).into_owned()
}

// FAULTS T2: the proxies of the environment.
#[test]
fn a_proxy_leads_to_the_shop_and_never_sees_a_credential() {
    let shop = Shop::open();
    let (address, record) = proxy(shop.serving.address().to_owned());
    let (address, certificate) = (address.to_string(), shop.certificate());
    let trust = ("SSL_CERT_FILE", certificate);
    let get = ["get", "https://shop.example/paid", "--wallet", "sandbox"];
    for name in ["https_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        assert_eq!(
            shop.run(&get, &[(name, &address), trust]).expect(0).stdout,
            "here"
        );
        let heard = heard(&record);
        // Behind what is left of the run before, whose end the proxy may see late.
        let connect = "CONNECT shop.example:443 HTTP/1.1\r\n";
        assert!(heard.contains(connect), "{name}: {heard}");
        assert!(!heard.to_lowercase().contains("authorization"), "{name}");
    }
    let doctor = ["doctor", "https://shop.example/paid"];
    shop.run(&doctor, &[("https_proxy", &address), trust])
        .expect(0);
    assert!(heard(&record).contains("CONNECT "));
    // A host that is not to go through it is asked for directly, which here leads nowhere.
    let direct = [
        ("https_proxy", address.as_str()),
        ("no_proxy", "b.example,.example"),
        trust,
    ];
    shop.run(&[&get[..], &["-m", "1"]].concat(), &direct)
        .expect(69);
    assert!(!heard(&record).contains("CONNECT "));
}

#[test]
fn a_proxy_for_plain_http_gets_no_credential_unless_that_is_wanted() {
    let home = Home::new();
    let demo = home.serve(&["demo", "--listen", "0"]);
    let (address, record) = proxy(demo.address().to_owned());
    let run = |args: &[&str]| {
        let mut command = home.command(args);
        command.env("http_proxy", format!("http://me:pw@{address}"));
        Ran::of(command.output().expect("the program starts"))
    };
    let get = [
        "get",
        "http://shop.example/api/l402/joke",
        "--wallet",
        "sandbox",
    ];
    let ran = run(&get).expect(34);
    assert!(ran.stderr.contains("no money moved"), "{ran:#?}");
    let asked = heard(&record);
    assert!(
        asked.starts_with("GET http://shop.example/api/l402/joke "),
        "{asked}"
    );
    assert!(asked.contains("Basic bWU6cHc="), "{asked}");
    run(&[&get[..], &["--danger-plain-http"]].concat()).expect(0);
    assert!(
        heard(&record)
            .to_lowercase()
            .contains("\r\nauthorization: l402 ")
    );
    // What was bought so, and not answered, can be asked for in the same way and in no other.
    let sandbox = Sandbox::open(&home.path().join("home"), Arc::new(SystemClock::default()));
    let sandbox = sandbox.expect("a sandbox");
    sandbox.set_fault(Fault::EndsMidPayment).expect("the file");
    let get = [
        "get",
        "http://shop.example/api/l402/quote",
        "--danger-plain-http",
    ];
    run(&[&get[..], &["--wallet", "sandbox"]].concat()).expect(14);
    sandbox.set_fault(Fault::None).expect("the file");
    run(&["payments", "resolve", "--wallet", "sandbox"]).expect(0);
    let unserved = run(&["payments", "--unserved"]).expect(0).json();
    let id = unserved[0]["payment_hash"].as_str().expect("a hash");
    run(&["payments", "resume", id]).expect(34);
    run(&["payments", "resume", id, "--danger-plain-http"]).expect(0);
}

// FAULTS T2: what is on this machine is asked for directly.
#[test]
fn this_machine_is_reached_without_a_proxy() {
    let shop = Shop::open();
    let nowhere = "http://127.0.0.1:1";
    let set = [
        ("http_proxy", nowhere),
        ("https_proxy", nowhere),
        ("SSL_CERT_FILE", shop.certificate()),
    ];
    let paid = shop.url("/paid");
    shop.run(&["get", &paid, "--wallet", "sandbox"], &set)
        .expect(0);
    let plain = server(|_| "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned());
    for host in [
        "127.0.0.1",
        "localhost",
        "a.localhost",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
    ] {
        // Not every machine has IPv6, and not every resolver names below `localhost`.
        if TcpStream::connect(format!("{host}:{}", plain.port())).is_err() {
            continue;
        }
        let url = format!("http://{host}:{}/", plain.port());
        shop.run(&["get", &url], &set).expect(0);
        shop.run(&["doctor", &url], &set).expect(18);
    }
    let wrong = [("https_proxy", "socks9://me:secret@127.0.0.1:1")];
    let ran = shop
        .run(&["get", "https://shop.example/"], &wrong)
        .expect(78);
    assert!(!ran.stderr.contains("secret"), "{ran:#?}");
    assert!(ran.stderr.contains("no money moved"), "{ran:#?}");
}
