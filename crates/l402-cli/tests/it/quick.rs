//! `l402 serve` without a file: what is free, what costs otherwise, and the file that means the same.

use crate::program::{Home, Serving};
use crate::selling::ask;

const UPSTREAM: &str = "http://127.0.0.1:1";

/// The flags of a gateway that is only looked at.
fn flags<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let quick = ["serve", "--upstream", UPSTREAM, "--price", "50 sat"];
    [&quick[..], more].concat()
}

fn status(shop: &Serving, path: &str) -> String {
    let answer = ask(shop, path, "");
    answer.split(' ').nth(1).expect("a status").to_owned()
}

#[test]
fn what_is_named_is_free_or_costs_its_own_price() {
    let home = Home::new();
    let upstream = crate::stranger::server(|_| {
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok".to_owned()
    });
    let upstream = format!("http://{upstream}");
    let shop = |more: &[&str]| {
        let args = [
            "serve",
            "--upstream",
            &upstream,
            "--price",
            "50 sat",
            "--listen",
            "0",
        ];
        home.serve(&[&args[..], more].concat())
    };
    let plain = shop(&[]);
    for path in ["/favicon.ico", "/robots.txt", "/healthz", "/"] {
        assert_eq!(status(&plain, path), "402", "{path}");
    }
    let free = shop(&[
        "--free",
        "/favicon.ico",
        "--free",
        "/healthz",
        "--also",
        "/video/{*rest}=900 sat",
        "--memo",
        "One look",
    ]);
    for (path, expected) in [
        ("/favicon.ico", "200"),
        ("/healthz", "200"),
        ("/robots.txt", "402"),
        ("/healthz/x", "402"),
    ] {
        assert_eq!(status(&free, path), expected, "{path}");
    }
    for (path, price) in [("/video/a/b", 900_000), ("/x", 50_000)] {
        let quote = home
            .run(&["get", &free.url(path), "--dry-run"])
            .expect(0)
            .json();
        assert_eq!(quote["price_msat"], price, "{path}");
        assert_eq!(quote["description"], "One look", "{path}");
    }
    // What is bought for less opens nothing that costs more.
    let bought = crate::selling::credential(&home, &free, "/x");
    let answer = ask(&free, "/video/a", &bought);
    assert!(answer.starts_with("HTTP/1.1 402 "), "{answer}");
}

#[test]
fn the_printed_file_means_what_the_flags_mean() {
    let home = Home::new();
    let more = [
        "--free",
        "/robots.txt",
        "--also",
        "/video=900 sat",
        "--memo",
        "a \"look\"",
        "--name",
        "Films",
        "--policy",
        "uses=3",
        "--listen",
        "127.0.0.1:8499",
        "--workers",
        "2",
    ];
    let text = home
        .run(&flags(&[&more[..], &["--print-config"]].concat()))
        .expect(0)
        .stdout;
    let file = home.file("l402.toml", &text);
    let file = file.to_str().expect("a path");
    let of_flags = home
        .run(&flags(&[&more[..], &["--check"]].concat()))
        .expect(0)
        .json();
    let of_file = home
        .run(&["serve", "--config", file, "--check"])
        .expect(0)
        .json();
    assert_eq!(of_file, of_flags, "{text}");
    // Without flags it is the one that shows every key, and a mistake is none.
    let whole = home.run(&["serve", "--print-config"]).expect(0).stdout;
    assert_eq!(whole, l402_gateway_example());
    let wrong = home
        .run(&flags(&["--free", "robots.txt", "--print-config"]))
        .expect(78);
    assert!(wrong.stdout.is_empty(), "{wrong:#?}");
}

fn l402_gateway_example() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = path.join("../l402-gateway/l402.example.toml");
    std::fs::read_to_string(path).expect("the example")
}

#[test]
fn mistakes_name_the_flag_and_show_an_example() {
    let home = Home::new();
    for (more, key) in [
        (&["--free", "robots.txt"][..], "--free"),
        (&["--also", "video=1 sat"], "--also"),
        (&["--also", "/video=0 sat"], "--also"),
        (&["--memo", ""], "--memo"),
        (&["--free", "/a", "--free", "/a"], "--free"),
    ] {
        let ran = home.run(&flags(&[more, &["--check"]].concat())).expect(78);
        assert_eq!(ran.json()["errors"][0]["key"], key, "{ran:#?}");
    }
    for more in [["--also", "/video"], ["--also", "/video=900"]] {
        let ran = home.run(&flags(&more)).expect(64);
        assert!(
            ran.stderr.contains("900 sat\"") || ran.stderr.contains("50 sat"),
            "{ran:#?}"
        );
    }
    // With a file all of it stands there.
    for more in [
        ["--free", "/a"],
        ["--also", "/a=1 sat"],
        ["--memo", "a"],
        ["--domain", "a.example"],
    ] {
        let args = [&["serve", "--config", "x.toml"][..], &more].concat();
        home.run(&args).expect(64);
    }
}

#[cfg(not(feature = "acme"))]
#[test]
fn a_program_without_acme_says_so_before_it_asks() {
    let home = Home::new();
    let node = [
        "--node",
        "lnurl:me@example.com",
        "--domain",
        "api.example",
        "--acme-agree",
    ];
    let ran = home.run(&flags(&node)).expect(78);
    assert!(
        ran.stderr
            .contains("--domain: this program is built without ACME"),
        "{ran:#?}"
    );
    assert!(!home.path().join("home/acme").exists());
}

#[cfg(feature = "acme")]
mod domains {
    use super::*;

    const DOMAIN: [&str; 4] = ["--node", "lnurl:me@example.com", "--domain", "api.example"];

    #[test]
    fn it_means_https_with_a_redirect() {
        let home = Home::new();
        let more = [
            &DOMAIN[..],
            &["--domain", "www.api.example", "--print-config"],
        ]
        .concat();
        let text = home.run(&flags(&more)).expect(0).stdout;
        for line in [
            "listen = [\"0.0.0.0:443\"]",
            "redirect_from = \"0.0.0.0:80\"",
            "domains = [\"api.example\", \"www.api.example\"]",
            "hosts = [\"api.example\", \"www.api.example\"]",
            "url = \"https://api.example\"",
            "agree = false",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        let more = [
            &DOMAIN[..],
            &["--listen", "0.0.0.0:8443", "--acme-agree", "--print-config"],
        ];
        let text = home.run(&flags(&more.concat())).expect(0).stdout;
        assert!(text.contains("listen = [\"0.0.0.0:8443\"]"), "{text}");
        assert!(
            !text.contains("redirect_from") && text.contains("agree = true"),
            "{text}"
        );
    }

    #[test]
    fn somebody_must_agree_to_the_terms() {
        let home = Home::new();
        let ran = home.run(&flags(&DOMAIN)).expect(78);
        assert_eq!(ran.json()["error"], "terms_not_agreed");
        assert!(ran.stderr.contains("add --acme-agree"), "{ran:#?}");
        let ran = home
            .run(&flags(&[&DOMAIN[..], &["--check"]].concat()))
            .expect(78);
        assert_eq!(ran.json()["errors"][0]["key"], "--acme-agree");
        home.run(&flags(
            &[&DOMAIN[..], &["--check", "--acme-agree"]].concat(),
        ))
        .expect(0);
        assert!(!home.path().join("home").exists());
    }

    #[test]
    fn play_money_and_wrong_names_are_refused_with_the_flag() {
        let home = Home::new();
        for (more, key, part) in [
            (&["--domain", "api.example"][..], "--domain", "sandbox"),
            (
                &["--node", "lnurl:me@example.com", "--domain", "*.example"],
                "--domain",
                "each name",
            ),
            (
                &["--node", "lnurl:me@example.com", "--domain", "10.0.0.1"],
                "--domain",
                "api.example",
            ),
        ] {
            let args = [more, &["--acme-agree", "--check"]].concat();
            let report = home.run(&flags(&args)).expect(78).json();
            let errors = report["errors"].as_array().expect("errors");
            assert_eq!(errors.len(), 1, "{report:#}");
            assert_eq!(errors[0]["key"], key, "{report:#}");
            assert!(
                errors[0]["message"].as_str().expect("text").contains(part),
                "{report:#}"
            );
        }
        home.run(&["serve", "--acme-agree", "--config", "x.toml"])
            .expect(64);
    }

    /// A node that is away, so that a start ends soon after it is allowed.
    #[cfg(target_os = "linux")]
    fn away(home: &Home) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let password = home.file("password", "hush\n");
        std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600))
            .expect("a mode");
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address");
        format!("phoenixd+http://{address}?password={}", password.display())
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_person_is_asked_once() {
        use crate::program::AtTerminal;

        let home = Home::new();
        let node = away(&home);
        let args = [
            "serve",
            "--upstream",
            UPSTREAM,
            "--price",
            "50sat",
            "--node",
            &node,
            "--domain",
            "api.example",
            "--listen",
            "127.0.0.1:0",
        ];
        let start = || AtTerminal::start(&home, &args);
        let mut no = start();
        no.answer("Do you agree to them? [y/N]", "n");
        let (status, screen) = no.end();
        assert_eq!(status, Some(78), "{screen}");
        assert!(
            screen.contains("https://letsencrypt.org/repository/"),
            "{screen}"
        );
        let mut yes = start();
        yes.answer("Do you agree to them? [y/N]", "y");
        assert_eq!(yes.end().0, Some(69));
        let (status, screen) = start().end();
        assert_eq!(status, Some(69), "{screen}");
        assert!(!screen.contains("Do you agree"), "{screen}");
        // What a home remembers goes for its file as well.
        let more = [
            "--node",
            "lnurl:me@example.com",
            "--domain",
            "api.example",
            "--print-config",
        ];
        let text = home.run(&flags(&more)).expect(0).stdout;
        assert!(text.contains("agree = true"), "{text}");
    }
}
