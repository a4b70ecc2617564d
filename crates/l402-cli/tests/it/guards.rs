//! The guards of `l402 get`: hook, payee, private addresses.

#[cfg(target_os = "linux")]
use crate::program::AtTerminal;
use crate::program::{Home, Ran, Serving};
use crate::stranger::server;

fn demo(home: &Home) -> Serving {
    home.serve(&["demo", "--listen", "127.0.0.1:0"])
}

fn buy(home: &Home, url: &str, more: &[&str]) -> Ran {
    let args = ["get", url, "--wallet", "sandbox"];
    home.run(&[&args[..], more].concat())
}

/// ATTACKS C-36.
#[test]
fn a_redirect_to_a_private_address_has_a_code_of_its_own() {
    let home = Home::new();
    for to in [
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://[fd00:ec2::254]/",
    ] {
        let shop = server(move |_| {
            format!(
                "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
        });
        let url = format!("http://{shop}/");
        let ran = home.run(&["get", "-L", &url]).expect(52);
        for words in ["private address", "no money moved", "--allow-address"] {
            assert!(ran.stderr.contains(words), "{words}: {ran:#?}");
        }
    }
    let ran = home.run(&[
        "get",
        "http://127.0.0.1:1/",
        "--allow-address",
        "10.0.0.1/8",
    ]);
    let ran = ran.expect(64);
    assert!(ran.stderr.contains("10.0.0.0/8"), "{ran:#?}");
}

#[test]
fn a_changed_node_is_paid_only_with_yes() {
    let home = Home::new();
    let demo = demo(&home);
    buy(&home, &demo.url("/api/l402/joke"), &[]).expect(0);
    let other = "02".repeat(33);
    let file = home.path().join("home/client/client.db");
    let db = rusqlite::Connection::open(file).expect("a journal");
    db.execute("UPDATE payee_pin SET payee = ?1", [&other])
        .expect("a pin");
    let url = demo.url("/api/l402/quote");
    let ran = buy(&home, &url, &[]).expect(51);
    assert!(
        ran.stderr.contains(&other) && ran.stderr.contains("--yes"),
        "{ran:#?}"
    );
    let ran = home.run(&["get", &url, "--wallet", "sandbox", "--dry-run"]);
    assert_eq!(ran.expect(0).json()["payee_before"], other.as_str());
    buy(&home, &url, &["--yes"]).expect(0);
    buy(&home, &demo.url("/api/l402/fortune"), &[]).expect(0);
}

/// ATTACKS C-34: a changed node is a question of its own, also below the price that needs none.
#[cfg(target_os = "linux")]
#[test]
fn a_person_is_asked_about_a_changed_node() {
    let home = Home::new();
    let demo = demo(&home);
    buy(&home, &demo.url("/api/l402/joke"), &[]).expect(0);
    let other = "02".repeat(33);
    let file = home.path().join("home/client/client.db");
    let db = rusqlite::Connection::open(file).expect("a journal");
    db.execute("UPDATE payee_pin SET payee = ?1", [&other])
        .expect("a pin");
    let served = || {
        let served = home.run(&["payments", "--state", "served"]).expect(0);
        served.json().as_array().expect("rows").len()
    };
    // The demo has bought something itself.
    let before = served();
    let url = demo.url("/api/l402/quote");
    let above = [
        "get",
        &url,
        "--wallet",
        "sandbox",
        "--confirm-above",
        "1000sat",
    ];
    for (typed, code, more) in [("n", 12, 0), ("", 12, 0), ("y", 0, 1)] {
        let mut terminal = AtTerminal::start(&home, &above);
        terminal.see(&format!("was paid at the node {other} before"));
        terminal.answer("[y/N]", typed);
        let (status, shown) = terminal.end();
        assert_eq!(status, Some(code), "{shown}");
        assert_eq!(served(), before + more, "{shown}");
    }
    // The node that was approved is known from now on.
    buy(&home, &demo.url("/api/l402/fortune"), &[]).expect(0);
}

#[cfg(unix)]
#[test]
fn the_hook_of_the_configuration_is_asked() {
    let home = Home::new();
    let demo = demo(&home);
    let configure = |script: &str| {
        home.configure(&format!(
            "[hook]\ncommand = [\"/bin/sh\", \"-c\", '''{script}''']\n"
        ));
    };
    let url = demo.url("/api/l402/joke");
    configure(r#"echo '{"decision":"deny","reason":{"code":"night","message":"not at night"}}'"#);
    let ran = buy(&home, &url, &["--yes"]).expect(50);
    for words in ["not at night", "night", "no money moved", "client.toml"] {
        assert!(ran.stderr.contains(words), "{words}: {ran:#?}");
    }
    configure(r#"cat > "$L402_HOME/asked"; echo '{"decision":"allow"}'"#);
    buy(&home, &url, &[]).expect(0);
    let asked = std::fs::read_to_string(home.path().join("home/asked")).expect("it was asked");
    assert!(asked.contains("\"amount_sats\":50"), "{asked}");
}
