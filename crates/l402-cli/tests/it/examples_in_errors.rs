//! Every error about an address, a path or an amount on the command line shows how it is written.

use crate::program::Home;

/// A command line, and the example in its error.
const ROWS: &[(&[&str], &str)] = &[
    // Amounts.
    (
        &["serve", "--upstream", "http://h", "--price", "5"],
        "\"50 sat\"",
    ),
    (
        &["serve", "--upstream", "http://h", "--price", "5 eur"],
        "\"50 sat\"",
    ),
    (
        &["serve", "--upstream", "http://h", "--price", "x"],
        "\"50 sat\"",
    ),
    (
        &["serve", "--upstream", "http://h", "--price", "0.1 msat"],
        "\"2500 msat\"",
    ),
    (
        &["serve", "--upstream", "http://h", "--price", "22000000 BTC"],
        "\"50 sat\"",
    ),
    (
        &[
            "serve",
            "--upstream",
            "http://h",
            "--price",
            "1 sat",
            "--also",
            "/a",
        ],
        "\"/video=900 sat\"",
    ),
    (
        &[
            "serve",
            "--upstream",
            "http://h",
            "--price",
            "1 sat",
            "--also",
            "/a=9",
        ],
        "\"50 sat\"",
    ),
    (&["get", "http://h", "--max-price", "5"], "\"50 sat\""),
    (&["get", "http://h", "--max-fee", "5"], "\"10 sat\""),
    (&["get", "http://h", "--max-fee", "101%"], "\"1%\""),
    (&["wallet", "fund", "5"], "\"50 sat\""),
    (&["wallet", "fund", "0 sat"], "\"5000 sat\""),
    (&["wallet", "fund", "2000000 sat"], "\"5000 sat\""),
    (&["budget", "set", "a", "--per-day", "5"], "\"50 sat\""),
    // Addresses to listen on.
    (&["demo", "--listen", "x"], "127.0.0.1:8402"),
    (&["demo", "--listen", "shop.example:80"], "0.0.0.0:8402"),
    (&["sandbox", "--listen", ":99999"], "127.0.0.1:8402"),
    (&["proxy", "10.0.0.1:80"], "127.0.0.1:8408"),
    (&["proxy", "x"], "127.0.0.1:8402"),
    #[cfg(feature = "mcp")]
    (&["mcp", "--http", "0.0.0.0:8406"], "127.0.0.1:8406"),
    (
        &["admin", "health", "--address", "10.0.0.1:1"],
        "127.0.0.1:8405",
    ),
    (
        &["admin", "health", "--address", "https://h"],
        "http://127.0.0.1:8405",
    ),
    (
        &["admin", "health", "--address", "unix:"],
        "unix:/run/l402/admin.sock",
    ),
    // Addresses to ask.
    (&["get", "ftp://h"], "https://api.example.com/path"),
    (&["get", "http://"], "https://api.example.com/path"),
    (&["doctor", "ftp://h"], "https://api.example.com/path"),
    (
        &["get", "http://h", "-x", "ftp://h"],
        "http://127.0.0.1:3128",
    ),
    (
        &["get", "http://h", "--resolve", "h"],
        "api.example:443:127.0.0.1",
    ),
    (
        &["get", "http://h", "--connect-to", "h"],
        "api.example:443:127.0.0.1:8443",
    ),
    (
        &["get", "http://h", "--allow-address", "10.0.0.1/8"],
        "10.0.0.0/8",
    ),
    (
        &["get", "http://h", "--allow-address", "a b"],
        "printer.lan",
    ),
    #[cfg(feature = "registry")]
    (
        &["demo", "--announce", "registry"],
        "https://registry.example",
    ),
    #[cfg(feature = "registry")]
    (
        &["registry", "serve", "--public-url", "x"],
        "https://registry.example",
    ),
    #[cfg(feature = "registry")]
    (
        &["registry", "search", "--registry", "x"],
        "https://registry.example",
    ),
    // Wallets and nodes.
    (
        &[
            "serve",
            "--upstream",
            "http://h",
            "--price",
            "1 sat",
            "--node",
            "lnd://",
        ],
        "lnd://127.0.0.1:8080?",
    ),
    (
        &["get", "http://h", "--wallet", "lnb:x"],
        "/path/pay.macaroon",
    ),
    (
        &["wallet", "add", "x", "--kind", "lnd"],
        "lnd://127.0.0.1:8080?",
    ),
    #[cfg(feature = "postgres")]
    (
        &["ledger", "copy", "--to", "mysql://h"],
        "postgres://l402@db.example/l402",
    ),
    // What is missing.
    (&["serve"], "http://127.0.0.1:3000"),
];

#[test]
fn an_error_shows_how_it_is_written() {
    let home = Home::new();
    let mut wrong = Vec::new();
    for (args, example) in ROWS {
        let ran = home.run(args).expect(64);
        if !ran.stderr.contains(example) {
            wrong.push(format!("{args:?} lacks {example}: {}", ran.stderr));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // None of them has begun anything.
    assert!(!home.path().join("home/sandbox").exists());
}
