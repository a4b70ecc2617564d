//! `l402 serve --check=deep`: upstreams and node are asked, and what is missing is named with the fix.

use serde_json::Value;

use crate::program::{Home, Ran};

fn server(status: &'static str) -> String {
    let address = crate::stranger::server(move |_| {
        format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    });
    format!("http://{address}")
}

/// An address at which nobody listens.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

fn check(home: &Home, upstream: &str, more: &[&str]) -> Ran {
    let args = [
        "serve",
        "--upstream",
        upstream,
        "--price",
        "1 sat",
        "--check=deep",
    ];
    home.run(&[&args[..], more].concat())
}

/// The finding of this level about this key.
fn finding<'a>(report: &'a Value, level: &str, key: &str) -> &'a Value {
    let mut all = report["findings"].as_array().expect("findings").iter();
    let found = all.find(|it| it["level"] == level && it["key"] == key);
    found.unwrap_or_else(|| panic!("no {level} about {key}: {report:#}"))
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[test]
fn what_is_there_is_said_to_be() {
    let home = Home::new();
    let upstream = server("200 OK");
    let report = check(&home, &upstream, &[]).expect(0).json();
    assert_eq!(report["ok"], true);
    let found = finding(&report, "ok", "--upstream");
    assert!(text(&found["message"]).contains("is there"), "{report:#}");
    assert!(found["fix"].is_null());
    finding(&report, "ok", "--node");
    assert!(
        report["findings"]
            .to_string()
            .contains("it makes invoices (1 sat)"),
        "{report:#}"
    );
    // The check of files alone asks nobody.
    let args = [
        "serve",
        "--upstream",
        &format!("http://{}", nobody()),
        "--price",
        "1 sat",
    ];
    let shallow = home
        .run(&[&args[..], &["--check"]].concat())
        .expect(0)
        .json();
    assert!(shallow["findings"].is_null());
    let named = home
        .run(&[&args[..], &["--check=files"]].concat())
        .expect(0)
        .json();
    assert_eq!(named, shallow);
    home.run(&[&args[..], &["--check=deeper"]].concat())
        .expect(64);
}

#[test]
fn an_upstream_that_is_not_reached_is_told_by_the_step_that_fails() {
    let home = Home::new();
    let plain = server("200 OK").replace("http://", "https://");
    for (upstream, what, fix) in [
        (
            format!("http://{}", nobody()),
            "no connection",
            "start the upstream",
        ),
        (
            "http://no-such-host.invalid:3000".to_owned(),
            "does not resolve",
            "http://10.0.0.5:3000",
        ),
        (plain, "no connection", "http://"),
    ] {
        let ran = check(&home, &upstream, &[]).expect(69);
        let report = ran.json();
        assert_eq!(report["ok"], false);
        let found = finding(&report, "fault", "--upstream");
        assert!(text(&found["message"]).contains(what), "{report:#}");
        assert!(text(&found["fix"]).contains(fix), "{report:#}");
        // The node is told of all the same.
        finding(&report, "ok", "--node");
        assert!(ran.stderr.contains("error[check_failed]"), "{ran:#?}");
    }
}

#[test]
fn a_file_is_told_of_by_its_keys() {
    let home = Home::new();
    let (sound, ill) = (server("200 OK"), server("503 Service Unavailable"));
    let route = |path: &str, upstream: &str| {
        format!("[[route]]\npath = \"{path}\"\nupstream = \"{upstream}\"\nprice = \"1 sat\"\n")
    };
    let [a, b, c] = [("/a", &sound), ("/b", &sound), ("/c", &ill)].map(|(p, u)| route(p, u));
    let file = home.file(
        "l402.toml",
        &format!("[health]\npath = \"/healthz\"\n{a}{b}{c}"),
    );
    let args = [
        "serve",
        "--check=deep",
        "--config",
        file.to_str().expect("a path"),
    ];
    let report = home.run(&args).expect(69).json();
    finding(&report, "ok", "route[0].upstream");
    let found = finding(&report, "fault", "route[2].upstream");
    assert!(text(&found["message"]).contains("status 503"), "{report:#}");
    assert!(text(&found["fix"]).contains("/healthz"), "{report:#}");
    // Each server once, however many routes it has.
    let count = report["findings"].to_string().matches(".upstream").count();
    assert_eq!(count, 2, "{report:#}");
    // Mistakes come first, and nobody is asked.
    let file = home.file("l402.toml", "listen = [\"x\"]\n");
    let args = [
        "serve",
        "--check=deep",
        "--config",
        file.to_str().expect("a path"),
    ];
    let report = home.run(&args).expect(78).json();
    assert!(report["findings"].is_null() && report["errors"].is_array());
}

#[test]
fn a_node_that_is_away_is_told_with_what_helps() {
    let home = Home::new();
    let password = home.file("password", "secret-of-the-node\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&password, mode).expect("a mode");
    }
    let node = format!(
        "phoenixd+http://{}?password={}",
        nobody(),
        password.display()
    );
    let ran = check(&home, &server("200 OK"), &["--node", &node]).expect(69);
    let report = ran.json();
    let found = finding(&report, "fault", "--node");
    assert!(
        text(&found["fix"]).contains("phoenix-cli getinfo"),
        "{report:#}"
    );
    finding(&report, "ok", "--upstream");
    assert!(
        !ran.stdout.contains("secret-of") && !ran.stderr.contains("secret-of"),
        "{ran:#?}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_person_reads_a_line_for_each() {
    use crate::program::AtTerminal;

    let home = Home::new();
    let args = |upstream: &str| {
        let args = [
            "serve",
            "--check=deep",
            "--price",
            "1sat",
            "--upstream",
            upstream,
        ];
        args.map(str::to_owned)
    };
    let run = |upstream: &str| {
        let args = args(upstream);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        AtTerminal::start(&home, &args).end()
    };
    let (status, screen) = run(&server("200 OK"));
    assert_eq!(status, Some(0), "{screen}");
    for part in ["--upstream: ", "--node: it is there, on regtest", "ok\r\n"] {
        assert!(screen.contains(part), "{part}: {screen}");
    }
    let (status, screen) = run(&format!("http://{}", nobody()));
    assert_eq!(status, Some(69), "{screen}");
    assert!(screen.contains("fault"), "{screen}");
    assert!(
        screen.contains("\n        nothing listens there: start the upstream"),
        "{screen}"
    );
}
