//! The rule, and a client that keeps it against a resolver that lies.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::http::{Guard, Hop, Http, Outgoing};
use crate::{Error, Refused, Request};

fn reach(allowed: &[&str]) -> Reach {
    let allowed = allowed.iter().map(|text| text.parse().unwrap());
    Reach::new(allowed.collect(), vec!["Proxy.example".into()])
}

fn lookup<F>(lookup: F) -> Lookup
where
    F: Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync + 'static,
{
    Arc::new(lookup)
}

fn may(reach: &Reach, typed: &str, url: &str) -> bool {
    let typed = TypedAddress::of(&typed.parse().unwrap());
    reach.check(&url.parse().unwrap(), typed).is_ok()
}

const PRIVATE: [&str; 15] = [
    "http://10.0.0.1/",
    "http://100.64.0.1/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://2130706433/",
    "http://127.1/",
    "http://169.254.169.254/latest/meta-data",
    "http://0.0.0.0/",
    "http://224.0.0.1/",
    "http://[::1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[64:ff9b::10.0.0.1]/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1]/",
    "http://localhost./",
];

/// ATTACKS C-36.
#[test]
fn a_redirect_reaches_no_private_address_however_it_is_written() {
    let nothing_allowed = reach(&[]);
    for url in PRIVATE {
        assert!(!may(&nothing_allowed, "http://shop.example/", url), "{url}");
        // What a person typed is what a person means.
        assert!(may(&nothing_allowed, url, url), "{url}");
        assert!(!may(&nothing_allowed, "http://10.9.9.9/", url), "{url}");
    }
    assert!(may(
        &nothing_allowed,
        "http://localhost/",
        "http://127.0.0.2:1/"
    ));
    assert!(may(
        &nothing_allowed,
        "http://127.0.0.1/",
        "http://a.localhost/"
    ));
    assert!(may(
        &nothing_allowed,
        "http://shop.example/",
        "http://1.1.1.1/"
    ));
}

/// ATTACKS C-36: what a stranger asks a proxy for, whose tunnel is a connection of its own.
#[tokio::test]
async fn what_nobody_typed_leads_to_public_and_allowed_addresses_alone() {
    let asked = async |allowed: &[&str], url: &str, is_typed| {
        let mut reach = reach(allowed);
        reach.lookup = lookup(|name| {
            let ip = if name == "shop.example" {
                [1, 1, 1, 1]
            } else {
                [169, 254, 169, 254]
            };
            Box::pin(async move { Ok(vec![SocketAddr::from((ip, 0))]) })
        });
        let guard = Guard::new(vec![("1.1.1.1".to_owned(), 8403)]);
        let http = Http::new(Duration::ZERO, guard, reach, Outgoing::default()).unwrap();
        let own = Guard::new(vec![("1.1.1.1".to_owned(), 8404)]);
        http.addresses(&url.parse().unwrap(), &own, is_typed).await
    };
    for url in PRIVATE {
        let refused = asked(&[], url, false).await;
        assert_eq!(refused.unwrap_err().code(), "private_address", "{url}");
        assert!(asked(&[], url, true).await.is_ok(), "{url}");
    }
    for is_typed in [false, true] {
        let refused = asked(&[], "http://rebind.example:80/", is_typed).await;
        assert_eq!(refused.unwrap_err().code(), "private_address");
        for own in ["http://shop.example:8403/", "http://shop.example:8404/"] {
            let own = asked(&[], own, is_typed).await;
            assert_eq!(own.unwrap_err().code(), "own_address");
        }
        let public = asked(&[], "http://shop.example:81/", is_typed).await;
        assert_eq!(public.unwrap(), ["1.1.1.1:81".parse().unwrap()]);
    }
    let allowed = asked(&["169.254.0.0/16"], "http://rebind.example/", false).await;
    assert_eq!(allowed.unwrap(), ["169.254.169.254:80".parse().unwrap()]);
}

#[test]
fn what_is_allowed_is_a_host_or_a_network() {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    for (allowed, ip, holds) in [
        ("10.0.0.0/8", "10.255.0.1", true),
        ("10.0.0.0/8", "11.0.0.1", false),
        ("10.0.0.0/8", "::ffff:10.0.0.1", true),
        ("10.0.0.1", "10.0.0.1", true),
        ("10.0.0.1", "10.0.0.2", false),
        ("0.0.0.0/0", "127.0.0.1", true),
        ("0.0.0.0/0", "::1", false),
        ("fd00::/8", "fd12::1", true),
        ("[fd00::1]", "fd00::1", true),
        ("fd00::1", "fd00::2", false),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1", true),
        ("127.1", "127.0.0.1", true),
        ("localhost", "127.0.0.1", true),
        ("localhost", "10.0.0.1", false),
        ("printer.lan", "10.0.0.1", false),
    ] {
        let rule: AllowedAddress = allowed.parse().unwrap();
        assert_eq!(rule.holds(address(ip)), holds, "{allowed} {ip}");
    }
    for text in [
        "",
        "/",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/+8",
        "10.0.0.0/8/8",
        "a b",
        "a@b",
        "a:80",
        "a?b",
        "[::1]:80",
        "fd00::1%1",
        "printer.lan/8",
        "::/129",
    ] {
        assert!(text.parse::<AllowedAddress>().is_err(), "{text}");
    }
}

#[test]
fn one_private_address_of_a_name_is_enough() {
    let found = |ips: &[&str]| {
        let ips = ips.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0));
        ips.collect::<Vec<_>>()
    };
    let nothing_allowed = reach(&[]);
    assert!(
        nothing_allowed
            .checked("a.example", found(&["1.1.1.1"]))
            .is_ok()
    );
    for ip in [
        "127.0.0.1",
        "10.0.0.1",
        "::1",
        "64:ff9b::7f00:1",
        "169.254.169.254",
    ] {
        let both = || found(&["1.1.1.1", ip]);
        assert!(
            nothing_allowed.checked("a.example", both()).is_err(),
            "{ip}"
        );
        assert!(reach(&["A.example."]).checked("a.example", both()).is_ok());
        assert!(reach(&["b.example"]).checked("a.example", both()).is_err());
        assert!(nothing_allowed.checked("proxy.example", both()).is_ok());
    }
    assert!(
        reach(&["10.0.0.0/8"])
            .checked("a.example", found(&["10.0.0.1"]))
            .is_ok()
    );
}

#[tokio::test]
async fn no_resolver_is_asked_for_a_name_of_this_machine() {
    let mut here = reach(&[]);
    here.lookup = lookup(|name| panic!("asked for {name}"));
    for name in ["localhost", "LOCALHOST", "a.localhost"] {
        let found = here.resolve(name.parse().unwrap()).await.unwrap();
        let found: Vec<_> = found.map(|it| it.ip().is_loopback()).collect();
        assert_eq!(found, [true, true], "{name}");
    }
}

/// A client whose resolver finds one private address for each name.
fn misled(outgoing: Outgoing) -> Http {
    let mut misled = reach(&["allowed.onion"]);
    misled.lookup =
        lookup(|_| Box::pin(async { Ok(vec![SocketAddr::new([10, 9, 8, 7].into(), 0)]) }));
    let guard = Guard::new(Vec::new());
    let http = Http::new(Duration::from_secs(5), guard, misled, outgoing);
    http.unwrap_or_else(|error| panic!("{error}"))
}

async fn hop(url: &str) -> Hop {
    let request = Request::get(url.parse().unwrap());
    let spool = crate::http::Spool::new("unused".into());
    Hop::first(request, &spool).await.unwrap()
}

async fn error_of(http: &Http, hop: &Hop) -> Error {
    match http.ask(hop).await {
        Ok(answer) => panic!("{answer:?}"),
        Err(error) => error.into(),
    }
}

fn is_private(error: &Error) -> bool {
    matches!(error, Error::Refused { reason, .. } if *reason == Refused::PrivateAddress)
}

/// ATTACKS C-36. A flag that names a place names no address that others choose.
#[tokio::test]
async fn a_way_to_a_name_reaches_no_private_address() {
    let to_name = (Some("b.example"), None);
    let by_name = Outgoing::default().with_connect_to((None, None), to_name);
    let error = error_of(&misled(by_name), &hop("http://a.example/").await).await;
    assert!(is_private(&error), "{error}");
    let to_port = (None, Some(81));
    let by_port = || Outgoing::default().with_connect_to((None, None), to_port);
    let error = error_of(&misled(by_port()), &hop("http://a.example/").await).await;
    assert!(is_private(&error), "{error}");
    // The host stays that of the URL, which a redirect has chosen.
    let to = http::HeaderValue::from_static("http://10.0.0.1/");
    let headers = http::HeaderMap::from_iter([(http::header::LOCATION, to)]);
    let first = hop("http://a.example/").await;
    let led = first
        .next(http::StatusCode::FOUND, &headers, false)
        .unwrap();
    let error = error_of(&misled(by_port()), &led).await;
    assert!(is_private(&error), "{error}");
}

/// Counts the requests that somebody else is to send.
#[derive(Default)]
struct Counting(AtomicUsize);

impl crate::http::Transport for Counting {
    fn execute(&self, _: reqwest::Request) -> BoxFuture<'_, Result<reqwest::Response, NoResponse>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Err(NoResponse::Other("sent".into())) })
    }
}

/// ATTACKS C-36.
#[tokio::test]
async fn a_connection_of_somebody_else_is_checked_before_it_is_made() {
    let counting = Arc::new(Counting::default());
    let http = misled(Outgoing::default()).over(counting.clone());
    let error = error_of(&http, &hop("http://a.example/").await).await;
    assert!(is_private(&error), "{error}");
    let error = error_of(&http, &hop("http://a.onion/").await).await;
    assert!(error.to_string().contains("socks5h://"), "{error}");
    assert_eq!(counting.0.load(Ordering::SeqCst), 0);
    for (at, url) in [
        "http://10.0.0.1/",
        "http://localhost/",
        "http://allowed.onion/",
    ]
    .into_iter()
    .enumerate()
    {
        let error = error_of(&http, &hop(url).await).await;
        assert!(error.to_string().contains("sent"), "{url}: {error}");
        assert_eq!(counting.0.load(Ordering::SeqCst), at + 1, "{url}");
    }
    // One that is not found here may be found by the service that connects.
    let mut lost = reach(&[]);
    lost.lookup = lookup(|_| Box::pin(async { Err(io::ErrorKind::NotFound.into()) }));
    let url = "http://a.example/".parse().unwrap();
    assert!(lost.check_name(&url).await.is_ok());
}

/// The answers of the resolver to the test below.
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// ATTACKS C-36. The name is public when it is asked for the first time, and this machine after it.
#[tokio::test]
async fn a_name_that_changes_its_address_is_not_connected_to() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut lying = reach(&[]);
    lying.lookup = lookup(|_| {
        // The address of a network that exists in documents alone would be refused, too.
        let ip = match ASKED.fetch_add(1, Ordering::SeqCst) {
            0 => IpAddr::from([1, 1, 1, 1]),
            _ => Ipv4Addr::LOCALHOST.into(),
        };
        Box::pin(async move { Ok(vec![SocketAddr::new(ip, 0)]) })
    });
    let first = lying.resolve("rebinds.example".parse().unwrap()).await;
    assert!(first.is_ok());
    let guard = Guard::new(Vec::new());
    let http = Http::new(Duration::from_secs(5), guard, lying, Outgoing::default());
    let http = http.unwrap_or_else(|error| panic!("{error}"));
    let url = format!("http://rebinds.example:{port}/").parse().unwrap();
    let hop = Hop::first(Request::get(url), &crate::http::Spool::new("unused".into())).await;
    let Err(refused) = http.ask(&hop.unwrap()).await else {
        panic!("an answer");
    };
    let error = Error::from(refused);
    let reason = Refused::PrivateAddress;
    assert!(
        matches!(&error, Error::Refused { reason: it, .. } if *it == reason),
        "{error}"
    );
    assert_eq!(ASKED.load(Ordering::SeqCst), 2);
    let nobody = tokio::time::timeout(Duration::from_millis(1), listener.accept()).await;
    assert!(nobody.is_err());
}
