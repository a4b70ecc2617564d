//! The documents of sellers, as others and our own gateway write them.

use l402_registry::{Document, DocumentError, DocumentKind, Skipped, WordsFrom, read_document};
use serde_json::{Value, json};
use url::Url;

fn url(text: &str) -> Url {
    text.parse().expect("a URL")
}

fn read_at(place: &str, document: &Value) -> Document {
    let body = document.to_string();
    let read = read_document(&url(place), body.as_bytes());
    read.expect("a document that can be read").expect("one")
}

fn services(document: &Value) -> Document {
    read_at("https://a.example/.well-known/l402-services", document)
}

fn openapi(document: &Value) -> Document {
    read_at("https://a.example/openapi.json", document)
}

/// The addresses with their methods and prices in millisatoshi.
fn prices(document: &Document) -> Vec<(&str, &str, Option<u64>)> {
    let listings = document.listings.iter();
    listings
        .map(|it| (it.url.as_str(), &*it.method, it.words.price.price_msat))
        .collect()
}

fn reasons(document: &Document) -> Vec<(&str, &str)> {
    let skipped = document.skipped.iter();
    skipped.map(|it| (&*it.entry, &*it.reason)).collect()
}

#[test]
fn reads_l402_services_of_402index_and_of_our_gateway() {
    let document = services(&json!({"name": "Acme", "services": [
        {"endpoint": "https://a.example/v1/joke", "method": "GET",
         "request_schema": {"topic": {"type": "string", "required": true}}},
        {"endpoint": "/v1/news", "method": "post", "name": "News", "description": "All\nof it",
         "price_msat": 1500, "price_sats": 2, "policy": "request", "service": "news",
         "request_schema": {"type": "object", "properties": {"day": {"type": "integer"}}}},
        {"endpoint": "/v1/map", "price_sats": 7, "category": "Maps", "tags": ["Sea"], "no_probe": true},
    ]}));
    assert_eq!(document.kind, DocumentKind::Services);
    assert_eq!(document.skipped, []);
    assert_eq!(
        prices(&document),
        [
            ("https://a.example/v1/joke", "GET", None),
            ("https://a.example/v1/news", "POST", Some(1500)),
            ("https://a.example/v1/map", "GET", Some(7000)),
        ]
    );
    let [joke, news, map] = &document.listings[..] else {
        panic!("three listings");
    };
    assert_eq!(joke.words_from, WordsFrom::Document);
    assert_eq!(joke.words.provider, "Acme");
    let schema = joke.words.request_schema.as_ref().expect("a schema");
    assert_eq!(schema.0["required"], json!(["topic"]));
    assert_eq!(news.words.name, "News");
    assert_eq!(news.words.description, "All of it");
    let schema = news.words.request_schema.as_ref().expect("a schema");
    assert_eq!(schema.0["properties"]["day"]["type"], "integer");
    assert_eq!(map.words.category.as_deref(), Some("maps"));
    assert_eq!(map.words.tags, ["sea"]);
    assert!(map.no_probe && !news.no_probe);
}

#[test]
fn reads_the_other_bodies_at_the_path_of_l402_services() {
    let agent_pay = services(&json!({"version": "0.2.0", "name": "Pay", "services": [
        {"id": "sum", "name": "Sum", "endpoint": "/sum", "method": "POST",
         "pricing": {"amount": 21, "currency": "sats", "type": "fixed"},
         "request_body": {"text": "string"}},
        {"id": "dollar", "endpoint": "/dollar", "pricing": {"amount": "0.01", "currency": "USD"}},
    ]}));
    assert_eq!(
        prices(&agent_pay),
        [
            ("https://a.example/sum", "POST", Some(21_000)),
            ("https://a.example/dollar", "GET", None),
        ]
    );
    let dollar = &agent_pay.listings[1].words;
    assert_eq!(dollar.price.other.as_deref(), Some("0.01 USD"));
    let manifest = services(
        &json!({"version": "1", "service": {"name": "N", "operator": "Op"},
        "routes": [{"path": "/paid", "price": {"type": "static", "amount_msat": 10_000}}]}),
    );
    assert_eq!(
        prices(&manifest),
        [("https://a.example/paid", "GET", Some(10_000))]
    );
    assert_eq!(manifest.listings[0].words.provider, "Op");
}

#[test]
fn reads_l402_json_and_leaves_out_what_pays_its_callers() {
    let document = read_at(
        "https://a.example/.well-known/l402.json",
        &json!({"name": "Apps", "endpoints": [
            {"id": "a", "name": "A", "method": "GET", "endpoint": "https://a.example/a",
             "description": "First", "cost": 50, "costType": "fixed", "direction": "charges"},
            {"id": "b", "endpoint": "/b", "cost": 9, "costType": "variable", "direction": "charges"},
            {"id": "c", "endpoint": "/c", "cost": 100, "costType": "fixed", "direction": "pays"},
        ]}),
    );
    assert_eq!(document.kind, DocumentKind::L402Json);
    assert_eq!(
        prices(&document),
        [
            ("https://a.example/a", "GET", Some(50_000)),
            ("https://a.example/b", "GET", None),
        ]
    );
    assert_eq!(document.listings[0].words.name, "A");
    assert_eq!(
        reasons(&document),
        [("/c", "it pays its callers, so that nothing is sold")]
    );
}

#[test]
fn reads_openapi_with_the_offers_of_mpp() {
    let offer = |amount: Value, currency: &str| json!({"intent": "charge", "method": "lightning", "amount": amount, "currency": currency});
    let stripe = json!({"intent": "charge", "method": "stripe", "amount": "5", "currency": "usd"});
    let paid = |info: Value| json!({"get": {"x-payment-info": info, "responses": {"402": {}}}});
    let document = openapi(&json!({
        "openapi": "3.1.0", "info": {"title": "Acme", "version": "1"},
        "x-service-info": {"categories": ["developer-tools", "search"],
                           "docs": {"homepage": "https://a.example/docs"}},
        "servers": [{"url": "/"}],
        "paths": {
            "/many": paid(json!({"offers": [stripe, offer(json!("10"), "sat")]})),
            "/single": paid(offer(json!("20"), "BTC")),
            "/msat": paid(json!({"offers": [offer(json!("1500"), "msat")]})),
            "/dynamic": paid(json!({"offers": [offer(Value::Null, "sat")]})),
            "/dollars": paid(json!({"offers": [stripe]})),
            "/answer": {"get": {"summary": "S", "responses": {"402": {"description": "pay"}}}},
            "/free": {"get": {"responses": {"200": {}}}},
        },
    }));
    let mut found = prices(&document);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("https://a.example/answer", "GET", None),
            ("https://a.example/dynamic", "GET", None),
            ("https://a.example/many", "GET", Some(10_000)),
            ("https://a.example/msat", "GET", Some(1500)),
            ("https://a.example/single", "GET", Some(20_000)),
        ]
    );
    assert_eq!(
        reasons(&document),
        [("GET /dollars", "it has no offer of the method lightning")]
    );
    let words = &document.listings[0].words;
    assert_eq!(words.provider, "Acme");
    assert_eq!(words.category.as_deref(), Some("developer-tools"));
    assert_eq!(words.tags, ["search"]);
    assert_eq!(words.docs.as_deref(), Some("https://a.example/docs"));
}

#[test]
fn reads_openapi_in_the_form_of_x402scan() {
    let paid = |info: Value| json!({"post": {"x-payment-info": info}});
    let fixed = |currency: &str, amount: &str| json!({"mode": "fixed", "currency": currency, "amount": amount});
    let document = openapi(&json!({"openapi": "3.0.3", "info": {}, "paths": {
        "/btc": paid(json!({"protocols": ["l402"], "price": fixed("BTC", "0.00000050")})),
        "/sat": paid(json!({"protocols": [{"x402": {}}, {"l402": {}}], "price": fixed("SAT", "50")})),
        "/usd": paid(json!({"protocols": ["l402"], "price": fixed("USD", "0.02")})),
        "/range": paid(json!({"protocols": ["mpp"],
            "price": {"mode": "dynamic", "currency": "USD", "min": "0.01", "max": "0.05"}})),
        "/x402": paid(json!({"protocols": ["x402"], "price": fixed("USD", "0.02")})),
    }}));
    let mut found = prices(&document);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("https://a.example/btc", "POST", Some(50_000)),
            ("https://a.example/range", "POST", None),
            ("https://a.example/sat", "POST", Some(50_000)),
            ("https://a.example/usd", "POST", None),
        ]
    );
    let other = |path: &str| {
        let mut listings = document.listings.iter();
        let listing = listings.find(|it| it.url.url().path() == path);
        listing.and_then(|it| it.words.price.other.as_deref())
    };
    assert_eq!(other("/usd"), Some("0.02 USD"));
    assert_eq!(other("/range"), Some("0.01 to 0.05 USD"));
    assert_eq!(
        reasons(&document),
        [("POST /x402", "none of its protocols is of Lightning")]
    );
}

#[test]
fn resolves_servers_parameters_and_bodies_of_openapi() {
    let info = json!({"offers": [{"intent": "charge", "method": "lightning", "amount": "1"}]});
    let document = openapi(&json!({
        "openapi": "3.1.0", "info": {"title": "t", "version": "1"},
        "servers": [{"url": "https://cdn.example/"},
                    {"url": "https://a.example/{base}", "variables": {"base": {"default": "api"}}}],
        "components": {
            "parameters": {"id": {"name": "id", "in": "path", "schema": {"$ref": "#/components/schemas/Id"}}},
            "schemas": {"Id": {"type": "string", "enum": ["a b"]},
                        "Ask": {"type": "object", "properties": {"id": {"$ref": "#/components/schemas/Id"}}}},
            "requestBodies": {"Ask": {"content": {"application/json":
                {"schema": {"$ref": "#/components/schemas/Ask"}}}}},
        },
        "paths": {
            "/jokes/{id}/{page}": {
                "parameters": [{"$ref": "#/components/parameters/id"},
                               {"name": "page", "in": "path", "schema": {"type": "integer"}}],
                "put": {"x-payment-info": info, "requestBody": {"$ref": "#/components/requestBodies/Ask"},
                        "x-no-probe": true},
            },
            "/open/{name}": {"get": {"x-payment-info": info}},
        },
    }));
    assert_eq!(
        prices(&document),
        [("https://a.example/api/jokes/a%20b/1", "PUT", Some(1000))]
    );
    let listing = &document.listings[0];
    let schema = listing.words.request_schema.as_ref().expect("a schema");
    assert_eq!(schema.0["properties"]["id"]["enum"], json!(["a b"]));
    assert!(listing.no_probe);
    assert_eq!(document.skipped[0].entry, "GET /open/{name}");
    assert!(document.skipped[0].reason.contains("no `example`"));
}

// ATTACKS G-08: a document lists nothing of somebody else's origin, however the address is written.
#[test]
fn lists_addresses_of_its_own_origin_alone() {
    let foreign = [
        "https://victim.example/pay",
        "http://a.example/pay",
        "https://a.example:8443/pay",
        "//victim.example/pay",
        "\\\\victim.example/pay",
        "https://a.example.victim.example/pay",
        "https://sub.a.example/pay",
    ];
    let services_of = |list: &[&str]| {
        let entries = list.iter().map(|it| json!({"endpoint": it}));
        services(&json!({"services": entries.collect::<Vec<_>>()}))
    };
    let document = services_of(&foreign);
    assert_eq!(document.listings, []);
    assert_eq!(document.skipped.len(), foreign.len());
    for Skipped { entry, reason } in &document.skipped {
        assert!(reason.contains("own origin alone"), "{entry}: {reason}");
    }
    let odd = services_of(&[
        "https://me@a.example/x",
        "file:///etc/passwd",
        "javascript:1",
    ]);
    assert_eq!(odd.listings, []);
    assert_eq!(odd.skipped.len(), 3);
    let info = json!({"offers": [{"intent": "charge", "method": "lightning", "amount": "1"}]});
    let document = openapi(
        &json!({"openapi": "3.1.0", "servers": [{"url": "https://victim.example"}],
        "paths": {"/pay": {"get": {"x-payment-info": info}}}}),
    );
    assert_eq!(document.listings, []);
    assert!(reasons(&document)[0].1.contains("https://victim.example"));
    // The same origin in another spelling is the same.
    let own = services_of(&["HTTPS://A.example.:443/pay", "https://a.example/pay#x"]);
    assert_eq!(prices(&own), [("https://a.example/pay", "GET", None)]);
    assert!(own.skipped[0].reason.contains("above"));
}

// ATTACKS G-08: a file that a visitor could have uploaded does not speak for its host.
#[test]
fn takes_words_as_the_sellers_own_at_the_place_of_the_document_alone() {
    let document = json!({"services": [{"endpoint": "/pay"}]});
    let from = |place: &str| read_at(place, &document).listings[0].words_from;
    let own = "https://a.example/.well-known/l402-services";
    assert_eq!(from(own), WordsFrom::Document);
    let uploaded = "https://a.example/uploads/services.json";
    assert_eq!(from(uploaded), WordsFrom::Submitted);
}

#[test]
fn tells_a_document_from_an_endpoint() {
    let at = |place: &str, body: &str| {
        let read = read_document(&url(place), body.as_bytes());
        read.map(|document| document.map(|it| it.kind))
    };
    let (endpoint, place) = ("https://a.example/joke", "https://a.example/openapi.json");
    assert_eq!(at(endpoint, "a joke"), Ok(None));
    assert_eq!(at(endpoint, r#"{"joke": 1}"#), Ok(None));
    assert_eq!(
        at(endpoint, r#"{"endpoints": []}"#),
        Ok(Some(DocumentKind::L402Json))
    );
    assert_eq!(
        at(place, "<html>"),
        Err(DocumentError::NotJson(DocumentKind::OpenApi))
    );
    assert_eq!(
        at(place, "{}"),
        Err(DocumentError::Shape(DocumentKind::OpenApi))
    );
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(
        at(place, &deep),
        Err(DocumentError::NotJson(DocumentKind::OpenApi))
    );
}

#[test]
fn reads_the_first_500_entries() {
    let entries: Vec<Value> = (0..2000)
        .map(|n| json!({"endpoint": format!("/{n}")}))
        .collect();
    let document = services(&json!({"services": entries}));
    assert_eq!(document.listings.len(), 500);
    assert_eq!(
        reasons(&document),
        [("the rest", "the first 500 entries of a document are read")]
    );
}

#[test]
fn takes_entries_of_any_shape_without_a_panic() {
    let odd = [
        json!(null),
        json!(1),
        json!([]),
        json!("text"),
        json!({"endpoint": 5}),
        json!({"endpoint": "/{x}"}),
        json!({"endpoint": "/a", "method": "TRACE"}),
        json!({"endpoint": "/b", "price_msat": -1, "pricing": [], "tags": {}, "request_schema": []}),
        json!({"endpoint": "/.well-known/l402.json"}),
    ];
    let document = services(&json!({"services": odd}));
    assert_eq!(prices(&document), [("https://a.example/b", "GET", None)]);
    assert_eq!(document.skipped.len(), odd.len() - 1);
    for value in odd {
        openapi(&json!({"openapi": "3.1.0", "servers": value, "paths": value}));
        openapi(&json!({"openapi": "3.1.0", "servers": [value], "paths": {"/{a}": value}}));
        let operation = json!({"x-payment-info": value, "parameters": value, "requestBody": value});
        openapi(&json!({"openapi": "3.1.0", "paths": {"/a{b}c}": {"get": operation}}}));
    }
}

#[test]
fn an_address_of_several_methods_is_one_listing_by_the_one_with_a_body() {
    let entry = |method: &str| json!({"endpoint": "/a", "method": method, "request_schema": {"q": {"type": "string"}}});
    let document = services(&json!({"services": [entry("GET"), entry("POST"), entry("PUT")]}));
    assert_eq!(prices(&document), [("https://a.example/a", "POST", None)]);
    assert_eq!(document.skipped, []);
}

#[test]
fn reads_the_exact_price_of_our_gateways_openapi() {
    let document = openapi(
        &json!({"openapi": "3.1.0", "servers": [{"url": "/"}], "paths": {"/joke": {"get": {
        "operationId": "get-joke", "summary": "Joke", "description": "1.5 sat for one answer",
        "x-payment-info": {"offers": [{"intent": "charge", "method": "lightning", "amount": "2",
            "currency": "sat", "description": "1.5 sat for one answer"}]},
        "x-l402": {"price_msat": 1500, "price_sats": 2, "policy": "request", "service": "joke"},
        "responses": {"402": {}}}}}}),
    );
    assert_eq!(
        prices(&document),
        [("https://a.example/joke", "GET", Some(1500))]
    );
    assert_eq!(document.listings[0].words.name, "Joke");
}
