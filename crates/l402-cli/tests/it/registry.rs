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
    let shown = ran(&["registry", "show", &quote]).expect(0).json();
    let newest = &shown["reviews"]["newest"][0];
    assert_eq!(newest["payment_hash"], *hash, "{shown:#}");
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
    // What is no list is named, and what would be one.
    let file = home.file("page.html", "<html>");
    let ran = other
        .run(&["registry", "import", file.to_str().expect("a path")])
        .expect(74);
    assert!(
        ran.stderr.contains("page.html") && ran.stderr.contains("402index"),
        "{ran:#?}"
    );
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

/// The texts to copy of a page of the registry.
fn to_copy(home: &Home, url: &str) -> Vec<String> {
    let html = home.run(&["get", url]).expect(0).stdout;
    let parts = html.split("<pre><code>").skip(1);
    let texts = parts.filter_map(|part| part.split_once("</code></pre>"));
    texts
        .map(|(text, _)| {
            let text = text.replace("&lt;", "<").replace("&gt;", ">");
            text.replace("&quot;", "\"").replace("&amp;", "&")
        })
        .collect()
}

/// The words of a line, as a shell reads them.
#[cfg(unix)]
fn shell_words(line: &str) -> Vec<String> {
    let mut shell = std::process::Command::new("sh");
    let print = format!("l402() {{ printf '%s\\n' l402 \"$@\"; }}; {line}");
    let output = shell.arg("-c").arg(print).output().expect("a shell");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(str::to_owned).collect()
}

/// Runs a line of a page with the program in the place of `l402`.
#[cfg(unix)]
fn run_line(home: &Home, line: &str) -> crate::program::Ran {
    let program = home.command(&[]);
    let mut shell = std::process::Command::new("sh");
    let run = format!("l402() {{ \"$0\" \"$@\"; }}; {line}");
    shell.arg("-c").arg(run).arg(program.get_program());
    crate::program::copy_environment(&program, &mut shell);
    crate::program::Ran::of(shell.output().expect("a shell"))
}

/// Reads the command of this program at the end of a line: `claude mcp add NAME -- l402 …` and `… | l402 …` end
/// with one. Returns false if there is none.
#[cfg(unix)]
fn is_understood(line: &str) -> bool {
    let ours = line.split(" -- ").last().unwrap_or(line);
    let ours = ours.rsplit(" | ").next().unwrap_or(ours);
    if !ours.starts_with("l402 ") {
        return false;
    }
    let ours = ours.replace("HASH", &"0".repeat(64));
    let read = l402_cli::command_line().try_get_matches_from(shell_words(&ours));
    assert_eq!(read.err().map(|error| error.to_string()), None, "{line}");
    true
}

// What a page tells a seller, a buyer or an agent to type is understood, and what buys does buy.
#[cfg(unix)]
#[test]
fn every_command_of_its_pages_is_understood() {
    let home = Home::new();
    let empty = registry(&home);
    let demo_home = Home::new();
    let demo = demo_home.serve(&["demo", "--registry", "--listen", "127.0.0.1:0"]);
    let at = demo.announced["registry"].as_str().expect("a registry");
    let at = at.trim_end_matches('/');
    let quote = demo.url("/api/l402/quote");
    let show = ["registry", "show", &quote, "--registry", at];
    let service = until(&demo_home, &show, |it| it["state"] == "up");
    let id = service["id"].as_str().expect("an id");
    let detail = to_copy(&home, &format!("{at}/s/{id}"));
    let agents = to_copy(&home, &format!("{at}/api"));
    let pages = [
        to_copy(&home, &url_of(&empty)),
        to_copy(&home, &format!("{at}/owner")),
        agents.clone(),
        detail.clone(),
    ];
    let lines = pages.iter().flatten().flat_map(|text| text.lines());
    let seen = lines.filter(|line| is_understood(line)).count();
    assert!(seen > 12, "{seen}: {pages:#?}");

    // What the listing's page says is bought, by the program and by an agent's call.
    let get = detail.iter().find(|it| it.starts_with("l402 get"));
    let buyer = &demo_home;
    run_line(buyer, get.expect("a line")).expect(0);
    let mcp = detail.iter().find(|it| it.starts_with("claude mcp add"));
    let call = mcp.and_then(|it| it.lines().nth(1)).expect("a call");
    let answer = run_line(buyer, call).expect(0).stdout;
    assert!(
        answer.contains("\"isError\":false") || !answer.contains("isError"),
        "{answer}"
    );

    // The lines for `client.toml` lead an agent to this registry.
    let toml = agents.iter().find(|it| it.starts_with("[[registries]]"));
    buyer.configure(toml.expect("lines for client.toml"));
    let search = call.replace("l402_fetch", "search_services");
    let (_, arguments) = search.split_once("\"arguments\":").expect("arguments");
    let end = arguments.find('}').expect("an end") + 1;
    let search = search.replace(&arguments[..end], "{\"query\":\"quote\"}");
    let answer = run_line(buyer, &search).expect(0).stdout;
    assert!(answer.contains("/api/l402/quote"), "{answer}");
}

// The registry reads the documents that the gateway really writes: each lists what is sold, and nothing else.
#[test]
fn each_document_of_a_gateway_lists_what_it_sells() {
    let home = Home::new();
    let (_open, upstream) = upstream();
    let config = format!(
        "listen = [\"127.0.0.1:0\"]\n[publish]\nname = \"Jokes\"\ncategories = [\"media\"]\n\
         [[route]]\npath = \"/joke\"\nupstream = \"{upstream}\"\nprice = \"5 sat\"\ntitle = \"A joke\"\n\
         [[route]]\npath = \"/poem\"\nmethods = [\"POST\"]\nupstream = \"{upstream}\"\nprice = \"1500 msat\"\n\
         request_schema = {{ type = \"object\", required = [\"topic\"], properties = {{ topic = {{ type = \"string\" }} }} }}\n\
         [[route]]\npath = \"/staff\"\nupstream = \"{upstream}\"\nprice = \"1 sat\"\npublish = false\n"
    );
    let file = home.file("l402.toml", &config);
    let seller = home.serve(&["serve", "--config", file.to_str().expect("a path")]);
    for document in [
        "/.well-known/l402-services",
        "/.well-known/l402.json",
        "/openapi.json",
    ] {
        let home = Home::new();
        let registry = registry(&home);
        let at = url_of(&registry);
        let ran = |args: &[&str]| home.run(&[args, &["--registry", &at]].concat());
        let added = ran(&["registry", "add", &seller.url(document)])
            .expect(0)
            .json();
        let mut urls: Vec<_> = added["listings"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|it| it["url"].as_str().expect("a URL").to_owned())
            .collect();
        urls.sort_unstable();
        assert_eq!(
            urls,
            [seller.url("/joke"), seller.url("/poem")],
            "{document}"
        );
        for (path, name, method, msat) in [
            ("/joke", Some("A joke"), "GET", 5_000),
            ("/poem", None, "POST", 1_500),
        ] {
            let url = seller.url(path);
            let show = ["registry", "show", &url, "--registry", &at];
            let service = until(&home, &show, |it| it["state"] == "up");
            if let Some(name) = name {
                assert_eq!(service["name"], name, "{document}");
            }
            assert_eq!(service["http_method"], method, "{document}");
            assert_eq!(service["observed"]["price_msat"], msat, "{document}");
            assert_eq!(service["price_differs"], false, "{document}: {service:#}");
            assert_eq!(service["words_from"], "document", "{document}");
        }
    }
}

// `[paid]`: what is within its limit is bought once, what is above it never.
#[test]
fn a_registry_with_a_wallet_buys_once_and_within_its_limit() {
    let home = Home::new();
    let demo = home.serve(&["demo", "--listen", "127.0.0.1:0"]);
    let first = registry(&home);
    let at = url_of(&first);
    let announce = ["registry", "announce", &demo.url(""), "--registry", &at];
    home.run(&announce).expect(0);
    let search = ["registry", "search", "--registry", &at];
    until(&home, &search, |found| prices(found).len() == 3);
    drop(first);
    // Again with a wallet: the list is known, and so the first round buys.
    let paid = "[paid]\nwallet = \"sandbox\"\nmax_price = \"20 sat\"\nper_day = \"100 sat\"\n";
    let config = home.file("paid.toml", &format!("[probe]\ninterval_secs = 1\n{paid}"));
    let config = config.to_str().expect("a path");
    let listen = ["--listen", "127.0.0.1:0"];
    let registry = home.serve(&[&["registry", "serve", "--config", config], &listen[..]].concat());
    let at = url_of(&registry);
    let quote = demo.url("/api/l402/quote");
    let show = ["registry", "show", &quote, "--registry", &at];
    let service = until(&home, &show, |it| it["paid_probe"]["works"] == true);
    assert_eq!(service["paid_probe"]["paid_msat"], 10_000, "{service:#}");
    // Two more looks at the same service buy nothing, and the jokes of 50 sat are above the limit.
    let looked = service["last_checked"].clone();
    until(&home, &show, |it| it["last_checked"] != looked);
    for path in ["/api/l402/joke", "/api/l402/fortune"] {
        let show = ["registry", "show", &demo.url(path), "--registry", &at];
        let service = home.run(&show).expect(0).json();
        assert!(service["paid_probe"].is_null(), "{service:#}");
    }
    let payments = home.run(&["payments", "--json"]).expect(0);
    assert_eq!(
        payments
            .stdout
            .matches("\"path\":\"/api/l402/quote\"")
            .count(),
        1,
        "{payments:#?}"
    );
}

// The keys of the page are those of the program.
#[test]
fn every_key_of_the_page_is_one_of_the_configuration() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/registry.md");
    let page = std::fs::read_to_string(page).expect("docs/registry.md");
    let (_, section) = page.split_once("## Run one").expect("the section");
    let rows = section.lines().skip_while(|line| !line.starts_with("| `"));
    let home = Home::new();
    let mut seen = 0;
    for row in rows.take_while(|line| line.starts_with("| `")) {
        let names = row.split('|').nth(1).expect("a cell");
        let mut names: Vec<_> = names.split('`').skip(1).step_by(2).collect();
        let table = names.first().filter(|name| name.starts_with('['));
        let table = table.map(|name| format!("{name}\n"));
        if table.is_some() {
            names.remove(0);
        }
        for name in names {
            let text = format!("{}{name} = true\n", table.as_deref().unwrap_or_default());
            let file = home.file("key.toml", &text);
            let file = file.to_str().expect("a path");
            let ran = home.run(&["registry", "serve", "--check", "--config", file]);
            assert!(!ran.stderr.contains("no such key"), "{text}: {ran:#?}");
            seen += 1;
        }
    }
    assert!(seen > 14, "{seen}");
}

// The gateway of the page has no documents of its own, which would hide those of the registry.
#[test]
fn the_gateway_of_the_page_shows_the_registrys_documents() {
    use std::io::{Read as _, Write as _};
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/registry.md");
    let page = std::fs::read_to_string(page).expect("docs/registry.md");
    let mut blocks = page.split("```toml\n").skip(1);
    let block = blocks.find(|it| it.contains("[[route]]")).expect("a block");
    let (block, _) = block.split_once("```").expect("its end");
    assert!(block.contains("node = "), "others may not reach play money");
    let home = Home::new();
    let public = ["--public-url", "https://registry.example"];
    let listen = ["--listen", "127.0.0.1:0"];
    let serve = [&["registry", "serve"], &public[..], &listen[..]].concat();
    let registry = home.serve(&serve);
    // The same on this machine, for play money and without a certificate.
    let (before, after) = block.split_once("[tls]").expect("a table");
    let (_, after) = after.split_once("[publish]").expect("a table");
    let text = format!("{before}[publish]{after}")
        .replace("node = \"shop\"\n", "")
        .replace("0.0.0.0:443", "127.0.0.1:0")
        .replace("127.0.0.1:8406", registry.address());
    let file = home.file("gateway.toml", &text);
    let gateway = home.serve(&["serve", "--config", file.to_str().expect("a path")]);
    for (path, part) in [
        ("/", "<!DOCTYPE html>"),
        ("/openapi.json", "/api/v1/services"),
        ("/llms.txt", "directory"),
    ] {
        let mut stream = std::net::TcpStream::connect(gateway.address()).expect("a connection");
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: registry.example\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.contains(part),
            "{path}: {answer}"
        );
    }
}

#[test]
fn a_registry_logs_its_requests_and_counts_them() {
    let home = Home::new();
    let serve = ["registry", "serve", "--listen", "127.0.0.1:0"];
    let registry = home.serve(&[&serve[..], &["--log", "info"]].concat());
    home.run(&["get", &registry.url("/api/v1/services?q=words")])
        .expect(0);
    let lines = registry.until("/api/v1/services").join("\n");
    // What somebody searches for is nobody's business.
    assert!(
        lines.contains("status=200") && !lines.contains("words"),
        "{lines}"
    );
    let token = registry.announced["admin_token_file"]
        .as_str()
        .expect("a file");
    let token = std::fs::read_to_string(token).expect("a token");
    let header = format!("authorization: Bearer {}", token.trim());
    let counters = registry.url("/api/v1/admin/counters");
    let counters = home
        .run(&["get", &counters, "-H", &header])
        .expect(0)
        .json();
    assert!(counters["answers_2xx"].as_u64() >= Some(1), "{counters:#}");
}
