//! The documents in which the gateway says what it sells: always what it charges, at no cost, and of nothing that is
//! left out.

use std::collections::BTreeSet;

use l402::Invoice;
use serde_json::Value;

use crate::harness::{
    GatewayUnderTest, QUIET, describe, request, routes, send, serve, upstream, whole,
};

const OPENAPI: &str = "/openapi.json";
const LLMS: &str = "/llms.txt";
const SERVICES: &str = "/.well-known/l402-services";
const ENDPOINTS: &str = "/.well-known/l402.json";
const ALL: [&str; 4] = [OPENAPI, LLMS, SERVICES, ENDPOINTS];

/// A shop with prices of every kind, a route that is left out, and free ones.
fn shop(upstream: std::net::SocketAddr, joke: &str, more: &str) -> String {
    let route = |lines: &str| format!("[[route]]\nupstream = \"http://{upstream}\"\n{lines}\n");
    let lines = [
        format!("path = \"/joke\"\nprice = \"{joke}\"\nmethods = [\"GET\", \"POST\"]\ntitle = \"A joke\""),
        "path = \"/odd\"\nprice = \"1500 msat\"\npolicy = \"uses=10\"".to_owned(),
        "path = \"/hour\"\nprice = \"7 sat\"\npolicy = \"time=1h\"\ndescription = \"All you can ask.\\nFor an hour.\"".to_owned(),
        "path = \"/ask\"\nprice = \"2 sat\"\nmethods = [\"POST\"]\nrequest_schema = { type = \"object\", required = [\"prompt\"], properties = { prompt = { type = \"string\" }, n = { type = [\"integer\", \"null\"] } } }".to_owned(),
        "path = \"/user/{id}\"\nprice = \"3 sat\"".to_owned(),
        "path = \"/files/{*rest}\"\nprice = \"4 sat\"\nmethods = [\"GET\"]".to_owned(),
        "path = \"/secret\"\nprice = \"99 sat\"\npublish = false\ntitle = \"Hush\"".to_owned(),
        "path = \"/silent\"\nfree = true".to_owned(),
        "path = \"/health\"\nfree = true\npublish = true\nmethods = [\"GET\"]".to_owned(),
    ];
    let routes: String = lines.iter().map(|lines| route(lines)).collect();
    format!("{QUIET}{more}\n{routes}")
}

/// Returns the price in an unpaid answer, out of the signed invoice.
async fn charged(server: &GatewayUnderTest, method: &str, path: &str) -> Option<u64> {
    let body: &[u8] = if method == "POST" { b"no schema" } else { b"" };
    let answer = send(server.address, request(method, path, None, body)).await;
    if answer.status() != 402 {
        return None;
    }
    let challenge = answer.header("www-authenticate").expect("a challenge");
    let invoice = challenge.split("invoice=\"").nth(1).expect("an invoice");
    let invoice = invoice.split('"').next().expect("its end");
    let invoice = Invoice::decode(invoice).expect("an invoice of BOLT 11");
    invoice.amount.map(l402::Msat::msat)
}

/// Every operation that the OpenAPI description prices: method, a path of it, msat.
fn priced(openapi: &Value) -> BTreeSet<(String, String, u64)> {
    let mut found = BTreeSet::new();
    for (path, item) in openapi["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let Some(offers) = operation["x-payment-info"]["offers"].as_array() else {
                assert!(operation["responses"]["402"].is_null(), "{path}");
                continue;
            };
            assert!(operation["responses"]["402"].is_object(), "{path}");
            let msat = operation["x-l402"]["price_msat"].as_u64().expect("a price");
            let sat = msat.div_ceil(1000);
            assert_eq!(offers[0]["amount"], sat.to_string());
            assert_eq!(operation["x-l402"]["price_sats"], sat);
            let path = path.replace("{id}", "7").replace("{rest}", "a/b");
            found.insert((method.to_ascii_uppercase(), path, msat));
        }
    }
    found
}

/// Every entry of the other two: method, path, msat or whole sat in msat.
fn listed(document: &Value) -> Vec<(String, String, u64)> {
    let (list, price, unit) = match document["services"].as_array() {
        Some(services) => (services, "price_msat", 1),
        None => (
            document["endpoints"].as_array().expect("endpoints"),
            "cost",
            1000,
        ),
    };
    let text = |entry: &Value, key: &str| entry[key].as_str().expect("a text").to_owned();
    let entries = list.iter().map(|entry| {
        let price = entry[price].as_u64().expect("a price") * unit;
        (text(entry, "method"), text(entry, "endpoint"), price)
    });
    entries.collect()
}

/// Asks for each entry of each document, and compares the price with that of the invoice.
async fn assert_all_is_charged(server: &GatewayUnderTest) -> usize {
    let openapi = server.get(OPENAPI, None).await.json();
    let priced = priced(&openapi);
    for (method, path, msat) in &priced {
        let found = charged(server, method, path).await;
        assert_eq!(found, Some(*msat), "{method} {path}");
    }
    let services = listed(&server.get(SERVICES, None).await.json());
    let endpoints = listed(&server.get(ENDPOINTS, None).await.json());
    let concrete = |path: &str| !path.contains("/user/") && !path.contains("/files/");
    let expected: BTreeSet<_> = priced
        .iter()
        .filter(|one| concrete(&one.1))
        .cloned()
        .collect();
    assert_eq!(services.into_iter().collect::<BTreeSet<_>>(), expected);
    let in_sat = expected
        .iter()
        .map(|(method, path, msat)| (method.clone(), path.clone(), msat.div_ceil(1000) * 1000));
    assert_eq!(
        endpoints.into_iter().collect::<BTreeSet<_>>(),
        in_sat.collect()
    );
    let llms = server.get(LLMS, None).await.text();
    for (method, path, msat) in &expected {
        let sat = format!("{}", *msat as f64 / 1000.0);
        let line = format!("- `{method} {path}`: {sat} sat for ");
        assert!(llms.contains(&line), "{line} {llms}");
    }
    priced.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_document_says_what_is_charged_also_after_a_reload() {
    let upstream = upstream(false, describe).await;
    let server = serve(&shop(upstream, "50 sat", "")).await;
    assert_eq!(assert_all_is_charged(&server).await, 7);
    let before = server.get(OPENAPI, None).await;
    let dearer = shop(upstream, "70 sat", "");
    assert!(server.reload(&dearer).is_ok());
    assert_eq!(charged(&server, "GET", "/joke").await, Some(70_000));
    assert_eq!(assert_all_is_charged(&server).await, 7);
    let after = server.get(OPENAPI, None).await;
    assert_ne!(before.header("etag"), after.header("etag"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_out_and_what_is_free_is_named_nowhere_unless_asked_for() {
    let upstream = upstream(false, describe).await;
    let server = serve(&shop(upstream, "50 sat", "")).await;
    assert_eq!(charged(&server, "GET", "/secret").await, Some(99_000));
    for path in ALL {
        let text = server.get(path, None).await.text();
        for hidden in ["secret", "Hush", "silent", "99"] {
            assert!(!text.contains(hidden), "{path}: {text}");
        }
    }
    let openapi = server.get(OPENAPI, None).await.json();
    let health = &openapi["paths"]["/health"]["get"];
    assert_eq!(health["security"], serde_json::json!([]));
    assert!(health["x-payment-info"].is_null() && health["responses"]["402"].is_null());
    assert!(
        server
            .get(LLMS, None)
            .await
            .text()
            .contains("`GET /health`: free.")
    );
    assert!(!server.get(SERVICES, None).await.text().contains("health"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_costs_nothing_and_asks_neither_node_nor_upstream() {
    let upstream = upstream(false, |_| async { panic!("an upstream was asked") }).await;
    let text = routes(upstream, "");
    let server = serve(&text).await;
    for path in ALL {
        let got = server.get(path, None).await;
        assert_eq!(got.status(), 200, "{path}");
        assert_eq!(got.header("cache-control"), Some("public, max-age=60"));
        assert_eq!(got.header("access-control-allow-origin"), Some("*"));
        assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
        let kind = if path == LLMS {
            "text/plain; charset=utf-8"
        } else {
            "application/json"
        };
        assert_eq!(got.header("content-type"), Some(kind));
        let head = send(server.address, request("HEAD", path, None, b"")).await;
        assert_eq!((head.status(), head.body.len()), (200, 0));
        let length = got.body.len().to_string();
        assert_eq!(head.header("content-length"), Some(&*length));
        assert_eq!(head.header("etag"), got.header("etag"));
        let post = send(server.address, request("POST", path, None, b"x")).await;
        assert_eq!(
            (post.status(), post.header("allow")),
            (405, Some("GET, HEAD"))
        );
        // A credential is not needed, and nothing of it is used.
        let paid = server.get(path, Some("L402 abc:def")).await;
        assert_eq!((paid.status(), paid.body), (200, got.body));
    }
    assert_eq!(server.node_calls(), 0);
    let counters = server.counters();
    assert_eq!((counters.free, counters.offered), (12, 0), "{counters:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_the_caller_has_is_not_sent_again() {
    let upstream = upstream(false, describe).await;
    let server = serve(&routes(upstream, "")).await;
    let first = server.get(OPENAPI, None).await;
    let tag = first.header("etag").expect("a tag").to_owned();
    let mut again = request("GET", OPENAPI, None, b"");
    again
        .headers_mut()
        .insert("if-none-match", tag.parse().unwrap());
    let again = send(server.address, again).await;
    assert_eq!((again.status(), again.body.len()), (304, 0));
    assert_eq!(again.header("etag"), Some(&*tag));
}

/// The host of a request is anybody's choice, and stands in no document.
#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_relative_unless_the_public_one_is_configured() {
    let upstream = upstream(false, describe).await;
    let ask = async |more: &str| {
        let server = serve(&shop(upstream, "50 sat", more)).await;
        for path in ALL {
            let mut hostile = request("GET", path, None, b"");
            hostile
                .headers_mut()
                .insert("host", "evil.example".parse().unwrap());
            let text = send(server.address, hostile).await.text();
            assert!(
                !text.contains("evil") && !text.contains("shop.example"),
                "{text}"
            );
        }
        let services = server.get(SERVICES, None).await.json();
        let openapi = server.get(OPENAPI, None).await.json();
        let endpoint = services["services"][0]["endpoint"].clone();
        (
            endpoint,
            openapi["servers"][0]["url"].clone(),
            openapi["x-service-info"].clone(),
        )
    };
    let (endpoint, server, info) = ask("").await;
    assert_eq!((endpoint, server), ("/joke".into(), "/".into()));
    assert_eq!(info, serde_json::json!({}));
    let (endpoint, server, info) = ask("[publish]\nurl = \"https://api.example/\"\n").await;
    assert_eq!(endpoint, "https://api.example/joke");
    assert_eq!(server, "https://api.example");
    assert_eq!(info["docs"]["llms"], "https://api.example/llms.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_words_of_the_configuration_stand_in_the_documents() {
    let upstream = upstream(false, describe).await;
    let publish = "[publish]\nname = \"Jokes \\\"R\\\" <us>\"\n\
                   description = \"\"\"Good ones.\n# And bad\"\"\"\ncategories = [\"media\", \"data\"]\n\
                   docs = { homepage = \"https://jokes.example\", reference = \"https://jokes.example/api\" }\n";
    let server = serve(&shop(upstream, "50 sat", publish)).await;
    let openapi = server.get(OPENAPI, None).await.json();
    assert_eq!(openapi["info"]["title"], "Jokes \"R\" <us>");
    assert_eq!(openapi["info"]["description"], "Good ones.\n# And bad");
    let info = &openapi["x-service-info"];
    assert_eq!(info["categories"], serde_json::json!(["media", "data"]));
    assert_eq!(info["docs"]["homepage"], "https://jokes.example/");
    assert_eq!(info["docs"]["apiReference"], "https://jokes.example/api");
    let llms = server.get(LLMS, None).await.text();
    assert!(
        llms.starts_with("# Jokes \"R\" <us>\n\n> Good ones. # And bad\n\n"),
        "{llms}"
    );
    assert!(llms.contains("All you can ask. For an hour.\n"), "{llms}");
    assert!(
        llms.contains("Authorization: L402 <token>:<preimage>"),
        "{llms}"
    );
    let services = server.get(SERVICES, None).await.json();
    let ask = services["services"].as_array().unwrap().iter();
    let ask = ask.clone().find(|one| one["endpoint"] == "/ask").unwrap();
    let schema = serde_json::json!({
        "prompt": { "type": "string", "required": true },
        "n": { "type": "integer", "required": false },
    });
    assert_eq!(ask["request_schema"], schema);
    let body = &openapi["paths"]["/ask"]["post"]["requestBody"]["content"]["application/json"];
    assert_eq!(body["schema"]["required"], serde_json::json!(["prompt"]));
}

/// The schema of MPP's offers is closed, and its amount is a whole number without leading zeros.
#[tokio::test(flavor = "multi_thread")]
async fn prices_have_the_form_of_one_dialect() {
    let upstream = upstream(false, describe).await;
    let info = async |more: &str| {
        let server = serve(&shop(upstream, "50 sat", more)).await;
        let openapi = server.get(OPENAPI, None).await.json();
        openapi["paths"]["/odd"]["get"]["x-payment-info"].clone()
    };
    let offer = serde_json::json!({ "offers": [{
        "intent": "charge",
        "method": "lightning",
        "amount": "2",
        "currency": "sat",
        "description": "1.5 sat for 10 answers",
    }] });
    assert_eq!(info("").await, offer);
    let price = serde_json::json!({
        "protocols": ["l402"],
        "price": { "mode": "fixed", "currency": "sat", "amount": "1.5" },
    });
    assert_eq!(
        info("[publish]\npayment_info = \"x402scan\"\n").await,
        price
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_can_be_switched_off_each() {
    let upstream = upstream(false, describe).await;
    let off = "[publish]\nopenapi = false\nllms = false\nwellknown = false\n\
               [publish.verify]\n\"402index-verify.txt\" = \"abc\"\n";
    let server = serve(&(routes(upstream, "") + off)).await;
    // An ordinary path of the upstream's from then on.
    assert_eq!(charged(&server, "GET", OPENAPI).await, Some(50_000));
    assert_eq!(charged(&server, "GET", LLMS).await, Some(50_000));
    // What is below /.well-known/ stays the gateway's: nobody is sold what may be free one day.
    for path in [
        SERVICES,
        ENDPOINTS,
        "/.well-known/l402",
        "/.well-known/l402/x/y",
    ] {
        for method in ["GET", "POST"] {
            let answer = send(server.address, request(method, path, None, b"")).await;
            assert_eq!(
                (answer.status(), &*answer.code()),
                (404, "no_route"),
                "{path}"
            );
        }
    }
    let file = server.get("/.well-known/402index-verify.txt", None).await;
    assert_eq!((file.status(), &*file.text()), (200, "abc"));
    assert_eq!(
        file.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(
        charged(&server, "GET", "/.well-known/other").await,
        Some(50_000)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_of_exactly_that_path_goes_to_the_upstream() {
    let upstream = upstream(false, describe).await;
    let route = |path: &str| {
        format!("[[route]]\npath = \"{path}\"\nupstream = \"http://{upstream}\"\nfree = true\n")
    };
    let text = routes(upstream, "") + &route(OPENAPI) + &route(LLMS);
    let server = serve(&text).await;
    for path in [OPENAPI, LLMS] {
        assert_eq!(server.get(path, None).await.json()["target"], path);
    }
    assert_eq!(server.get(SERVICES, None).await.status(), 200);
}

/// A host that is not served gets no document either.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_for_the_hosts_that_are_served() {
    let upstream = upstream(false, describe).await;
    let server = serve(&format!(
        "hosts = [\"other.example\"]\n{}",
        routes(upstream, "")
    ))
    .await;
    assert_eq!(server.get(OPENAPI, None).await.status(), 421);
}

/// A crawler asks with an empty or wrong body, and must see the price all the same.
#[tokio::test(flavor = "multi_thread")]
async fn the_price_comes_before_any_look_at_a_body() {
    let upstream = upstream(false, |_| async { panic!("an upstream was asked") }).await;
    let server = serve(&shop(upstream, "50 sat", "")).await;
    for (method, body) in [
        ("POST", &b""[..]),
        ("POST", b"{"),
        ("POST", b"{\"prompt\": 1}"),
    ] {
        let mut asked = request(method, "/ask", None, body);
        let json = "application/json".parse().unwrap();
        asked.headers_mut().insert("content-type", json);
        assert_eq!(send(server.address, asked).await.status(), 402);
    }
    for path in ["/joke", "/files/a", "/user/x"] {
        let head = send(server.address, request("HEAD", path, None, b"")).await;
        assert_eq!((head.status(), head.body.len()), (402, 0), "{path}");
    }
}

/// The log names what is hidden; here, what is asked for it: the own files alone, by HEAD, and nothing
/// of them at an upstream that no pattern leads to.
#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_is_asked_once_for_the_files_that_are_hidden() {
    let (seen, mut asked) = tokio::sync::mpsc::unbounded_channel();
    let record = move |request: http::Request<hyper::body::Incoming>| {
        let line = format!("{} {}", request.method(), request.uri());
        seen.send(line).expect("the test waits");
        async { whole(200, "") }
    };
    let (all, one) = (
        upstream(false, record.clone()).await,
        upstream(false, record).await,
    );
    let base = format!(
        "{QUIET}[[route]]\npath = \"/{{*rest}}\"\nupstream = \"http://{all}/base\"\nprice = \"1 sat\"\n\
         [[route]]\npath = \"/one\"\nupstream = \"http://{one}\"\nprice = \"2 sat\"\n\
         [publish]\nllms = false\n"
    );
    let server = serve(&base).await;
    server.check_upstreams();
    let mut lines = BTreeSet::new();
    for _ in 0..3 {
        lines.insert(asked.recv().await.expect("a request"));
    }
    let expected = [SERVICES, ENDPOINTS, OPENAPI].map(|path| format!("HEAD /base{path}"));
    assert_eq!(lines, expected.into_iter().collect());
    // The next request is that of a buyer: nothing else was asked meanwhile.
    let credential = server.buy("/one").await;
    assert_eq!(server.get("/one", Some(&credential)).await.status(), 200);
    assert_eq!(asked.recv().await.expect("a request"), "GET /one");
}
