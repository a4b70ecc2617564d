//! Mistakes in the tables of TLS.

use l402_gateway::{Config, ConfigError};

const ROUTE: &str = "[[route]]\npath = \"/a\"\nupstream = \"http://127.0.0.1:3000\"\nfree = true\n";

fn read(lines: &str) -> Result<Config, Vec<ConfigError>> {
    Config::from_toml(&format!("{lines}\n{ROUTE}"), "shop.toml")
}

/// Returns the keys that are wrong, in the order of the file, and all that is said.
fn wrong(lines: &str) -> (Vec<String>, String) {
    let found = read(lines).expect_err(lines);
    let keys = found.iter().map(|mistake| mistake.key().to_owned());
    let said: Vec<String> = found.iter().map(ToString::to_string).collect();
    (keys.collect(), said.join("\n"))
}

#[test]
fn certificates_need_their_keys_and_redirects_an_address_of_their_own() {
    for (lines, key, fix) in [
        ("[tls]", "tls.certificate", "both PEM files"),
        ("[tls]\ncertificate = \"a\"", "tls.key", "missing"),
        (
            "[[tls.certificates]]\nkey = \"a\"",
            "tls.certificates[0].certificate",
            "missing",
        ),
        (
            "[tls]\ncertificates = []",
            "tls.certificates",
            "[[certificates]]",
        ),
        (
            "[tls]\ncertificate = \"a\"\nkey = \"b\"\nhsts = \"a year\"",
            "tls.hsts",
            "\"365 days\"",
        ),
        (
            "[tls]\ncertificate = \"a\"\nkey = \"b\"\nredirect_from = \"0.0.0.0:8402\"",
            "tls.redirect_from",
            "port 80",
        ),
        (
            "[tls]\ncertificate = \"a\"\nkey = \"b\"\nredirect = true",
            "tls.redirect",
            "redirect_from",
        ),
        (
            "[admin]\ntls_client_ca = \"ca.pem\"",
            "admin.tls_client_ca",
            "tls_certificate",
        ),
    ] {
        let (keys, said) = wrong(lines);
        assert!(keys.iter().any(|wrong| wrong == key), "{lines}: {said}");
        assert!(said.contains(fix), "{lines}: {said}");
    }
    let sound = "[[tls.certificates]]\ncertificate = \"a\"\nkey = \"b\"";
    assert!(read(sound).is_ok_and(|config| config.is_tls()));
    // The upstream must not be the redirect, which would lead back here.
    let circle = "[tls]\ncertificate = \"a\"\nkey = \"b\"\nredirect_from = \"127.0.0.1:3000\"";
    assert_eq!(wrong(circle).0, ["route[0].upstream"]);
}

/// A program that orders no certificates must not serve as if it did.
#[cfg(not(feature = "acme"))]
#[test]
fn certificates_by_themselves_need_a_program_that_is_built_for_them() {
    let (keys, said) = wrong("[tls.acme]\ndomains = [\"api.example\"]\nagree = true");
    assert_eq!(keys, ["tls.acme"]);
    assert!(said.contains("--features acme"), "{said}");
}

#[cfg(feature = "acme")]
#[test]
fn an_order_needs_names_that_can_be_proved_and_the_word_of_the_operator() {
    let order = |lines: &str| format!("[tls.acme]\n{lines}");
    let agreed = |lines: &str| order(&format!("domains = [\"a.example\"]\nagree = true\n{lines}"));
    assert!(read(&agreed("")).is_ok_and(|config| config.is_tls()));
    assert!(
        read(&agreed(
            "staging = true\nemail = \"me@a.example\"\nprofile = \"p\""
        ))
        .is_ok()
    );
    for (lines, key, fix) in [
        (
            order("domains = [\"a.example\"]"),
            "agree",
            "write agree = true",
        ),
        (
            order("domains = [\"a.example\"]\nagree = false"),
            "agree",
            "terms",
        ),
        (order("agree = true"), "domains", "missing"),
        (order("agree = true\ndomains = []"), "domains", "missing"),
        (
            order("agree = true\ndomains = [\"*.a.example\"]"),
            "domains",
            "DNS",
        ),
        (
            order("agree = true\ndomains = [\"192.0.2.1\"]"),
            "domains",
            "not a name",
        ),
        (
            order("agree = true\ndomains = [\"localhost\"]"),
            "domains",
            "not a name",
        ),
        (
            order("agree = true\ndomains = [\"a.example:443\"]"),
            "domains",
            "without scheme",
        ),
        (agreed("email = \"me\""), "email", "one address"),
        (
            agreed("directory = \"http://a.example\""),
            "directory",
            "https",
        ),
        (
            agreed("directory = \"https://a.example\"\nstaging = true"),
            "staging",
            "one of the two",
        ),
    ] {
        let (keys, said) = wrong(&lines);
        assert_eq!(keys, [format!("tls.acme.{key}")], "{lines}: {said}");
        assert!(said.contains(fix), "{lines}: {said}");
    }
}
