//! `l402 serve` and `l402 sandbox`.

use std::net::TcpListener;

#[cfg(unix)]
use crate::program::signal;
use crate::program::{Home, Serving};

#[test]
fn seller_and_buyer_share_a_home_and_nothing_else() {
    let home = Home::new();
    let demo = home.serve(&["demo", "--listen", "127.0.0.1:0"]);
    // The demo's free page is as good an upstream as any.
    let upstream = demo.url("");
    let shop = home.serve(&[
        "serve",
        "--upstream",
        &upstream,
        "--price",
        "7 sat",
        "--listen",
        "127.0.0.1:0",
    ]);
    let ran = home.run(&[
        "get",
        &shop.url("/health"),
        "--wallet",
        "sandbox",
        "-w",
        "%{http_code} %{l402_price_msat}",
    ]);
    let ran = ran.expect(0);
    assert!(ran.stdout.ends_with("200 7000"), "{ran:#?}");
}

#[test]
fn what_is_sold_is_published_and_a_file_that_this_hides_is_named() {
    let home = Home::new();
    let demo = home.serve(&["demo", "--listen", "127.0.0.1:0"]);
    let services = demo.url("/.well-known/l402-services");
    let services = home.run(&["get", &services]).expect(0).json();
    assert_eq!(services["name"], "l402 demo");
    let entries = services["services"].as_array().expect("a list");
    let of = |method: &str| {
        let of = entries.iter().filter(|one| one["method"] == method);
        of.map(|one| one["price_sats"].as_u64().expect("a price"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (of("GET"), of("POST")),
        (vec![50, 50, 10], vec![50, 50, 10])
    );

    // Before the demo's gateway, whose documents are now the files of an upstream.
    let shop = home.serve(&[
        "serve",
        "--upstream",
        &demo.url(""),
        "--price",
        "7 sat",
        "--name",
        "Jokes",
        "--listen",
        "127.0.0.1:0",
    ]);
    let own = [
        "/.well-known/l402-services",
        "/.well-known/l402.json",
        "/openapi.json",
        "/llms.txt",
    ];
    assert_eq!(shop.announced["publishes"], serde_json::json!(own));
    let told = shop.until("has a file of its own here");
    assert!(
        told.last().is_some_and(|line| line.contains("[publish]")),
        "{told:#?}"
    );
    let openapi = home.run(&["get", &shop.url("/openapi.json")]);
    let openapi = openapi.expect(0).json();
    assert_eq!(openapi["info"]["title"], "Jokes");
    let offer = &openapi["paths"]["/"]["get"]["x-payment-info"]["offers"][0];
    assert_eq!(offer["amount"], "7");
}

#[cfg(unix)]
#[test]
fn asked_to_stop_it_ends_with_0() {
    let home = Home::new();
    let mut shop = home.serve(&[
        "serve",
        "--upstream",
        "http://127.0.0.1:1",
        "--price",
        "1 sat",
        "--listen",
        "127.0.0.1:0",
    ]);
    assert!(shop.announced["routes"].is_array());
    signal("TERM", shop.pid());
    assert_eq!(shop.wait(), Some(0));
}

#[cfg(unix)]
#[test]
fn the_sandbox_takes_its_fault_away_when_it_ends() {
    let home = Home::new();
    let fault = ["sandbox", "--listen", "127.0.0.1:0", "--fault", "fails"];
    let mut sandbox = home.serve(&fault);
    let demo = ["demo", "--once", "--listen", "127.0.0.1:0"];
    home.run(&demo).expect(13);
    signal("TERM", sandbox.pid());
    assert_eq!(sandbox.wait(), Some(0));
    home.run(&demo).expect(0);
}

#[test]
fn a_check_names_file_line_and_key_and_binds_nothing() {
    let home = Home::new();
    // If the check tried to listen here, it would fail for another reason.
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let listen = taken.local_addr().expect("an address");
    let good = format!(
        "listen = [\"{listen}\"]\n\n[[route]]\npath = \"/a\"\nupstream = \"http://127.0.0.1:1\"\n\
         service = \"a\"\nprice = \"5 sat\"\n"
    );
    let file = home.file("good.toml", &good);
    let file = file.to_str().expect("a path");
    let checked = home
        .run(&["serve", "--config", file, "--check"])
        .expect(0)
        .json();
    assert_eq!(checked["ok"], true);
    assert_eq!(checked["publishes"][2], "/openapi.json");
    assert_eq!(checked["routes"][0]["upstream"], "http://127.0.0.1:1");
    let several = "upstream = [\"http://127.0.0.1:1\", \"http://127.0.0.1:2\"]";
    let several = good.replace("upstream = \"http://127.0.0.1:1\"", several);
    let file = home.file("several.toml", &several);
    let file = file.to_str().expect("a path");
    let checked = home.run(&["serve", "--config", file, "--check"]).expect(0);
    let urls = serde_json::json!(["http://127.0.0.1:1", "http://127.0.0.1:2"]);
    assert_eq!(checked.json()["routes"][0]["upstreams"], urls);

    let wrong_price = good.replace("5 sat", "-1 sat");
    let unknown_key = format!("{good}colour = \"red\"\n");
    for (name, text, line, key) in [
        ("price.toml", wrong_price, 7, "price"),
        ("key.toml", unknown_key, 8, "colour"),
    ] {
        let file = home.file(name, &text);
        let ran = home.run(&[
            "serve",
            "--config",
            file.to_str().expect("a path"),
            "--check",
        ]);
        let ran = ran.expect(78);
        assert_eq!(ran.json()["ok"], false);
        let place = format!("{name}:{line}:");
        assert!(
            ran.stderr.contains(&place) && ran.stderr.contains(key),
            "{ran:#?}"
        );
        // Without --check the same mistake ends it before anything is bound.
        home.run(&["serve", "--config", file.to_str().expect("a path")])
            .expect(78);
    }
    assert!(
        !home.path().join("home").exists(),
        "a check leaves no state"
    );
}

/// FAULTS G14: a check that finds nothing wrong is followed by a start that works.
#[test]
fn a_check_looks_at_the_files_that_the_configuration_names() {
    let home = Home::new();
    let text = "[[route]]\npath = \"/a\"\nupstream = \"http://127.0.0.1:1\"\nprice = \"5 sat\"\n";
    for (name, more) in [
        (
            "tls.toml",
            "[tls]\ncertificate = \"none.pem\"\nkey = \"none.key\"\n",
        ),
        ("keys.toml", "[keys]\nfile = \"none.key\"\n"),
        (
            "node.toml",
            "node = \"lnd://127.0.0.1:1?tls_cert=none&macaroon=none\"\n",
        ),
    ] {
        let file = home.file(name, &format!("{more}{text}"));
        let file = file.to_str().expect("a path");
        let ran = home.run(&["serve", "--config", file, "--check"]).expect(78);
        let errors = &ran.json()["errors"];
        assert_eq!(
            (&ran.json()["ok"], errors[0]["file"].as_str()),
            (&false.into(), Some(file))
        );
        // Relative to the file that names it.
        let folder = home.path().display().to_string();
        let message = errors[0]["message"].as_str().expect("a text");
        assert!(
            message.contains("none") && message.contains(&folder),
            "{message}"
        );
        assert!(!home.path().join("home").exists(), "a check writes nothing");
    }
}

#[test]
fn the_printed_configuration_passes_its_own_check() {
    let home = Home::new();
    let printed = home.run(&["serve", "--print-config"]).expect(0).stdout;
    let file = home.file("printed.toml", &printed);
    home.run(&[
        "serve",
        "--config",
        file.to_str().expect("a path"),
        "--check",
    ])
    .expect(0);
}

#[test]
fn the_sandbox_serves_another_home_through_its_api() {
    let seller = Home::new();
    let buyer = Home::new();
    let demo = seller.serve(&["demo", "--listen", "127.0.0.1:0"]);
    let sandbox = seller.serve(&["sandbox", "--listen", "127.0.0.1:0"]);
    let wallet = format!("sandbox+{}", sandbox.url(""));
    let before = buyer
        .run(&["wallet", "balance", "--wallet", &wallet])
        .expect(0)
        .json();
    let url = demo.url("/api/l402/quote");
    buyer.run(&["get", &url, "--wallet", &wallet]).expect(0);
    let after = buyer
        .run(&["wallet", "balance", "--wallet", &wallet])
        .expect(0)
        .json();
    let balance = |json: &serde_json::Value| json["balance_msat"].as_u64().expect("a balance");
    assert!(balance(&before) - balance(&after) >= 10_000);
    let funded = buyer
        .run(&["wallet", "fund", "5 sat", "--wallet", &wallet])
        .expect(0)
        .json();
    assert_eq!(balance(&funded), balance(&after) + 5000);
}

#[test]
fn the_sandbox_refuses_a_public_address() {
    let home = Home::new();
    let ran = home.run(&["sandbox", "--listen", "0.0.0.0:0"]);
    assert!(!matches!(ran.status, Some(0) | None), "{ran:#?}");
}

/// Each upstream that fails is warned of at once, and the access log has filled the pipe before.
#[test]
fn a_stderr_that_nobody_reads_stops_no_request() {
    use std::io::{Read as _, Write as _};
    let home = Home::new();
    let route = |port: usize| {
        format!(
            "[[route]]\npath = \"/{port}/{{*rest}}\"\nupstream = \"http://127.0.0.1:{port}\"\n\
             free = true\n"
        )
    };
    let text: String = (1..=8).map(route).collect();
    let text = format!("workers = 1\n[log]\naccess = \"all\"\n{text}");
    let file = home.file("l402.toml", &text);
    let file = file.to_str().expect("a path");
    let shop = home.serve_unread(&["serve", "--config", file, "--listen", "127.0.0.1:0"]);
    let ask = |path: &str| {
        let mut socket = std::net::TcpStream::connect(shop.address()).expect("a connection");
        let patience = Some(std::time::Duration::from_secs(20));
        socket.set_read_timeout(patience).expect("a limit");
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        // The upstreams are known to be down, and each is tried once a second.
        let failed = ["HTTP/1.1 502 ", "HTTP/1.1 503 "];
        assert!(
            failed.iter().any(|status| answer.starts_with(status)),
            "{answer}"
        );
    };
    let long = "a".repeat(500);
    (0..1500).for_each(|_| ask(&format!("/1/{long}")));
    (2..=8).for_each(|port| ask(&format!("/{port}/b")));
}

/// Sends a request with these header lines, and returns the whole answer.
pub(crate) fn ask(shop: &Serving, path: &str, lines: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut socket = std::net::TcpStream::connect(shop.address()).expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n{lines}connection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    answer
}

/// Buys at a shop by hand, and returns the line with the credential.
pub(crate) fn credential(home: &Home, shop: &Serving, path: &str) -> String {
    let answer = ask(shop, path, "");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let (token, invoice) = (&body["token"], &body["invoice"]);
    let paid = home.run(&["wallet", "pay", invoice.as_str().expect("an invoice")]);
    let preimage = paid.expect(0).json()["preimage"].clone();
    let [token, preimage] = [token, &preimage].map(|it| it.as_str().expect("text"));
    format!("authorization: L402 {token}:{preimage}\r\n")
}

// FAULTS T17: a name is for people, and opens nothing.
#[test]
fn a_name_is_what_buyers_read_and_no_part_of_a_token() {
    let home = Home::new();
    let upstreams = ["", ""].map(|_| {
        crate::stranger::server(|_| {
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned()
        })
    });
    let [cheap, dear] = [(upstreams[0], "1 sat"), (upstreams[1], "900 sat")].map(|(to, price)| {
        let to = format!("http://{to}");
        let args = [
            "serve",
            "--upstream",
            &to,
            "--price",
            price,
            "--listen",
            "0",
        ];
        home.serve(&[&args[..], &["--name", "Jokes & more"]].concat())
    });
    let quote = home.run(&["get", &dear.url("/x"), "--dry-run"]).expect(0);
    assert_eq!(quote.json()["description"], "Jokes & more");
    let report = home.run(&["doctor", &dear.url("/x")]).expect(0).json();
    assert_eq!(report["invoice"]["description"], "Jokes & more");
    for shop in [&cheap, &dear] {
        assert_eq!(shop.announced["routes"][0]["name"], "Jokes & more");
        let service = shop.announced["routes"][0]["service"]
            .as_str()
            .expect("text");
        assert!(service.starts_with("127-0-0-1-"), "{service}");
    }
    // One key and one ledger, two services: what the cheap one sold opens the cheap one alone.
    let bought = credential(&home, &cheap, "/x");
    let answer = ask(&dear, "/x", &bought);
    assert!(answer.starts_with("HTTP/1.1 402 "), "{answer}");
    assert!(answer.contains("wrong_service"), "{answer}");
    let answer = ask(&cheap, "/x", &bought);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");

    let quick = [
        "serve",
        "--upstream",
        "http://127.0.0.1:1",
        "--price",
        "1 sat",
        "--check",
    ];
    for name in [String::new(), "x".repeat(640)] {
        let args = [&quick[..], &["--name", &name]].concat();
        assert!(home.run(&args).expect(78).stderr.contains("--name"));
    }
}

// FAULTS T18: a taken port is told by the kind of program that has it, with what to type.
#[test]
fn a_taken_port_is_told_with_its_holder_and_what_to_type() {
    let home = Home::new();
    let quick = [
        "serve",
        "--upstream",
        "http://127.0.0.1:1",
        "--price",
        "1 sat",
    ];
    let demo = home.serve(&["demo", "--listen", "0"]);
    let shop = home.serve(&[&quick[..], &["--listen", "0"]].concat());
    let sandbox = home.serve(&["sandbox", "--listen", "0"]);
    let web =
        crate::stranger::server(|_| "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_owned());
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = silent.local_addr().expect("an address").to_string();
    for (address, holder) in [
        (demo.address(), "`l402 demo` has it"),
        (shop.address(), "another `l402 serve` has it"),
        (sandbox.address(), "`l402 sandbox`"),
        (&web.to_string(), "a web server has it"),
        (&silent, "does not answer HTTP has it"),
    ] {
        for command in [&quick[..], &["demo"], &["sandbox"]] {
            let ran = home
                .run(&[command, &["--listen", address]].concat())
                .expect(23);
            assert!(ran.stderr.contains(holder), "{holder}: {ran:#?}");
            assert!(ran.stderr.contains("add --listen 127.0.0.1:84"), "{ran:#?}");
        }
    }
}

// FAULTS G7: all buyers behind one proxy.
#[test]
fn buyers_who_all_come_from_one_address_are_told_of_in_the_log() {
    use std::io::{Read as _, Write as _};
    let upstream = TcpListener::bind("127.0.0.1:0").expect("a port");
    let home = Home::new();
    let text = format!(
        "[challenges]\nper_peer_per_second = 1\nper_peer_burst = 8\n[[route]]\npath = \"/a\"\n\
         upstream = \"http://{}\"\nprice = \"1 sat\"\n",
        upstream.local_addr().expect("an address")
    );
    let file = home.file("l402.toml", &text);
    let file = file.to_str().expect("a path");
    let shop = home.serve(&["serve", "--config", file, "--listen", "127.0.0.1:0"]);
    let mut socket = std::net::TcpStream::connect(shop.address()).expect("a connection");
    let ask = b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n".repeat(200);
    socket.write_all(&ask).expect("sent");
    let told = shop.until("come from one address");
    let line = told.last().expect("a line");
    for part in [" WARN ", "peer=127.0.0.1", "proxy", "challenges.per_peer_"] {
        assert!(line.contains(part), "{line}");
    }
    socket.shutdown(std::net::Shutdown::Write).expect("open");
    let _ = socket.read_to_end(&mut Vec::new());
}
