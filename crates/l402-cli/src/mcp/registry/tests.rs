//! Registries on this machine, in the shapes of those that exist, and what is made of their answers.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use l402_client::{Client, Journal};
use url::Url;

use super::service::Health;
use super::{Check, Found, Query, Registries, Service, check};
use crate::buyer::{RegistrySettings, RegistryShape};
use crate::mcp::download::Download;

/// A registry that gives the same answer to everybody, and notes the targets that it is asked for.
struct Fixture {
    url: Url,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fixture {
    fn start(head: &str, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/api/v1", listener.local_addr().unwrap());
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let head: Vec<_> = lines
                    .map_while(Result::ok)
                    .take_while(|it| !it.is_empty())
                    .collect();
                noted.lock().unwrap().push(head.join("\n"));
                // One that reads no more, since the answer is too long, is no failure of the fixture.
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        let url = url.parse().unwrap();
        Self { url, asked }
    }

    fn json(body: &serde_json::Value) -> Self {
        Self::start(
            "200 OK\r\ncontent-type: application/json",
            &body.to_string(),
        )
    }

    fn named(&self, name: &str, shape: RegistryShape) -> RegistrySettings {
        RegistrySettings {
            name: name.to_owned(),
            url: self.url.clone(),
            shape,
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn search(registries: &[RegistrySettings], query: &Query) -> Found {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::builder(Journal::open(folder.path()).unwrap())
        .build()
        .unwrap();
    let registries = Registries::new(registries, &Download::new(client, Vec::new()));
    assert!(!registries.is_empty());
    registries.search(query).await
}

fn query(text: &str) -> Query {
    Query {
        text: text.to_owned(),
        limit: 10,
        ..Query::default()
    }
}

fn index402() -> Fixture {
    Fixture::json(&serde_json::json!({
        "services": [
            {
                "id": "7", "name": "Weather", "description": "Rain or not", "protocol": "L402",
                "url": "https://weather.example/v1/now#top", "price_sats": 3, "price_usd": 0.002,
                "category": "data/weather", "health_status": "healthy", "http_method": "post",
            },
            {"name": "x", "url": "https://x.example/", "protocol": "x402", "price_sats": 1},
            {"name": "Down", "url": "https://down.example/", "protocol": "L402", "health_status": "down"},
            {"name": "File", "url": "file:///etc/passwd", "protocol": "L402"},
            {"name": "Login", "url": "https://a:b@c.example/", "protocol": "L402"},
            {
                "name": "Shared", "url": "https://shared.example/a/", "protocol": "L402",
                "price_sats": 10.2, "category": "ai", "health_status": "degraded",
            },
            "no object", null,
        ],
        "total": 8, "limit": 10, "offset": 0,
    }))
}

fn satring() -> Fixture {
    Fixture::json(&serde_json::json!({
        "services": [
            {
                "id": 1, "slug": "shared", "name": "Shared, too", "url": "https://shared.example/a",
                "description": "", "protocol": "L402+x402", "pricing_sats": 12, "status": "live",
                "categories": [{"id": 1, "name": "AI/ML", "slug": "ai-ml", "description": ""}],
            },
            {
                "id": 2, "slug": "cards", "name": "Cards", "url": "https://cards.example/",
                "protocol": "MPP", "mpp_method": "stripe", "pricing_sats": 0,
            },
            {
                "id": 3, "slug": "maps", "name": "Maps", "url": "https://maps.example/", "status": "live",
                "protocol": "MPP", "mpp_method": "lightning", "pricing_sats": 5, "categories": [],
            },
        ],
        "total": 3, "page": 1, "page_size": 10,
    }))
}

#[tokio::test]
async fn both_shapes_are_read_and_merged() {
    let (a, b) = (index402(), satring());
    let registries = [
        a.named("a", RegistryShape::Index402),
        b.named("b", RegistryShape::Satring),
    ];
    let found = search(&registries, &query("rain & snow")).await;
    assert_eq!(found.answered, ["a", "b"]);
    assert!(found.failed.is_empty());
    let names: Vec<_> = found
        .services
        .iter()
        .map(|it| (&*it.name, &it.registries[..]))
        .collect();
    let list = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        names,
        [
            ("Weather", &list(&["a"])[..]),
            ("Shared, too", &list(&["b", "a"])[..]),
            ("Maps", &list(&["b"])[..]),
        ]
    );
    let weather = &found.services[0];
    assert_eq!(weather.url.as_str(), "https://weather.example/v1/now");
    assert_eq!((weather.method, weather.price_sat), ("POST", Some(3)));
    assert_eq!(
        (weather.health, weather.category.as_deref()),
        (Health::Healthy, Some("data/weather"))
    );
    let asked = a.asked().remove(0);
    assert!(
        asked.starts_with("GET /api/v1/services?q=rain+%26+snow&protocol=L402&limit=10 HTTP/1.1"),
        "{asked}"
    );
    let asked = b.asked().remove(0);
    assert!(
        asked.starts_with("GET /api/v1/search?q=rain+%26+snow&page_size=10 HTTP/1.1"),
        "{asked}"
    );
}

#[tokio::test]
async fn price_category_and_limit_are_checked_here() {
    let (a, b) = (index402(), satring());
    let registries = [
        a.named("a", RegistryShape::Index402),
        b.named("b", RegistryShape::Satring),
    ];
    for (category, max_price_sat, limit, expected) in [
        (Some("data"), None, 10, &["Weather"][..]),
        (Some("dat"), None, 10, &[]),
        (None, Some(5), 10, &["Weather", "Maps"]),
        (None, Some(2), 10, &[]),
        (None, None, 2, &["Weather", "Shared, too"]),
    ] {
        let query = Query {
            text: "it".to_owned(),
            category: category.map(str::to_owned),
            max_price_sat,
            limit,
        };
        let found = search(&registries, &query).await;
        let names: Vec<_> = found.services.iter().map(|it| &*it.name).collect();
        assert_eq!(names, expected, "{query:?}");
    }
    assert!(a.asked()[0].contains("&category=data"));
}

#[tokio::test]
async fn without_words_the_list_is_asked_for() {
    let (a, b) = (index402(), satring());
    let registries = [
        a.named("a", RegistryShape::Index402),
        b.named("b", RegistryShape::Satring),
    ];
    let query = Query {
        category: Some("ai-ml".to_owned()),
        ..query(" ")
    };
    let found = search(&registries, &query).await;
    assert_eq!(found.services.len(), 1);
    let asked = a.asked().remove(0);
    let line = "GET /api/v1/services?protocol=L402&limit=30&category=ai-ml HTTP/1.1";
    assert!(asked.starts_with(line), "{asked}");
    let asked = b.asked().remove(0);
    let line = "GET /api/v1/services?page_size=30&category=ai-ml HTTP/1.1";
    assert!(asked.starts_with(line), "{asked}");
}

#[tokio::test]
async fn a_registry_that_fails_is_named_and_the_others_answer() {
    let good = satring();
    let long = format!(
        "{{\"services\": [], \"x\": \"{}\"}}",
        "a".repeat(1024 * 1024)
    );
    let private = "302 Found\r\nlocation: http://192.168.0.1/";
    let metadata = "302 Found\r\nlocation: http://169.254.169.254/latest/meta-data/";
    for (head, body, told) in [
        (
            "500 Internal Server Error",
            "secret words",
            "it answered 500",
        ),
        ("402 Payment Required", "{}", "it asks to be paid"),
        ("429 Too Many Requests", "{}", "asked too often"),
        ("200 OK", "<html>", "no JSON"),
        ("200 OK", "{\"items\": []}", "not of the shape"),
        ("200 OK", &long, "longer than 1 MiB"),
        (private, "", "private address"),
        (metadata, "", "private address"),
        (
            "302 Found\r\nlocation: file:///etc/passwd",
            "",
            "only https and http",
        ),
        (
            "302 Found\r\nlocation: /api/v1/again",
            "",
            "redirects too often",
        ),
    ] {
        let bad = Fixture::start(head, body);
        let registries = [
            bad.named("bad", RegistryShape::Satring),
            good.named("good", RegistryShape::Satring),
        ];
        let found = search(&registries, &query("maps")).await;
        assert_eq!(found.answered, ["good"], "{head}");
        assert_eq!(found.services.len(), 2, "{head}");
        let [(name, why)] = &found.failed[..] else {
            panic!("{head}: {found:?}")
        };
        assert_eq!(name, "bad");
        assert!(why.contains(told), "{head}: {why}");
        assert!(!why.contains("secret"), "{why}");
    }
}

#[tokio::test]
async fn one_that_is_not_there_or_never_ends_is_named() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let named = |name: &str, address: std::net::SocketAddr| RegistrySettings {
        name: name.to_owned(),
        url: format!("http://{address}/?key=hidden").parse().unwrap(),
        shape: RegistryShape::Index402,
    };
    let registries = [
        named("gone", gone),
        named("silent", silent.local_addr().unwrap()),
    ];
    let found = search(&registries, &query("maps")).await;
    let failed = format!("{:?}", found.failed);
    assert!(
        failed.contains("cannot be reached") && failed.contains("within 5 s"),
        "{failed}"
    );
    assert!(!failed.contains("hidden"), "{failed}");
}

#[tokio::test]
async fn a_registry_of_ours_says_what_it_observed() {
    let entry = |name: &str, more: serde_json::Value| {
        let mut entry = serde_json::json!({
            "name": name, "description": "", "url": format!("https://{name}.example/"),
            "http_method": "GET", "protocol": "L402", "price_sats": 9, "state": "up",
            "category": "data/weather", "observed": null, "owner": null,
        });
        let more = more.as_object().unwrap().clone();
        entry.as_object_mut().unwrap().extend(more);
        entry
    };
    let seen = serde_json::json!({
        "observed": { "price_msat": 2_001 }, "owner": { "proof": "file" },
    });
    let ours = Fixture::json(&serde_json::json!({
        "services": [
            entry("seen", seen),
            entry("claimed", serde_json::json!({ "state": "unknown", "owner": { "proof": "magic" } })),
            entry("down", serde_json::json!({ "state": "down" })),
            entry("free", serde_json::json!({ "state": "not_402" })),
            entry("coin", serde_json::json!({ "protocol": "x402" })),
        ],
        "total": 5, "limit": 10, "next": null,
    }));
    let query = Query {
        category: Some("Data".to_owned()),
        max_price_sat: Some(10),
        ..query("rain")
    };
    let found = search(&[ours.named("ours", RegistryShape::L402)], &query).await;
    let told = found.services.iter();
    let told: Vec<_> = told
        .map(|it| {
            (
                &*it.name,
                it.price_sat,
                it.is_price_observed,
                it.owner_proof,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("seen", Some(3), true, Some("file")),
            ("claimed", Some(9), false, None)
        ]
    );
    let asked = ours.asked().remove(0);
    let line = "GET /api/v1/services?q=rain&limit=30&max_price_sat=10&category=data HTTP/1.1";
    assert!(asked.starts_with(line), "{asked}");
}

// ATTACKS G-10: what is about to be shown is asked first, within bounds, and nowhere that the agent may not go.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_asked_for_its_price_before_it_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (joke, _) = l402_testkit::joke_stall(folder.path());
    let free = Fixture::start("200 OK", "{}");
    let wrong = Fixture::start(
        "402 Payment Required\r\nwww-authenticate: L402 macaroon=\"AgEE\", invoice=\"lnbc1\"",
        "",
    );
    let service = |url: &str, method| Service {
        name: String::new(),
        description: String::new(),
        url: url.parse().unwrap(),
        method,
        price_sat: None,
        is_price_observed: false,
        owner_proof: None,
        category: None,
        health: Health::Unknown,
        registries: Vec::new(),
    };
    let client = Client::builder(Journal::open(folder.path()).unwrap())
        .allow_addresses(["127.0.0.0/8".parse().unwrap()])
        .build()
        .unwrap();
    let download = Download::new(client, Vec::new());
    let services = [
        service(&joke, "GET"),
        service(free.url.as_str(), "GET"),
        service(wrong.url.as_str(), "GET"),
        service("http://192.168.0.1/", "GET"),
        service("http://127.0.0.1:9/elsewhere", "GET"),
        service(free.url.as_str(), "GET"),
    ];
    let now = l402_host::Clock::wall(&l402_host::SystemClock::default());
    let checks = check(&services, &download, now, |url| url.path() != "/elsewhere").await;
    assert_eq!(checks[0], Check::Price(l402::Msat::from_sat(50)));
    assert_eq!(checks[1], Check::Free);
    assert!(matches!(checks[2], Check::Unsound(_)), "{checks:?}");
    assert!(matches!(&checks[3], Check::NoPrice(why) if why.contains("private address")));
    assert!(matches!(checks[4], Check::NotAsked(_)), "{checks:?}");
    assert!(matches!(checks[5], Check::NotAsked(_)), "{checks:?}");
    assert_eq!(free.asked().len(), 1);
}
