//! Names that change their address between the check and the connection: with a resolver of the test, and with
//! that of the system in a network namespace of its own.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use l402_registry::{Ask, Fetcher, Reachable};

use crate::raw_server::{RawServer, answer, path};

/// The address that may be asked. It stands for a public one.
const GOOD: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

/// The address that may not be asked. It stands for one of the registry's own network.
const BAD: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 1));

/// A server at the good address and one at the bad address, on the same port.
async fn servers() -> (RawServer, RawServer) {
    loop {
        let bad = RawServer::start(|_| answer(200, "", "secret")).await;
        let address = (GOOD, bad.address.port()).into();
        let good = RawServer::start_at(address, |request| match path(request) {
            "/again" => answer(302, "location: /\r\n", ""),
            _ => answer(200, "", "good"),
        });
        if let Some(good) = good.await {
            return (good, bad);
        }
    }
}

/// A way to the good address, with a resolver that gives these answers, the last of them for ever.
fn fetcher(answers: Vec<Vec<IpAddr>>) -> (Fetcher, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let fetcher = Fetcher::new(Reachable {
        allowed: vec![GOOD.to_string().parse().expect("an address")],
        ..Reachable::default()
    });
    let fetcher = fetcher.with_resolver(move |_| {
        let at = count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        let found = answers[at].clone();
        Box::pin(async move { Ok(found) })
    });
    (fetcher, asked)
}

fn ask(good: &RawServer, path: &str) -> Ask {
    let url = format!("http://rebind.example:{}{path}", good.address.port());
    Ask::new(Method::GET, url.parse().expect("a URL"))
}

// ATTACKS G-03: the first answer of DNS is public, and every later one is private.
#[tokio::test]
async fn the_connection_goes_to_the_address_that_was_checked() {
    let (good, bad) = servers().await;
    let (fetcher, asked) = fetcher(vec![vec![GOOD], vec![BAD]]);
    let fetched = fetcher.fetch(ask(&good, "/")).await.expect("an answer");
    assert_eq!(fetched.body, b"good");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // The name is looked up anew for another request, and refused.
    let refused = fetcher.fetch(ask(&good, "/")).await.err();
    assert_eq!(refused.expect("a refusal").code(), "private_address");
    assert!(bad.requests().is_empty());
}

// ATTACKS G-03: the name changes its address between a redirect and its target.
#[tokio::test]
async fn the_target_of_a_redirect_to_the_same_name_is_looked_up_and_checked_anew() {
    let (good, bad) = servers().await;
    let (fetcher, asked) = fetcher(vec![vec![GOOD], vec![BAD]]);
    let refused = fetcher.fetch(ask(&good, "/again")).await.err();
    assert_eq!(refused.expect("a refusal").code(), "private_address");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert_eq!((good.requests().len(), bad.requests().len()), (1, 0));
}

// ATTACKS G-03: a name with a public and a private address at once.
#[tokio::test]
async fn one_private_address_of_a_name_is_enough_to_refuse_it() {
    let (good, bad) = servers().await;
    for both in [vec![GOOD, BAD], vec![BAD, GOOD]] {
        let (fetcher, _) = fetcher(vec![both]);
        let refused = fetcher.fetch(ask(&good, "/")).await.err();
        assert_eq!(refused.expect("a refusal").code(), "private_address");
    }
    assert_eq!((good.requests().len(), bad.requests().len()), (0, 0));
}

/// Set in the process that has a network of its own.
#[cfg(target_os = "linux")]
const INSIDE: &str = "L402_REBINDING_INSIDE";

/// Makes a network of one machine, which has a public and a private address and asks itself for names.
#[cfg(target_os = "linux")]
const SCRIPT: &str = "ip link set lo up && ip address add 1.2.3.4/32 dev lo \
    && ip address add 10.9.8.7/32 dev lo && mount --bind \"$2\" /etc/resolv.conf || exit 99
    exec \"$1\" --exact rebinding::the_resolver_of_the_system_is_asked_once_for_a_connection --nocapture";

// ATTACKS G-03: DNS itself answers with a TTL of 0, public first, private after it.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_resolver_of_the_system_is_asked_once_for_a_connection() {
    if std::env::var_os(INSIDE).is_some() {
        return inside().await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let resolver = folder.path().join("resolv.conf");
    std::fs::write(
        &resolver,
        "nameserver 127.0.0.1\noptions attempts:1 timeout:2\n",
    )
    .expect("written");
    let test = std::env::current_exe().expect("the test itself");
    let ran = std::process::Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--net",
            "--mount",
            "sh",
            "-c",
            SCRIPT,
            "sh",
        ])
        .args([&test, &resolver])
        .env(INSIDE, "1")
        .output();
    // Some systems let nobody but root do this, and some do not have the programs.
    let is_possible = |ran: &std::process::Output| {
        ran.status.code() != Some(99) && !ran.stderr.starts_with(b"unshare:")
    };
    match ran {
        Ok(ran) if is_possible(&ran) => {
            let said = String::from_utf8_lossy(&ran.stdout);
            assert!(ran.status.success() && said.contains("1 passed"), "{ran:?}");
        }
        ran => eprintln!("left out, for no network namespace can be made here: {ran:?}"),
    }
}

#[cfg(target_os = "linux")]
async fn inside() {
    let dns = tokio::net::UdpSocket::bind("127.0.0.1:53")
        .await
        .expect("the port of DNS");
    tokio::spawn(lying_dns(dns));
    let address = |text: &str| text.parse().expect("an address");
    let good =
        RawServer::start_tls_at(
            address("1.2.3.4:443"),
            "rebind.example",
            30,
            |request| match path(request) {
                "/again" => answer(302, "location: /\r\n", ""),
                _ => answer(200, "", "good"),
            },
        );
    let (good, root) = good.await;
    let bad = RawServer::start_at(address("10.9.8.7:443"), |_| answer(200, "", "secret")).await;
    let bad = bad.expect("a port");
    let fetcher = Fetcher::new(Reachable::default()).with_more_roots([root]);
    let ask = |url: &str| Ask::new(Method::GET, url.parse().expect("a URL"));
    // Each name is public for its first question alone.
    let once = fetcher
        .fetch(ask("https://rebind.example/"))
        .await
        .expect("an answer");
    assert_eq!(once.body, b"good");
    for url in ["https://rebind.example/", "https://rebind.example/again"] {
        let refused = fetcher.fetch(ask(url)).await.err();
        assert_eq!(
            refused.expect("a refusal").code(),
            "private_address",
            "{url}"
        );
    }
    assert_eq!((good.requests().len(), bad.requests().len()), (1, 0));
}

/// Answers the first question for an address with a public one, and every later one with a private one.
#[cfg(target_os = "linux")]
async fn lying_dns(socket: tokio::net::UdpSocket) {
    let mut asked = 0;
    let mut packet = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut packet).await {
        // The question ends with a zero, its type and its class; what is behind it is left out.
        let name = packet[12..length]
            .iter()
            .position(|byte| *byte == 0)
            .expect("a name");
        let end = 12 + name + 5;
        let is_a = packet[12 + name + 2] == 1;
        let mut answer = packet[..end].to_vec();
        answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
        if is_a {
            asked += 1;
            let ip = if asked == 1 {
                [1, 2, 3, 4]
            } else {
                [10, 9, 8, 7]
            };
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
            answer.extend(ip);
        }
        let _gone = socket.send_to(&answer, from).await;
    }
}
