//! `l402 admin` beside a running gateway: what it finds by itself, what it changes, and what it says if
//! there is nobody to ask.

use std::path::Path;

use serde_json::Value;

use crate::program::{AtTerminal, Home, Ran, Serving};

/// Writes a configuration with a listener for operators at this place.
fn configure(home: &Home, listen: &str) -> String {
    let text = format!(
        "# the owner's own words\n[admin]\nlisten = \"{listen}\"\n\n[[route]]\npath = \"/joke\"\n\
         upstream = \"http://127.0.0.1:1\"\nprice = \"50 sat\"\n"
    );
    let file = home.file("l402.toml", &text);
    file.to_str().expect("a path").to_owned()
}

fn serve(home: &Home, file: &str) -> Serving {
    home.serve(&["serve", "--config", file, "--listen", "127.0.0.1:0"])
}

/// Starts a gateway with a listener for operators on a free port.
fn shop(home: &Home) -> (String, Serving) {
    let file = configure(home, "127.0.0.1:0");
    let serving = serve(home, &file);
    (file, serving)
}

fn admin(home: &Home, args: &[&str]) -> Ran {
    home.run(&[&["admin"], args, &["--json"]].concat())
}

fn done(home: &Home, args: &[&str]) -> Value {
    admin(home, args).expect(0).json()
}

/// The notes of listeners for operators in the home.
fn notes(home: &Home) -> Vec<String> {
    let entries = std::fs::read_dir(home.path().join("home/run")).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string());
    let names = names.map(|name| name.expect("a name"));
    names.filter(|name| name.starts_with("admin-")).collect()
}

#[test]
fn a_running_gateway_is_found_and_every_look_at_it_is_answered() {
    let home = Home::new();
    let (_, _shop) = shop(&home);
    assert_eq!(done(&home, &["routes"])["routes"][0]["path"], "/joke");
    assert_eq!(done(&home, &["prices"])["prices"][0]["price_msat"], 50_000);
    assert_eq!(done(&home, &["services"])["services"][0]["service"], "joke");
    assert_eq!(done(&home, &["keys"])["keys"][0]["state"], "mints");
    assert_eq!(done(&home, &["sales", "--by", "day"])["by"], "day");
    for (command, list) in [
        ("tokens", "tokens"),
        ("payments", "payments"),
        ("revocations", "revocations"),
        ("audit", "changes"),
    ] {
        assert_eq!(
            done(&home, &[command])[list],
            Value::Array(Vec::new()),
            "{command}"
        );
    }
    let payments = [
        "payments",
        "--state",
        "partly_spent",
        "--since",
        "90m",
        "--service",
        "a b",
    ];
    assert_eq!(done(&home, &payments)["next"], Value::Null);
    let metrics = home.run(&["admin", "metrics"]).expect(0).stdout;
    assert!(metrics.contains("l402_build_info"), "{metrics}");
    // Its upstream is down, and a script sees that by the status.
    assert_eq!(admin(&home, &["health"]).expect(69).json()["ready"], false);
    let opened = done(&home, &["open"]);
    assert_eq!(opened["opened"], false);
    assert!(
        opened["url"]
            .as_str()
            .is_some_and(|url| url.starts_with("http://127.0.0.1:"))
    );
}

#[test]
fn a_gateway_lives_while_its_upstream_does_not() {
    let home = Home::new();
    let (_, shop) = shop(&home);
    let alive = &["health", "--alive"];
    // Nobody listens at its upstream: nothing is sold, and a supervisor that ended it would mend nothing.
    let ready = admin(&home, &["health"]).expect(69).json();
    assert_eq!(ready["ready"], false, "{ready}");
    assert_eq!(done(&home, alive), serde_json::json!({ "alive": true }));
    drop(shop);
    admin(&home, alive).expect(69);
}

#[test]
fn changes_are_served_at_once_and_stand_in_the_file() {
    let home = Home::new();
    let (file, _shop) = shop(&home);
    let set = done(&home, &["price", "/joke", "60 sat"]);
    assert_eq!(set["prices"][0]["price_msat"], 60_000);
    done(&home, &["price", "joke", "70sat", "--config", &file]);
    let set = done(
        &home,
        &["limits", "--per-peer", "7", "--streams-per-peer", "9"],
    );
    assert_eq!(set["challenges"]["per_peer_per_second"], 7);
    assert_eq!(done(&home, &["limits"])["http"]["streams_per_peer"], 9);
    let text = std::fs::read_to_string(&file).expect("the file");
    for line in [
        "# the owner's own words",
        "price = \"70 sat\"",
        "per_peer_per_second = 7",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let revoked = done(&home, &["revoke", "--service", "joke", "--yes"]);
    assert_eq!(
        (&revoked["new"], &revoked["revoked"]["service"]),
        (&true.into(), &"joke".into())
    );
    let changes = done(&home, &["audit", "--limit", "10"]);
    let changes = changes["changes"].as_array().expect("a list");
    // The watch of the file may have seen the change, too.
    let changes = changes.iter().filter(|change| change["via"] == "api");
    let what: Vec<_> = changes
        .filter_map(|change| change["what"].as_str())
        .collect();
    assert_eq!(what, ["revoke", "limits", "price", "price"]);
    let table = AtTerminal::start(&home, &["admin", "prices"]).end();
    assert!(
        table.0 == Some(0) && table.1.contains("70  /joke  joke"),
        "{table:?}"
    );
    // A file with a mistake: the gateway goes on, and the text names the line.
    std::fs::write(&file, text.replace("70 sat", "-70 sat")).expect("the file");
    let ran = admin(&home, &["reload"]).expect(77);
    assert_eq!(ran.json()["error"], "configuration");
    assert!(ran.stderr.contains("l402.toml:8"), "{}", ran.stderr);
}

#[test]
fn the_end_of_a_gateway_is_asked_for_and_leaves_no_note() {
    let home = Home::new();
    let (_, mut shop) = shop(&home);
    assert_eq!(notes(&home).len(), 1);
    assert_eq!(done(&home, &["drain"])["draining"], true);
    assert_eq!(shop.wait(), Some(0));
    assert_eq!(notes(&home), Vec::<String>::new());
    let ran = admin(&home, &["routes"]).expect(69);
    assert_eq!(ran.json()["error"], "not_running");
    assert!(ran.stderr.contains("[admin]"), "{}", ran.stderr);
}

#[test]
fn the_demo_is_steered_and_ended_as_well() {
    let home = Home::new();
    let mut demo = home.serve(&["demo", "--listen", "127.0.0.1:0"]);
    let routes = done(&home, &["routes"]);
    assert!(
        routes["routes"].to_string().contains("/api/l402/joke"),
        "{routes}"
    );
    // It has no file that a price could be written into.
    let ran = admin(&home, &["price", "/api/l402/joke", "60 sat"]).expect(77);
    assert_eq!(ran.json()["error"], "no_file");
    done(&home, &["drain"]);
    assert_eq!(demo.wait(), Some(0));
}

#[test]
fn a_new_token_holds_at_once_and_the_old_one_opens_nothing() {
    let home = Home::new();
    // Before the first start it is made.
    done(&home, &["token", "--new"]);
    let token = home.path().join("home/admin.token");
    let read = || std::fs::read_to_string(&token).expect("a token");
    let first = read();
    let (_, _shop) = shop(&home);
    done(&home, &["routes"]);
    assert_eq!(read(), first);
    done(&home, &["token", "--new"]);
    assert_ne!(read(), first);
    done(&home, &["routes"]);
    let old = home.path().join("old.token");
    l402_host::private::create(&old, first.as_bytes()).expect("a file");
    let old = old.to_str().expect("a path");
    let ran = admin(&home, &["routes", "--token-file", old]).expect(77);
    assert_eq!(ran.json()["error"], "token_needed");
    assert!(ran.stderr.contains("--token-file") && !ran.stderr.contains(first.trim()));
    assert_eq!(
        done(&home, &["audit"])["changes"][0]["what"],
        "token.rotate"
    );
}

#[cfg(unix)]
#[test]
fn a_socket_of_unix_is_found_like_a_port() {
    let home = Home::new();
    let socket = home.path().join("admin.sock");
    let place = format!("unix:{}", socket.display());
    let file = configure(&home, &place);
    let _shop = serve(&home, &file);
    for reach in [&[][..], &["--config", &file], &["--address", &place]] {
        let routes = done(&home, &[&["routes"], reach].concat());
        assert_eq!(routes["routes"][0]["path"], "/joke", "{reach:?}");
    }
    let ran = admin(&home, &["open"]).expect(64);
    assert!(ran.stderr.contains("ssh -N -L"), "{}", ran.stderr);
}

#[test]
fn an_operator_without_a_gateway_is_told_what_to_do() {
    let home = Home::new();
    let file = home.file(
        "plain.toml",
        "[[route]]\npath = \"/a\"\nupstream = \"http://127.0.0.1:1\"\nprice = \"5 sat\"\n",
    );
    let file = file.to_str().expect("a path");
    let ran = admin(&home, &["routes", "--config", file]).expect(78);
    assert_eq!(ran.json()["error"], "no_admin_table");
    assert!(ran.stderr.contains("add a line [admin]"), "{}", ran.stderr);
    for address in ["10.0.0.2:8405", "https://127.0.0.1:8405", "nonsense"] {
        admin(&home, &["routes", "--address", address]).expect(64);
    }
    // Nobody listens there, and the token is not even sent.
    let token = home.path().join("token");
    l402_host::private::create_hex_key(Path::new(&token)).expect("a file");
    let token = token.to_str().expect("a path");
    let ran = admin(
        &home,
        &["routes", "--address", "127.0.0.1:1", "--token-file", token],
    );
    assert_eq!(ran.expect(69).json()["error"], "not_running");
    // A note that a crash has left names nobody.
    let run = home.path().join("home/run");
    std::fs::create_dir_all(&run).expect("a folder");
    let note = "127.0.0.1:1\nhttp://127.0.0.1:1/\n1\n";
    std::fs::write(run.join("admin-127.0.0.1_1"), note).expect("a note");
    let ran = admin(&home, &["token", "--new"]).expect(0);
    assert_eq!(ran.json()["rotated"], true);
    admin(&home, &["routes"]).expect(69);
}

#[test]
fn purchases_never_go_to_operators() {
    let home = Home::new();
    let (_, shop) = shop(&home);
    let url = shop.announced["admin"].as_str().expect("an address");
    home.run(&["get", url]).expect(47);
}
