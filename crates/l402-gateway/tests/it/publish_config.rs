//! The keys of what is published: what is refused, and where.

use l402_gateway::Config;

const ROUTE: &str =
    "[[route]]\npath = \"/a\"\nupstream = \"http://127.0.0.1:3000\"\nprice = \"1 sat\"\n";

/// Returns the first mistake in a file: line, key and text.
fn mistake(text: &str) -> (usize, String, String) {
    let found = Config::from_toml(text, "shop.toml").expect_err("it has a mistake");
    assert_eq!(found.len(), 1, "{found:?}");
    let line = found[0].line().expect("a line");
    (line, found[0].key().to_owned(), found[0].to_string())
}

#[test]
fn a_route_on_a_path_of_the_gateway_is_refused_with_the_fix() {
    for path in [
        "/.well-known/l402-services",
        "/.well-known/l402.json",
        "/.well-known/l402/{*rest}",
        "/.well-known/L402.json/",
    ] {
        let route = ROUTE.replace("/a", path);
        let (line, key, text) = mistake(&(ROUTE.to_owned() + &route));
        assert_eq!((line, &*key), (5, "route[1].path"), "{text}");
        assert!(
            text.contains(path) && text.contains("leave the route out"),
            "{text}"
        );
    }
    let file = "[publish.verify]\n\"satring-verify\" = \"x\"\n";
    let route = ROUTE.replace("/a", "/.well-known/satring-verify");
    let (_, key, text) = mistake(&(route + file));
    assert_eq!(key, "route[0].path");
    assert!(text.contains("publish.verify.satring-verify"), "{text}");
}

/// Lines of `[publish]`, with the key and the fix that are named.
const OF_PUBLISH: [(&str, &str, &str); 18] = [
    ("opnapi = true", "opnapi", "did you mean openapi?"),
    ("payment_info = \"x402\"", "payment_info", "\"x402scan\""),
    ("name = \"a\\nb\"", "name", "plain text"),
    ("name = \"a\\u202Eb\"", "name", "plain text"),
    ("description = \"a\\u0000b\"", "description", "plain text"),
    ("categories = [\"Data\"]", "categories", "small letters"),
    (
        "categories = [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\"]",
        "categories",
        "5 at most",
    ),
    (
        "docs = { homepage = \"/docs\" }",
        "docs.homepage",
        "https://",
    ),
    (
        "docs = { homepage = \"javascript:a\" }",
        "docs.homepage",
        "https://",
    ),
    ("url = \"api.example\"", "url", "https://api.example"),
    (
        "url = \"https://me@api.example\"",
        "url",
        "https://api.example",
    ),
    ("url = \"https://api.example/?a\"", "url", "without query"),
    ("verify = { \"a/b\" = \"x\" }", "verify.a/b", "not a name"),
    ("verify = { \"..\" = \"x\" }", "verify...", "not a name"),
    (
        "verify = { \"l402.json\" = \"x\" }",
        "verify.l402.json",
        "another name",
    ),
    ("verify = { a = \"\" }", "verify.a", "1 to 1024"),
    ("verify = { a = \"\\u0000\" }", "verify.a", "printable"),
    (
        "verify = { a = \"x\", A = \"x\" }",
        "verify.a",
        "leave one out",
    ),
];

/// Lines of a route, with the key and the fix that are named.
const OF_ROUTE: [(&str, &str, &str); 6] = [
    ("title = \"a\\tb\"", "title", "plain text"),
    ("publish = 1", "publish", "true or false"),
    ("request_schema = 1", "request_schema", "JSON file"),
    (
        "request_schema = \"none.json\"",
        "request_schema",
        "none.json",
    ),
    ("request_schema = \".\"", "request_schema", "not a file"),
    ("request_schema = { a = nan }", "request_schema", "number"),
];

#[test]
fn each_mistake_in_what_is_published_is_named() {
    for (lines, key, fix) in OF_PUBLISH {
        let (_, named, text) = mistake(&format!("{ROUTE}[publish]\n{lines}\n"));
        let is_named = named.eq_ignore_ascii_case(&format!("publish.{key}"));
        assert!(is_named && text.contains(fix), "{lines}: {text}");
    }
    for (lines, key, fix) in OF_ROUTE {
        let (_, named, text) = mistake(&format!("{ROUTE}{lines}\n"));
        let is_named = named == format!("route[0].{key}");
        assert!(is_named && text.contains(fix), "{lines}: {text}");
    }
}

#[test]
fn texts_and_schemas_have_a_bound() {
    let description = |length| format!("{ROUTE}description = \"{}\"\n", "é".repeat(length));
    assert!(Config::from_toml(&description(2000), "shop.toml").is_ok());
    assert!(mistake(&description(2001)).2.contains("2000 characters"));
    let title = |length| format!("{ROUTE}title = \"{}\"\n", "x".repeat(length));
    assert!(Config::from_toml(&title(120), "shop.toml").is_ok());
    assert!(mistake(&title(121)).2.contains("120 characters"));
    let schema = |depth| {
        let (open, close) = ("{ a = ".repeat(depth), " }".repeat(depth));
        format!("{ROUTE}request_schema = {open}1{close}\n")
    };
    assert!(Config::from_toml(&schema(32), "shop.toml").is_ok());
    assert!(mistake(&schema(33)).2.contains("levels"));
}

#[test]
fn a_schema_may_stand_in_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (shop, schema) = (
        folder.path().join("shop.toml"),
        folder.path().join("ask.json"),
    );
    std::fs::write(&shop, format!("{ROUTE}request_schema = \"ask.json\"\n")).unwrap();
    for (text, fix) in [
        ("{\"type\": \"object\"}".to_owned(), None),
        ("[1]".to_owned(), Some("must be an object")),
        ("{".to_owned(), Some("ask.json")),
        (
            format!("{{\"a\": \"{}\"}}", "x".repeat(70_000)),
            Some("larger"),
        ),
    ] {
        std::fs::write(&schema, text).unwrap();
        let read = Config::from_file(&shop);
        match (read, fix) {
            (Ok(config), None) => assert_eq!(config.schema_files(), [schema.as_path()]),
            (Err(found), Some(fix)) => assert!(found[0].to_string().contains(fix), "{found:?}"),
            (read, fix) => panic!("{read:?} {fix:?}"),
        }
    }
}

#[test]
fn the_paths_of_the_gateway_can_be_asked_for() {
    let published = |more: &str| {
        let config = Config::from_toml(&format!("{ROUTE}{more}"), "shop.toml").unwrap();
        config.published().join(" ")
    };
    let well_known = "/.well-known/l402-services /.well-known/l402.json";
    assert_eq!(
        published(""),
        format!("{well_known} /openapi.json /llms.txt")
    );
    assert_eq!(
        published("[publish]\nopenapi = false\nllms = false"),
        well_known
    );
    assert_eq!(
        published("[publish]\nwellknown = false\nverify = { a = \"x\" }"),
        "/openapi.json /llms.txt /.well-known/a"
    );
    let own = ROUTE.replace("/a", "/llms.txt");
    assert_eq!(published(&own), format!("{well_known} /openapi.json"));
}
