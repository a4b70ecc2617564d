//! A second gateway takes over the sockets of the first.
#![cfg(target_os = "linux")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use l402_gateway::{Config, Gateway, GatewayError, GatewayErrorKind, Home, Upgrade};
use l402_host::ManualClock;
use l402_lightning::{Node, Open};

use crate::harness::{gated, request, routes, send};

/// Far more than there are sockets, so that each of them gets some.
const MANY: usize = 64;

/// As many challenges as are asked for.
const NO_LIMITS: &str = "[challenges]
per_peer_per_second = 0
per_peer_burst = 0
per_prefix_per_second = 0
per_prefix_burst = 0
total_per_second = 0
total_burst = 0
";

/// A home with the clock of all gateways that run there.
struct Setup {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    upstream: SocketAddr,
}

impl Setup {
    fn new(upstream: SocketAddr) -> Self {
        Self {
            folder: tempfile::tempdir().expect("as the test set it up"),
            clock: l402_testkit::clock(),
            upstream,
        }
    }

    fn home(&self) -> Home {
        Home::at(self.folder.path()).expect("as the test set it up")
    }

    fn config(&self, listen: &str, workers: usize) -> Config {
        let text = format!(
            "listen = [{listen}]\nworkers = {workers}\n{NO_LIMITS}{}",
            routes(self.upstream, "")
        );
        Config::from_toml(&text, "test.toml").expect("a sound configuration")
    }

    /// Starts a gateway that accepts nothing yet.
    async fn open(&self, config: Config, upgrades: bool) -> Result<Gateway, GatewayError> {
        let (home, clock) = (self.home(), self.clock.clone());
        let node = Node::Sandbox.receiver(Open::new(home.path(), clock.clone()));
        let node = node.await.expect("a node").receive;
        let start = move || {
            let upgrade = upgrades
                .then(|| Upgrade::find(&config, &home))
                .transpose()?;
            Gateway::start_with(config, &home, clock, node, upgrade)
        };
        tokio::task::spawn_blocking(start).await.expect("no panic")
    }

    async fn serve(&self, listen: &str, workers: usize, upgrades: bool) -> Gateway {
        self.serve_with(self.config(listen, workers), upgrades)
            .await
    }

    async fn serve_with(&self, config: Config, upgrades: bool) -> Gateway {
        let gateway = self.open(config, upgrades).await;
        let (gateway, home) = (gateway.expect("a gateway"), self.home());
        let serve = move || {
            gateway.take_over();
            gateway.wait_for_upgrade(&home, None);
            gateway
        };
        tokio::task::spawn_blocking(serve).await.expect("no panic")
    }

    fn sockets(&self) -> Vec<PathBuf> {
        let run = self.folder.path().join("run");
        let entries = run.read_dir().into_iter().flatten();
        entries
            .map(|entry| entry.expect("as the test set it up").path())
            .collect()
    }
}

/// Asks for something priced on a connection that stays, and returns the head of the answer.
fn ask(socket: &mut TcpStream) -> std::io::Result<String> {
    socket.set_read_timeout(Some(Duration::from_secs(60)))?;
    socket.write_all(b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n")?;
    let (mut reader, mut head) = (BufReader::new(socket), String::new());
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let head = head.to_lowercase();
    let length = head.split("content-length: ").nth(1).expect("a length");
    let length = length
        .lines()
        .next()
        .expect("as the test set it up")
        .parse()
        .expect("as the test set it up");
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(head)
}

/// Asks on many new connections, all open at once.
async fn ask_often(address: SocketAddr) {
    let asked = tokio::task::spawn_blocking(move || {
        let open = || TcpStream::connect(address).expect("no connection is refused");
        let mut sockets: Vec<TcpStream> = (0..MANY).map(|_| open()).collect();
        for socket in &mut sockets {
            let head = ask(socket).expect("an answer");
            assert!(head.starts_with("http/1.1 402"), "{head}");
        }
    });
    asked.await.expect("no panic");
}

async fn finish(gateway: Gateway) {
    let finished = tokio::task::spawn_blocking(move || gateway.finish());
    let finished = tokio::time::timeout(Duration::from_secs(60), finished).await;
    finished.expect("it ends").expect("no panic");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_redirect_from_plain_http_goes_along() {
    let setup = Setup::new(([127, 0, 0, 1], 9).into());
    let folder = tempfile::tempdir().unwrap();
    crate::tls::certificate(folder.path());
    let files = folder.path().display();
    let text = format!(
        "listen = [\"127.0.0.1:0\"]\nworkers = 1\n{}[tls]\ncertificate = \"{files}/cert.pem\"\n\
         key = \"{files}/key.pem\"\nredirect_from = \"127.0.0.1:0\"\n",
        routes(setup.upstream, "")
    );
    let config = || Config::from_toml(&text, "test.toml").expect("a sound configuration");
    let before = setup.serve_with(config(), false).await;
    let addresses = (before.redirect_addr(), before.local_addrs().to_vec());
    let after = setup.serve_with(config(), true).await;
    assert_eq!(
        addresses,
        (after.redirect_addr(), after.local_addrs().to_vec())
    );
    finish(before).await;
    let from = after.redirect_addr().expect("a redirect");
    let answer = send(from, request("GET", "/x", None, b"")).await;
    assert_eq!(answer.status(), 308);
    let https = after.local_addrs()[0].port();
    let here = format!("127.0.0.1:{}", from.port());
    let mut get = request("GET", "/x", None, b"");
    get.headers_mut().insert("host", here.parse().unwrap());
    let to = format!("https://127.0.0.1:{https}/x");
    assert_eq!(send(from, get).await.header("location"), Some(&*to));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_takes_over_from_the_one_before_whatever_its_number_of_workers() {
    let (upstream, mut arrivals, gate) = gated().await;
    let setup = Setup::new(upstream);
    let listen = "\"127.0.0.1:0\"";
    let mut running = setup.serve(listen, 3, false).await;
    let address = running.local_addrs()[0];
    for workers in [1, 5, 2] {
        let mut kept = TcpStream::connect(address).expect("as the test set it up");
        assert!(
            !ask(&mut kept)
                .expect("as the test set it up")
                .contains("connection: close")
        );
        let slow =
            tokio::spawn(async move { send(address, request("GET", "/free", None, b"")).await });
        arrivals.recv().await.expect("as the test set it up");

        let next = setup.serve(listen, workers, true).await;
        assert_eq!(next.local_addrs(), [address]);
        assert!(running.is_draining() && !next.is_draining());
        running.handed_over().await;
        ask_often(address).await;
        // The connection of before is good for one more request, and says so.
        assert!(
            ask(&mut kept)
                .expect("as the test set it up")
                .contains("connection: close")
        );

        assert!(!slow.is_finished());
        gate.add_permits(1);
        assert_eq!(slow.await.expect("as the test set it up").text(), "late");
        finish(running).await;
        assert_eq!(setup.sockets().len(), 1, "that of the one that runs");
        running = next;
    }
    ask_often(address).await;
    let stop = move || running.shutdown(Duration::from_secs(60));
    tokio::task::spawn_blocking(stop)
        .await
        .expect("as the test set it up");
    TcpStream::connect(address).unwrap_err();
    assert_eq!(setup.sockets(), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_new_are_bound_and_those_that_are_gone_are_closed() {
    let (upstream, _arrivals, _gate) = gated().await;
    let setup = Setup::new(upstream);
    let two = "\"127.0.0.1:0\", \"[::1]:0\"";
    let first = setup.serve(two, 2, false).await;
    let [stays, goes] = first.local_addrs()[..] else {
        panic!("two addresses");
    };
    let listen = format!("\"127.0.0.2:0\", \"{stays}\"");
    let second = setup.serve(&listen, 2, true).await;
    assert_eq!(second.local_addrs()[1], stays);
    ask_often(stays).await;
    ask_often(second.local_addrs()[0]).await;
    finish(first).await;
    TcpStream::connect(goes).unwrap_err();
    ask_often(stays).await;

    // An address that another program has: the upgrade fails, and nothing has changed.
    let other = std::net::TcpListener::bind("127.0.0.1:0").expect("as the test set it up");
    let listen = format!(
        "\"{stays}\", \"{}\"",
        other.local_addr().expect("as the test set it up")
    );
    let failed = setup
        .open(setup.config(&listen, 2), true)
        .await
        .unwrap_err();
    assert_eq!(failed.kind(), GatewayErrorKind::AddressInUse);
    assert!(!second.is_draining());
    ask_often(stays).await;
}

/// Speaks as the next process does, as far as the number of lines, and breaks off.
fn break_off_after(lines: usize, path: &Path) {
    let mut stream = UnixStream::connect(path).expect("as the test set it up");
    let said = [
        "{\"protocol\":1,\"version\":\"0.0.0\"}\n",
        "\"ready\"\n",
        "\"draining\"\n",
    ];
    let mut reader = BufReader::new(stream.try_clone().expect("as the test set it up"));
    for said in &said[..lines] {
        stream
            .write_all(said.as_bytes())
            .expect("as the test set it up");
        let mut answer = String::new();
        // The last of them is no step, and ends the connection.
        let _ = reader.read_line(&mut answer);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_breaks_off_at_any_step_changes_nothing() {
    let (upstream, _arrivals, _gate) = gated().await;
    let setup = Setup::new(upstream);
    let listen = "\"127.0.0.1:0\"";
    let running = setup.serve(listen, 2, false).await;
    let address = running.local_addrs()[0];
    let [path] = &setup.sockets()[..] else {
        panic!("one socket");
    };
    assert_eq!(
        path.metadata()
            .expect("as the test set it up")
            .permissions()
            .mode()
            & 0o777,
        0o600
    );
    for lines in 0..=3 {
        let path = path.clone();
        tokio::task::spawn_blocking(move || break_off_after(lines, &path))
            .await
            .expect("as the test set it up");
        ask_often(address).await;
        assert!(!running.is_draining(), "after {lines} lines");
    }
    // It has the sockets, more than before, and dies.
    let next = setup
        .open(setup.config(listen, 4), true)
        .await
        .expect("as the test set it up");
    ask_often(address).await;
    tokio::task::spawn_blocking(move || drop(next))
        .await
        .expect("as the test set it up");
    assert!(!running.is_draining());
    ask_often(address).await;
    // One that does not break off takes over all the same.
    let next = setup.serve(listen, 2, true).await;
    finish(running).await;
    ask_often(next.local_addrs()[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_dies_while_it_hands_over_leaves_its_queue() {
    let (upstream, _arrivals, _gate) = gated().await;
    let setup = Setup::new(upstream);
    let listen = "\"127.0.0.1:0\"";
    let running = setup.serve(listen, 2, false).await;
    let address = running.local_addrs()[0];
    let next = setup
        .open(setup.config(listen, 2), true)
        .await
        .expect("as the test set it up");
    tokio::task::spawn_blocking(move || drop(running))
        .await
        .expect("as the test set it up");
    // Connected, and nobody accepts.
    let waiting: Vec<_> = (0..MANY)
        .map(|_| TcpStream::connect(address).expect("a queue"))
        .collect();
    let served = tokio::task::spawn_blocking(move || {
        next.take_over();
        for mut socket in waiting {
            ask(&mut socket).expect("an answer");
        }
        next
    });
    let next = served.await.expect("no panic");
    assert_eq!(next.local_addrs(), [address]);

    // Before it has given the sockets away, there is nothing to serve with.
    let fake = Setup::new(upstream);
    std::fs::create_dir(fake.folder.path().join("run")).expect("as the test set it up");
    let path = fake.folder.path().join("run/upgrade-0.sock");
    let listener = UnixListener::bind(path).expect("as the test set it up");
    let dying = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("as the test set it up");
        let mut reader = BufReader::new(stream.try_clone().expect("as the test set it up"));
        let (mut hello, mut ready) = (String::new(), String::new());
        reader.read_line(&mut hello).expect("as the test set it up");
        let offer = b"{\"refused\":null,\"version\":\"0\",\"addresses\":[]}\n";
        stream.write_all(offer).expect("as the test set it up");
        reader.read_line(&mut ready).expect("as the test set it up");
        assert_eq!(ready, "\"ready\"\n");
    });
    let failed = fake.open(fake.config(listen, 1), true).await.unwrap_err();
    dying.join().expect("as the test set it up");
    assert_eq!(failed.kind(), GatewayErrorKind::Upgrade);
    assert!(failed.to_string().contains("it has ended"), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_is_found_by_its_address_or_is_the_only_one() {
    let (upstream, _arrivals, _gate) = gated().await;
    let setup = Setup::new(upstream);
    let find = |listen: &str| {
        let (config, home) = (setup.config(listen, 1), setup.home());
        let found = std::thread::spawn(move || Upgrade::find(&config, &home).map(drop));
        let found = found.join().expect("no panic");
        found.map_err(|error| error.to_string())
    };
    let text = find("\"127.0.0.1:0\"").unwrap_err();
    assert!(text.contains("start this one without --upgrade"), "{text}");
    // Left by a process that was killed; the next start removes it.
    std::fs::create_dir(setup.folder.path().join("run")).expect("as the test set it up");
    let path = setup.folder.path().join("run/upgrade-dead.sock");
    drop(UnixListener::bind(&path).expect("as the test set it up"));
    find("\"127.0.0.1:0\"").unwrap_err();

    let first = setup.serve("\"127.0.0.1:0\"", 1, false).await;
    assert!(!path.exists());
    find("\"127.0.0.2:0\"").expect("the only one");
    let second = setup.serve("\"127.0.0.2:0\"", 1, false).await;
    find("\"127.0.0.1:0\"").expect("the first, as its file names it");
    let real = format!("\"{}\"", second.local_addrs()[0]);
    find(&real).expect("the second, by its port");
    let text = find("\"127.0.0.3:0\"").unwrap_err();
    assert!(text.contains("several gateways"), "{text}");
    drop(first);

    let third = Setup::new(upstream);
    let gateway = third.open(third.config("\"127.0.0.1:0\"", 1), false).await;
    let gateway = gateway.expect("as the test set it up");
    gateway.take_over();
    gateway.wait_for_upgrade(&third.home(), Some("it holds its node".to_owned()));
    let refused = third.open(third.config("\"127.0.0.1:0\"", 1), true).await;
    assert_eq!(refused.unwrap_err().to_string(), "it holds its node");
    assert!(!gateway.is_draining());
}
