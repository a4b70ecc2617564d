//! Every error about an address, a path or an amount in a file shows how it is written.

use l402_gateway::{Config, QuickConfig};

/// A sound route.
const ROUTE: &str =
    "[[route]]\npath = \"/joke\"\nupstream = \"http://127.0.0.1:3000\"\nprice = \"1 sat\"\n";

/// A text, the key of its mistake, and the example in the error.
type Row = (&'static str, &'static str, &'static str);

/// In front of the route.
const ROOT: &[Row] = &[
    ("listen = []", "listen", "listen = [\"127.0.0.1:8402\"]"),
    ("listen = [\"127.0.0.1\"]", "listen", "127.0.0.1:8402"),
    ("listen = [\"shop.example:80\"]", "listen", "0.0.0.0:8402"),
    (
        "listen = [\"127.0.0.1:1\", \"127.0.0.1:1\"]",
        "listen",
        "listen = [\"127.0.0.1:1\"]",
    ),
    (
        "listen = [\"0.0.0.0:8402\"]",
        "listen",
        "lnd://127.0.0.1:8080?",
    ),
    ("node = \"lnd://\"", "node", "lnd://127.0.0.1:8080?"),
    ("node = \"lnurl:you\"", "node", "lnurl:you@wallet.example"),
    (
        "hosts = [\"https://api.example\"]",
        "hosts",
        "\"api.example\"",
    ),
    (
        "trusted_proxies = [\"proxy\"]",
        "trusted_proxies",
        "\"10.0.0.1\"",
    ),
    (
        "trusted_proxies = [\"10.0.0.0/33\"]",
        "trusted_proxies",
        "\"10.0.0.0/8\"",
    ),
    (
        "trusted_proxies = [\"10.0.0.1/8\"]",
        "trusted_proxies",
        "\"10.0.0.0/8\"",
    ),
    (
        "trusted_proxies = [\"0.0.0.0/0\"]",
        "trusted_proxies",
        "\"10.0.0.0/8\"",
    ),
    (
        "trusted_proxies = [\"::ffff:10.0.0.1\"]",
        "trusted_proxies",
        "\"10.0.0.1\"",
    ),
    (
        "proxy_protocol = true",
        "trusted_proxies",
        "[\"127.0.0.1\"]",
    ),
    (
        "proxy_protocol = \"yes\"",
        "proxy_protocol",
        "[\"0.0.0.0:8402\"]",
    ),
    (
        "proxy_protocol = [\"127.0.0.1:1\"]\ntrusted_proxies = [\"::1\"]",
        "proxy_protocol",
        "\"127.0.0.1:8402\"",
    ),
    (
        "[tls]",
        "tls.certificate",
        "certificate = \"fullchain.pem\"",
    ),
    (
        "[tls]\ncertificate = \"a\"\nkey = \"b\"\nredirect_from = \"80.example\"",
        "tls.redirect_from",
        "127.0.0.1:8402",
    ),
    (
        "[tls]\ncertificate = \"a\"\nkey = \"b\"\nredirect_from = \":8402\"",
        "tls.redirect_from",
        "\"0.0.0.0:80\"",
    ),
    (
        "[admin]\nlisten = \"x\"",
        "admin.listen",
        "\"unix:/path/of/a/socket\"",
    ),
    (
        "[admin]\nlisten = \"unix:\"",
        "admin.listen",
        "\"unix:/run/l402/admin.sock\"",
    ),
    (
        "[admin]\nlisten = \"0.0.0.0:1\"",
        "admin.listen",
        "\"unix:/path/of/a/socket\"",
    ),
    (
        "[admin]\nlisten = \"127.0.0.1:8402\"",
        "admin.listen",
        "127.0.0.1:8403",
    ),
    (
        "[admin]\ntls_key = \"k\"",
        "admin.tls_certificate",
        "\"admin.pem\"",
    ),
    (
        "[admin]\ntls_client_ca = \"c\"",
        "admin.tls_client_ca",
        "\"admin.pem\"",
    ),
    (
        "[ledger]\nurl = \"mysql://a\"",
        "ledger.url",
        "postgres://l402@db.example/l402",
    ),
    (
        "[[keys]]\nnumber = 2",
        "keys[0].file",
        "file = \"second.key\"",
    ),
    (
        "[health]\npath = \"healthz\"",
        "health.path",
        "\"/healthz\"",
    ),
    ("[health]\nstatus = \"2xx\"", "health.status", "\"200-399\""),
    (
        "[liquidity]\nleast = \"5\"",
        "liquidity.least",
        "\"50 sat\"",
    ),
    (
        "[publish]\nurl = \"api.example\"",
        "publish.url",
        "\"https://api.example\"",
    ),
    (
        "[publish.docs]\nhomepage = \"x\"",
        "publish.docs.homepage",
        "\"https://docs.example/api\"",
    ),
    (
        "[publish.verify]\n\"../x\" = \"a\"",
        "publish.verify.../x",
        "\"402index-verify.txt\"",
    ),
    (
        "[publish.verify]\n\"l402.json\" = \"a\"",
        "publish.verify.l402.json",
        "\"402index-verify.txt\"",
    ),
    (
        "[[webhook]]\nsecret_file = \"s\"",
        "webhook[0].url",
        "\"https://hooks.example/l402\"",
    ),
    (
        "[[webhook]]\nurl = \"x\"\nsecret_file = \"s\"",
        "webhook[0].url",
        "https://hooks.example/l402",
    ),
    (
        "[[webhook]]\nurl = \"https://me:pw@h.example\"\nsecret_file = \"s\"",
        "webhook[0].url",
        "https://hooks.example/l402",
    ),
    (
        "[[webhook]]\nurl = \"https://h.example/#x\"\nsecret_file = \"s\"",
        "webhook[0].url",
        "https://hooks.example/l402",
    ),
    (
        "[[webhook]]\nurl = \"http://h.example/\"\nsecret_file = \"s\"",
        "webhook[0].url",
        "https://hooks.example/l402",
    ),
    (
        "[[webhook]]\nurl = \"https://10.0.0.1/\"\nsecret_file = \"s\"",
        "webhook[0].url",
        "https://hooks.example/l402",
    ),
    (
        "[[webhook]]\nurl = \"https://h.example/\"",
        "webhook[0].secret_file",
        "> webhook.key",
    ),
];

/// Behind the sound route.
const ROUTES: &[Row] = &[
    (
        "[[route]]\nprice = \"1 sat\"\nupstream = \"http://h\"",
        "route[1].path",
        "path = \"/joke\"",
    ),
    (
        "[[route]]\nprice = \"1 sat\"\npath = \"/a\"",
        "route[1].upstream",
        "\"http://127.0.0.1:3000\"",
    ),
    (
        "[[route]]\npath = \"/a\"\nupstream = \"http://h\"",
        "route[1].price",
        "price = \"50 sat\"",
    ),
    ("price = \"5\"", "route[1].price", "\"50 sat\""),
    ("price = \"5 eur\"", "route[1].price", "\"50 sat\""),
    ("price = \"-5 sat\"", "route[1].price", "\"50 sat\""),
    ("price = \"0.5 msat\"", "route[1].price", "\"2500 msat\""),
    ("price = \"22000000 BTC\"", "route[1].price", "\"50 sat\""),
    ("price = \"0 sat\"", "route[1]", "\"50 sat\""),
    (
        "upstream = \"127.0.0.1:3000\"",
        "route[1].upstream",
        "http://127.0.0.1:3000",
    ),
    (
        "upstream = \"ftp://h\"",
        "route[1].upstream",
        "http://127.0.0.1:3000",
    ),
    (
        "upstream = \"http://me:pw@h\"",
        "route[1].upstream",
        "http://127.0.0.1:3000",
    ),
    (
        "upstream = \"http://h/?a\"",
        "route[1].upstream",
        "http://127.0.0.1:3000",
    ),
    (
        "upstream = []",
        "route[1].upstream",
        "\"http://127.0.0.1:3000\"",
    ),
    (
        "upstream = \"http://127.0.0.1:8402\"",
        "route[1].upstream",
        "http://127.0.0.1:3000",
    ),
    ("grpc = true", "route[1].upstream", "h2c://127.0.0.1:50051"),
    ("path = \"joke\"", "route[1]", "/files/{*rest}"),
    ("path = \"/a//b\"", "route[1]", "/files/{*rest}"),
    (
        "path = \"/.well-known/l402/x\"",
        "route[1].path",
        "such as /joke",
    ),
    ("strip_prefix = \"/b\"", "route[1].strip_prefix", "\"/api\""),
    (
        "path = \"/{a}/b\"\nstrip_prefix = \"/{a}\"",
        "route[1].strip_prefix",
        "\"/api\"",
    ),
    (
        "allow_free_overlap = [\"/none\"]",
        "route[1]",
        "\"/files/{*rest}\"",
    ),
    (
        "cors_origins = [\"app.example\"]",
        "route[1].cors_origins",
        "\"https://app.example\"",
    ),
    (
        "request_schema = 5",
        "route[1].request_schema",
        "\"joke.schema.json\"",
    ),
    (
        "health = { path = \"x\" }",
        "route[1].health.path",
        "\"/healthz\"",
    ),
];

/// Returns a second route in which a row stands in the place of the usual keys.
fn route(row: &str) -> String {
    if row.starts_with("[[route]]") {
        return row.to_owned();
    }
    let usual = [
        "path = \"/a\"",
        "upstream = \"http://127.0.0.1:3000\"",
        "price = \"1 sat\"",
    ];
    let has = |line: &str| {
        let key = line.split(' ').next().unwrap_or_default();
        row.lines().any(|own| own.starts_with(&format!("{key} =")))
    };
    let usual: Vec<_> = usual.into_iter().filter(|line| !has(line)).collect();
    format!("[[route]]\n{row}\n{}", usual.join("\n"))
}

#[test]
fn an_error_shows_how_it_is_written() {
    let root = ROOT
        .iter()
        .map(|(row, key, example)| (format!("{row}\n{ROUTE}"), key, example));
    let routes = ROUTES
        .iter()
        .map(|(row, key, example)| (format!("{ROUTE}{}", route(row)), key, example));
    let mut wrong = Vec::new();
    for (text, key, example) in root.chain(routes) {
        match Config::from_toml(&text, "l402.toml") {
            Ok(_) => wrong.push(format!("no mistake: {text}")),
            Err(mistakes) => {
                let found = mistakes.iter().find(|it| it.key() == *key);
                let shown = found.map(ToString::to_string).unwrap_or_default();
                if !shown.contains(example) {
                    wrong.push(format!("{key} lacks {example}: {mistakes:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn so_does_an_error_about_a_flag() {
    let price = "1 sat".parse().expect("a price");
    let of = |change: &dyn Fn(&mut QuickConfig)| {
        let mut quick = QuickConfig::new("http://127.0.0.1:3000", price);
        change(&mut quick);
        quick.config().expect_err("a mistake")[0].to_string()
    };
    for (error, example) in [
        (of(&|it| it.upstream = "x".into()), "http://127.0.0.1:3000"),
        (of(&|it| it.free = vec!["x".into()]), "/files/{*rest}"),
        (
            of(&|it| it.also = vec![("x".into(), price)]),
            "/files/{*rest}",
        ),
        (
            of(&|it| it.also = vec![("/x".into(), l402::Msat::ZERO)]),
            "\"50 sat\"",
        ),
        (of(&|it| it.memo = Some(String::new())), "\"Jokes\""),
        (
            of(&|it| it.overrides.listen = vec!["0.0.0.0:1".parse().unwrap()]),
            "127.0.0.1:1,",
        ),
    ] {
        assert!(error.contains(example), "{example}: {error}");
    }
}
