//! Mistakes in a configuration: each with file, line, column and key, all at once.

use l402_gateway::{Config, ConfigError, Overrides};

/// Returns the mistakes in a file whose one route has these lines after path and upstream.
fn mistakes(before: &str, route: &str) -> Vec<ConfigError> {
    let text = format!(
        "{before}\n[[route]]\npath = \"/a\"\nupstream = \"http://127.0.0.1:3000\"\n{route}\n"
    );
    Config::from_toml(&text, "shop.toml").expect_err("it has mistakes")
}

const PRICED: &str = "price = \"50 sat\"";

/// Lines before the route, lines in it; then the line, the key and the fix that are named.
const MISTAKES: [(&str, &str, usize, &str, &str); 33] = [
    ("lisen = []", PRICED, 1, "lisen", "did you mean listen?"),
    (
        "",
        "price = \"-1 sat\"",
        5,
        "route[0].price",
        "never negative",
    ),
    ("", "price = 50", 5, "route[0].price", "the unit is missing"),
    (
        "",
        "price = 0.5",
        5,
        "route[0].price",
        "the unit is missing",
    ),
    (
        "",
        "prize = \"50 sat\"",
        5,
        "route[0].prize",
        "did you mean price?",
    ),
    ("", "", 2, "route[0].price", "free = true"),
    (
        "",
        "price = \"1 sat\"\nfree = true",
        6,
        "route[0].free",
        "one of the two",
    ),
    (
        "",
        "price = \"1 sat\"\npolicy = \"often\"",
        6,
        "route[0].policy",
        "uses=10",
    ),
    (
        "",
        "price = \"1 sat\"\nservice = \"A\"",
        6,
        "route[0].service",
        "a-z",
    ),
    (
        "",
        "price = \"1 sat\"\ncharge = \"late\"",
        6,
        "route[0].charge",
        "\"success\"",
    ),
    (
        "",
        "price = \"1 sat\"\ngrpc = 1",
        6,
        "route[0].grpc",
        "true or false",
    ),
    (
        "",
        "price = \"1 sat\"\nstrip_prefix = \"/b\"",
        6,
        "route[0].strip_prefix",
        "beginning",
    ),
    (
        "",
        "price = \"1 sat\"\ngrpc = true",
        4,
        "route[0].upstream",
        "h2c://",
    ),
    (
        "",
        "price = \"1 sat\"\nupstream_headers = { X-Key = \"a\", x-key = \"b\" }",
        6,
        "route[0].upstream_headers.x-key",
        "leave one out",
    ),
    ("workers = -1", PRICED, 1, "workers", "whole number"),
    ("node = \"Lnb\"", PRICED, 1, "node", "lnd://"),
    ("listen = [\"localhost\"]", PRICED, 1, "listen", "localhost"),
    (
        "listen = [\"0.0.0.0:8402\"]",
        PRICED,
        1,
        "listen",
        "sandbox is no money",
    ),
    (
        "listen = [\"127.0.0.1:3000\"]",
        PRICED,
        4,
        "route[0].upstream",
        "circle",
    ),
    (
        "hosts = [\"http://a\"]",
        PRICED,
        1,
        "hosts",
        "without scheme",
    ),
    (
        "invalid_credential = 403",
        PRICED,
        1,
        "invalid_credential",
        "401 to 402",
    ),
    (
        "[http]\nheader_timeout = 1",
        PRICED,
        2,
        "http.header_timeout",
        "header_timeout_secs",
    ),
    (
        "[tls]\nkey = \"k\"",
        PRICED,
        1,
        "tls.certificate",
        "missing",
    ),
    ("a = ", PRICED, 1, "", ""),
    // FAULTS S19: what could never match.
    ("hosts = [\"*.a\"]", PRICED, 1, "hosts", "without scheme"),
    (
        "",
        "price = \"1 sat\"\ncors_origins = [\"https://x/page\"]",
        6,
        "route[0].cors_origins",
        "https://app.example",
    ),
    (
        "",
        "price = \"1 sat\"\ncors_origins = [\"*\"]",
        6,
        "route[0].cors_origins",
        "not an origin",
    ),
    // FAULTS G12: the same for methods.
    (
        "",
        "price = \"1 sat\"\nmethods = [\"trace\"]",
        6,
        "route[0].methods",
        "never forwarded",
    ),
    (
        "",
        "price = \"1 sat\"\ncase = \"any\"",
        6,
        "route[0].case",
        "\"insensitive\"",
    ),
    // FAULTS S16: only what is withheld needs a word to pass, and not all of it may.
    (
        "",
        "price = \"1 sat\"\npass_headers = [\"accept\"]",
        6,
        "route[0].pass_headers",
        "in any case",
    ),
    (
        "",
        "price = \"1 sat\"\npass_headers = [\"x-l402-paid\"]",
        6,
        "route[0].pass_headers",
        "never passes",
    ),
    (
        "",
        "price = \"1 sat\"\npass_headers = [\"X-Forwarded-For\"]",
        6,
        "route[0].pass_headers",
        "itself",
    ),
    (
        "",
        "price = \"1 sat\"\nallow_free_overlap = [\"/b\"]",
        2,
        "route[0]",
        "no priced route",
    ),
];

#[test]
fn each_mistake_is_named_with_its_place_and_its_mend() {
    for (before, route, line, key, mend) in MISTAKES {
        let found = mistakes(before, route);
        let Some(named) = found.iter().find(|mistake| mistake.key() == key) else {
            panic!("{key}: {found:?}")
        };
        let shown = named.to_string();
        assert_eq!(named.line(), Some(line), "{found:?}");
        assert!(shown.starts_with(&format!("shop.toml:{line}:")), "{shown}");
        assert!(shown.contains(mend) && !shown.contains('\n'), "{shown}");
    }
}

#[test]
fn all_mistakes_are_found_at_once_in_the_order_of_the_file() {
    let found = mistakes(
        "lisen = []\nworkers = \"two\"",
        "price = 50\npolcy = \"request\"",
    );
    let keys: Vec<_> = found.iter().map(ConfigError::key).collect();
    assert_eq!(
        keys,
        ["lisen", "workers", "route[0].price", "route[0].polcy"]
    );
}

#[test]
fn routes_that_contradict_each_other_are_refused() {
    let route = |path: &str, price: &str| {
        format!(
            "[[route]]\npath = \"{path}\"\nupstream = \"http://127.0.0.1:1\"\nservice = \"s\"\nprice = \"{price}\"\n"
        )
    };
    for (second, named) in [
        (route("/a", "1 sat"), "/a"),
        (route("/b", "2 sat"), "s"),
        (route("/b//c", "1 sat"), "/b//c"),
        (route("/b", "0 sat"), "/b"),
    ] {
        let text = route("/a", "1 sat") + &second;
        let found = Config::from_toml(&text, "shop.toml").unwrap_err();
        assert_eq!((found.len(), found[0].line()), (1, Some(6)), "{found:?}");
        assert!(found[0].to_string().contains(named), "{found:?}");
    }
}

#[test]
fn a_file_without_routes_sells_nothing_and_says_so() {
    let found = Config::from_toml("", "empty.toml").unwrap_err();
    assert!(found[0].to_string().contains("[[route]]"), "{found:?}");
}

/// Every line that is commented out shows the default, so it changes nothing if it is written out.
#[test]
fn the_example_shows_the_defaults() {
    let setting = |line: &str| line.starts_with('#') && !line.starts_with("# ") && line.len() > 1;
    let written: String = Config::EXAMPLE
        .lines()
        .map(|line| if setting(line) { &line[1..] } else { line })
        .flat_map(|line| [line, "\n"])
        .collect();
    assert!(Config::EXAMPLE.lines().filter(|line| setting(line)).count() > 30);
    let plain = Config::from_toml(Config::EXAMPLE, "l402.example.toml").unwrap();
    assert_eq!(Config::from_toml(&written, "written.toml").unwrap(), plain);
    let minimal =
        "[[route]]\npath = \"/joke\"\nupstream = \"http://127.0.0.1:3000\"\nprice = \"50 sat\"";
    assert_eq!(Config::from_toml(minimal, "minimal.toml").unwrap(), plain);
}

/// A program without traces must not serve as if it recorded them.
#[cfg(not(feature = "otlp"))]
#[test]
fn a_collector_needs_a_program_that_is_built_for_one() {
    let text = "[trace]\nendpoint = \"http://127.0.0.1:4318\"\n\
                [[route]]\npath = \"/a\"\nupstream = \"http://127.0.0.1:3000\"\nfree = true\n";
    let found = Config::from_toml(text, "shop.toml").unwrap_err();
    assert_eq!((found.len(), found[0].key()), (1, "trace.endpoint"));
    assert!(
        found[0].to_string().contains("--features otlp"),
        "{found:?}"
    );
}

#[test]
fn one_upstream_at_one_price_needs_no_file() {
    let (price, policy) = ("50 sat".parse().unwrap(), "request".parse().unwrap());
    let config = Config::quick("http://127.0.0.1:3000", price, policy).unwrap();
    let paths: Vec<_> = config
        .routes()
        .iter()
        .map(|route| route.route.path.as_str())
        .collect();
    assert_eq!(paths, ["/", "/{*rest}"]);
    for route in config.routes() {
        let l402_server::Access::Priced(priced) = &route.route.access else {
            panic!()
        };
        assert_eq!(priced.service.as_str(), "127-0-0-1-3000");
    }
    let error = Config::quick("127.0.0.1:3000", price, policy).unwrap_err()[0].to_string();
    assert!(
        error.starts_with("command line: --upstream: the scheme is missing"),
        "{error}"
    );
    let free = Config::quick("http://127.0.0.1:3000", l402::Msat::ZERO, policy).unwrap_err();
    assert_eq!(free[0].key(), "--price");
    let circle = Config::quick("http://127.0.0.1:8402", price, policy).unwrap_err();
    assert_eq!(circle[0].key(), "--upstream");
}

#[test]
fn what_the_command_line_says_is_checked_as_it_will_run() {
    let (price, policy) = ("50 sat".parse().unwrap(), "request".parse().unwrap());
    let listen = |text: &str| Overrides {
        listen: vec![text.parse().unwrap()],
        ..Overrides::default()
    };
    let default_port = "http://127.0.0.1:8402";
    assert!(Config::quick_with(default_port, price, policy, &listen("127.0.0.1:8404")).is_ok());
    let circle = Config::quick_with(default_port, price, policy, &listen("0.0.0.0:8402"));
    assert_eq!(circle.unwrap_err()[0].key(), "--listen");
    let public = listen("0.0.0.0:8404");
    let play_money = Config::quick_with(default_port, price, policy, &public).unwrap_err();
    assert_eq!(play_money[0].key(), "--listen");
    let node = "lnd://127.0.0.1:8080?tls_cert=tls.cert&macaroon=invoice.macaroon";
    let paid = Overrides {
        node: Some(node.parse().unwrap()),
        ..public
    };
    assert!(Config::quick_with(default_port, price, policy, &paid).is_ok());

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.toml");
    let text = "listen = [\"0.0.0.0:8404\"]\n[[route]]\npath = \"/joke\"\n\
                upstream = \"http://127.0.0.1:3000\"\nprice = \"50 sat\"";
    std::fs::write(&file, text).unwrap();
    assert_eq!(Config::from_file(&file).unwrap_err()[0].key(), "listen");
    assert!(Config::from_file_with(&file, &paid).is_ok());
}

/// FAULTS G12, S19: spellings that mean something are put right.
#[test]
fn methods_hosts_and_origins_are_read_as_clients_send_them() {
    let text = "hosts = [\"Shop.example.\"]\n[[route]]\npath = \"/a\"\n\
                upstream = \"http://127.0.0.1:3000\"\nprice = \"1 sat\"\n\
                methods = [\"get\", \"Post\", \"PROPFIND\"]\ncors_origins = [\"https://X/\"]\n";
    let config = Config::from_toml(text, "shop.toml").unwrap();
    let route = &config.routes()[0].route;
    let methods: Vec<_> = route.methods.iter().map(http::Method::as_str).collect();
    assert_eq!(methods, ["GET", "POST", "PROPFIND"]);
    assert_eq!(route.cors_origins, ["https://x"]);
}

/// FAULTS S4: the table is refused with the route, a request that shows it, and the way out.
#[test]
fn a_second_way_to_a_priced_path_is_refused_at_the_route_that_opens_it() {
    let text = |upstream: &str, more: &str| {
        format!(
            "[[route]]\npath = \"/paid/{{*rest}}\"\nupstream = \"http://127.0.0.1:3000\"\n\
             price = \"1 sat\"\n[[route]]\npath = \"/api/{{*rest}}\"\n\
             upstream = \"{upstream}\"\nfree = true\nstrip_prefix = \"/api\"\n{more}"
        )
    };
    // One server by several names, and by two protocols.
    for upstream in [
        "http://127.0.0.1:3000",
        "http://localhost:3000",
        "http://[::1]:3000/",
        "h2c://127.0.0.2:3000",
        "http://0.0.0.0:3000",
    ] {
        let found = Config::from_toml(&text(upstream, ""), "shop.toml").unwrap_err();
        let shown = found[0].to_string();
        assert_eq!((found.len(), found[0].line()), (1, Some(5)), "{shown}");
        assert_eq!(found[0].key(), "route[1]");
        for named in ["/api/paid/", "/paid/{*rest}", "allow_free_overlap"] {
            assert!(shown.contains(named), "{shown}");
        }
        let allowed = text(upstream, "allow_free_overlap = [\"/paid/{*rest}\"]");
        assert!(Config::from_toml(&allowed, "shop.toml").is_ok());
    }
    for upstream in ["http://127.0.0.1:3001", "http://127.0.0.1:3000/v1"] {
        let other = Config::from_toml(&text(upstream, ""), "shop.toml");
        assert!(other.is_ok(), "{other:?}");
    }
}
