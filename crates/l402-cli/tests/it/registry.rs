//! `l402 registry` and `l402 demo --registry`, as a user runs them.

use std::time::Duration;

use serde_json::Value;

use crate::program::{Home, Serving};

/// The tries before a test fails, and the pause between two of them: long enough for a slow machine.
const TRIES: u32 = 450;
const PAUSE: Duration = Duration::from_millis(200);

/// An upstream that takes connections and answers nothing: a 402 comes before it is asked.
fn upstream() -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    (listener, url)
}

/// A registry that looks at each service every second, in a home of its own.
fn registry(home: &Home) -> Serving {
    let config = home.file("registry.toml", "[probe]\ninterval_secs = 1\n");
    let config = config.to_str().expect("a path");
    home.serve(&[
        "registry",
        "serve",
        "--config",
        config,
        "--listen",
        "127.0.0.1:0",
    ])
}

fn url_of(registry: &Serving) -> String {
    format!("http://{}", registry.address())
}

/// The JSON that a command prints about a listing, once it fits.
fn until(home: &Home, args: &[&str], fits: impl Fn(&Value) -> bool) -> Value {
    let mut last = None;
    for _ in 0..TRIES {
        let ran = home.run(args);
        let value = serde_json::from_str(&ran.stdout).unwrap_or_default();
        if ran.status == Some(0) && fits(&value) {
            return value;
        }
        last = Some(ran);
        std::thread::sleep(PAUSE);
    }
    panic!("{args:?}: {last:#?}");
}

/// The observed prices of all listings that are up, the lowest first.
fn prices(found: &Value) -> Vec<u64> {
    let services = found["services"].as_array();
    let up = services
        .into_iter()
        .flatten()
        .filter(|it| it["state"] == "up");
    let mut prices: Vec<_> = up
        .filter_map(|it| it["observed"]["price_msat"].as_u64())
        .collect();
    prices.sort_unstable();
    prices
}

#[test]
fn every_command_of_the_page_is_understood() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/registry.md");
    let page = std::fs::read_to_string(page).expect("docs/registry.md");
    let lines = page.lines().filter(|line| line.starts_with("    l402 "));
    let mut seen = 0;
    for line in lines {
        let line = line.split(" #").next().unwrap_or(line).trim();
        let line = line.split(" > ").next().unwrap_or(line);
        let read = l402_cli::command_line().try_get_matches_from(crate::contract::words(line));
        assert_eq!(read.err().map(|error| error.to_string()), None, "{line}");
        seen += 1;
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn the_demo_lists_itself_and_costs_what_the_page_says() {
    let home = Home::new();
    let demo = home.serve(&["demo", "--registry", "--listen", "127.0.0.1:0"]);
    let registry = demo.announced["registry"].as_str().expect("a registry");
    let registry = registry.trim_end_matches('/');
    let listings = &demo.announced["announced"][0]["answer"]["listings"];
    assert_eq!(
        listings.as_array().map(Vec::len),
        Some(3),
        "{:#}",
        demo.announced
    );
    let search = ["registry", "search", "--registry", registry];
    let found = until(&home, &search, |found| prices(found).len() == 3);
    assert_eq!(prices(&found), [10_000, 50_000, 50_000]);
    for service in found["services"].as_array().expect("a list") {
        let url = service["url"].as_str().expect("a URL");
        let format = "\n%{l402_price_msat}";
        let args = ["get", url, "--wallet", "sandbox", "-w", format];
        let ran = home.run(&args).expect(0);
        let (_, written) = ran.stdout.rsplit_once('\n').expect("two parts");
        assert_eq!(written, service["observed"]["price_msat"].to_string());
    }
    let page = home.run(&["get", registry]).expect(0).stdout;
    assert!(page.contains("50 sat"), "{page}");
}

#[test]
fn a_seller_that_is_gone_is_down_and_another_price_is_history() {
    let home = Home::new();
    let registry = registry(&home);
    let at = url_of(&registry);
    let demo = home.serve(&["demo", "--announce", &at, "--listen", "127.0.0.1:0"]);
    let gateway = demo.address().to_owned();
    let joke = format!("http://{gateway}/api/l402/joke");
    let show = ["registry", "show", &joke, "--registry", &at];
    let service = until(&home, &show, |service| service["state"] == "up");
    assert_eq!(service["observed"]["price_msat"], 50_000);
    assert_eq!(service["price_differs"], false);
    drop(demo);
    let service = until(&home, &show, |service| service["state"] == "down");
    let reason = service["reason"]["code"].as_str();
    assert_eq!(reason, Some("no_answer"), "{service:#}");
    let (_open, upstream) = upstream();
    // Another seller at the same address, who asks 7 sat for everything.
    let args = [
        "serve",
        "--upstream",
        &upstream,
        "--price",
        "7 sat",
        "--listen",
        &gateway,
    ];
    let _seller = home.serve(&args);
    let service = until(&home, &show, |service| {
        service["observed"]["price_msat"] == 7_000 && service["state"] == "up"
    });
    assert_eq!(service["price_differs"], true, "{service:#}");
    let history = format!(
        "{at}/api/v1/services/{}/history",
        service["id"].as_str().expect("an id")
    );
    let history = home.run(&["get", &history]).expect(0).json();
    let text = history.to_string();
    for part in ["50000", "7000", "\"down\""] {
        assert!(text.contains(part), "{part}: {history:#}");
    }
}

#[test]
fn a_node_makes_its_holder_the_owner_and_a_payment_makes_a_reviewer() {
    let home = Home::new();
    let registry = registry(&home);
    let at = url_of(&registry);
    let demo = home.serve(&["demo", "--announce", &at, "--listen", "127.0.0.1:0"]);
    let quote = demo.url("/api/l402/quote");
    let ran = |args: &[&str]| home.run(&[args, &["--registry", &at]].concat());
    until(
        &home,
        &["registry", "show", &quote, "--registry", &at],
        |it| it["state"] == "up",
    );

    // Nobody owns it, and so nobody changes it.
    let refused = ran(&["registry", "edit", &quote, "--name", "Mine"]).expect(27);
    assert_eq!(refused.json()["error"], "not_owner");
    let claimed = ran(&[
        "registry", "claim", &quote, "--proof", "node", "--wallet", "sandbox",
    ]);
    let claimed = claimed.expect(0);
    assert_eq!(claimed.json()["state"], "owned");
    let key = std::fs::read_to_string(claimed.json()["key_file"].as_str().expect("a file"));
    let key = key.expect("a key");
    assert!(!claimed.stdout.contains(key.trim()) && !claimed.stderr.contains(key.trim()));

    let name = "Quotes <script>alert(1)</script>";
    ran(&["registry", "edit", &quote, "--name", name, "--tag", "fun"]).expect(0);
    let service = ran(&["registry", "show", &quote]).expect(0).json();
    assert_eq!(service["name"], name);
    assert_eq!(
        (&service["owner"]["proof"], &service["words_from"]),
        (&"node".into(), &"owner".into())
    );

    let review = [
        "registry", "review", &quote, "--stars", "4", "--text", "short",
    ];
    let stranger = Home::new().run(&[&review[..], &["--registry", &at]].concat());
    assert_eq!(stranger.expect(64).json()["error"], "no_payment");
    home.run(&["get", &quote, "--wallet", "sandbox"]).expect(0);
    let reviewed = ran(&review).expect(0).json();
    let hash = reviewed["payment_hash"]
        .as_str()
        .expect("a hash")
        .to_owned();
    // One review a payment.
    assert_eq!(ran(&review).expect(27).json()["error"], "taken");
    ran(&["registry", "answer", &quote, &hash, "--text", "thanks"]).expect(0);
    let service = ran(&["registry", "show", &quote]).expect(0).json();
    assert_eq!(service["reviews"]["count"], 1, "{service:#}");

    is_handed_on(&home, &quote, &at);
}

/// The old key is void, and the new holder has one that nobody else has seen.
fn is_handed_on(home: &Home, quote: &str, at: &str) {
    let ran = |args: &[&str]| home.run(&[args, &["--registry", at]].concat());
    let handed = home.path().join("handed.key");
    let file = handed.to_str().expect("a path");
    ran(&["registry", "transfer", quote, "--key-file", file]).expect(0);
    assert_eq!(
        ran(&["registry", "edit", quote, "--name", "x"])
            .expect(27)
            .json()["error"],
        "not_owner"
    );
    let other = Home::new();
    let own = [
        "registry",
        "own",
        quote,
        "--key-file",
        file,
        "--registry",
        at,
    ];
    other.run(&own).expect(0);
    assert_eq!(other.run(&own).expect(27).json()["error"], "not_proved");
    let remove = ["registry", "remove", quote, "--registry", at];
    other.run(&remove).expect(0);
    assert_eq!(
        ran(&["registry", "show", quote]).expect(27).json()["error"],
        "not_found"
    );
}

#[test]
fn a_line_that_the_gateway_publishes_makes_an_owner() {
    let home = Home::new();
    let registry = registry(&home);
    let at = url_of(&registry);
    let (_open, upstream) = upstream();
    let config = |verify: &str| {
        format!(
            "listen = [\"127.0.0.1:0\"]\n[[route]]\npath = \"/joke\"\nupstream = \"{upstream}\"\n\
             price = \"5 sat\"\n{verify}"
        )
    };
    let file = home.file("l402.toml", &config(""));
    let seller = home.serve(&["serve", "--config", file.to_str().expect("a path")]);
    let joke = seller.url("/joke");
    let ran = |args: &[&str]| home.run(&[args, &["--registry", &at]].concat());
    let announced = ran(&["registry", "announce", &seller.url("")])
        .expect(0)
        .json();
    assert_eq!(announced["listings"][0]["url"], *joke, "{announced:#}");
    let begun = ran(&["registry", "claim", &joke]).expect(0).json();
    assert_eq!(begun["state"], "waiting");
    let line = begun["publish"]["line"].as_str().expect("a line");
    assert_eq!(
        ran(&["registry", "claim", &joke, "--finish"])
            .expect(27)
            .json()["error"],
        "not_proved"
    );
    let verify = format!("[publish.verify]\n\"l402-registry-verify.txt\" = \"{line}\"\n");
    std::fs::write(&file, config(&verify)).expect("a file");
    crate::program::signal("HUP", seller.pid());
    let published = seller.url("/.well-known/l402-registry-verify.txt");
    let is_published = || home.run(&["get", &published]).stdout.contains(line);
    let mut tries = 0..TRIES;
    assert!(tries.any(|_| is_published()), "the line is not published");
    let owned = ran(&["registry", "claim", &joke, "--finish"])
        .expect(0)
        .json();
    assert_eq!(
        (&owned["state"], &owned["proof"]),
        (&"owned".into(), &"file".into())
    );
}

#[test]
fn moderators_hide_and_the_list_is_copied_while_it_is_served() {
    let home = Home::new();
    let registry = registry(&home);
    let at = url_of(&registry);
    let demo = home.serve(&["demo", "--announce", &at, "--listen", "127.0.0.1:0"]);
    let joke = demo.url("/api/l402/joke");
    let ran = |args: &[&str]| home.run(&[args, &["--registry", &at]].concat());
    let hide = [
        "registry",
        "moderate",
        "hide",
        &joke,
        "--reason",
        "not funny",
    ];
    ran(&hide).expect(0);
    let gone = ran(&["registry", "show", &joke]).expect(27);
    assert!(gone.stderr.contains("not funny"), "{gone:#?}");
    let list = home.run(&["registry", "export"]).expect(0).json();
    assert_eq!(
        list["services"].as_array().map(Vec::len),
        Some(2),
        "{list:#}"
    );
    let csv = home.run(&["registry", "export", "--csv"]).expect(0).stdout;
    assert_eq!(csv.lines().count(), 3, "{csv}");
    let feed = home.run(&["registry", "export", "--atom"]).expect(0).stdout;
    assert!(
        feed.starts_with("<?xml") && !feed.contains("/joke"),
        "{feed}"
    );
    ran(&["registry", "moderate", "unhide", &joke]).expect(0);
    ran(&["registry", "show", &joke]).expect(0);

    let copy = home.path().join("copy.db");
    home.run(&["registry", "backup", copy.to_str().expect("a path")])
        .expect(0);
    let json = home.run(&["registry", "export"]).expect(0).stdout;
    let file = home.file("export.json", &json);
    let other = Home::new();
    let imported = other.run(&["registry", "import", file.to_str().expect("a path")]);
    assert_eq!(imported.expect(0).json()["new"], 3);
}

#[test]
fn the_whole_list_is_sold_if_the_operator_names_a_price() {
    let home = Home::new();
    let text = "[export]\nprice = \"500 sat\"\nnode = \"sandbox\"\n";
    let config = home.file("registry.toml", text);
    let config = config.to_str().expect("a path");
    let serve = [
        "registry",
        "serve",
        "--config",
        config,
        "--listen",
        "127.0.0.1:0",
    ];
    let registry = home.serve(&serve);
    let list = registry.url("/api/v1/export.json");
    let ran = home.run(&["get", &list, "--dry-run", "--error-format", "json"]);
    assert!(
        ran.stderr.contains("500 sat") || ran.stdout.contains("500000"),
        "{ran:#?}"
    );
    let bought = home
        .run(&["get", &list, "--wallet", "sandbox"])
        .expect(0)
        .json();
    assert_eq!(bought["services"].as_array().map(Vec::len), Some(0));
    // The rest stays free.
    home.run(&["get", &registry.url("/api/v1/services")])
        .expect(0);
}

#[test]
fn a_configuration_is_checked_before_anything_is_bound() {
    let home = Home::new();
    let ran = home.run(&["registry", "serve", "--check"]).expect(0).json();
    assert_eq!((&ran["ok"], &ran["loopback"]), (&true.into(), &true.into()));
    let printed = home
        .run(&["registry", "serve", "--print-config"])
        .expect(0)
        .stdout;
    let file = home.file("printed.toml", &printed);
    let check = ["registry", "serve", "--check", "--config"];
    home.run(&[&check[..], &[file.to_str().expect("a path")]].concat())
        .expect(0);
    for (text, told) in [
        ("lissten = []", "lissten"),
        (
            "[export]\nprice = \"5 sat\"",
            "export: write price and node",
        ),
        (
            "[paid]\nwallet = \"sandbox\"",
            "paid: write wallet, max_price and per_day",
        ),
    ] {
        let file = home.file("wrong.toml", text);
        let ran = home.run(&[&check[..], &[file.to_str().expect("a path")]].concat());
        assert!(ran.stderr.contains(told), "{text}: {ran:#?}");
        ran.expect(78);
    }
    // Nobody listens: the next step is in the error.
    let gone = ["registry", "search", "--registry", "http://127.0.0.1:1"];
    let ran = home.run(&gone).expect(69);
    assert!(ran.stderr.contains("l402 registry serve"), "{ran:#?}");
    // A key never travels over plain HTTP to another machine.
    let far = [
        "registry",
        "edit",
        "https://a.example/",
        "--name",
        "x",
        "--registry",
        "http://registry.example",
    ];
    home.run(&far).expect(27);
}
