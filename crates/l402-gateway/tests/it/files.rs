//! The files that a configuration names: where they are looked for, and that a check reads them.

use std::fs;
use std::path::{Path, PathBuf};

use l402_gateway::Config;

/// A configuration whose files all lie beside it, named by relative paths.
const FILES: &str = "\
listen = [\"127.0.0.1:0\"]
node = \"lnd://127.0.0.1:1?tls_cert=lnd/tls.cert&macaroon=lnd/invoice.macaroon\"
danger_spending_macaroon = true

[tls]
certificate = \"cert.pem\"
key = \"key.pem\"

[[keys]]
file = \"a.key\"

[[route]]
path = \"/joke\"
upstream = \"https://localhost:3000\"
upstream_ca = \"ca.pem\"
price = \"50 sat\"
";

/// Writes that configuration and all its files.
fn with_files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    crate::tls::certificate(folder.path());
    fs::create_dir(at("lnd")).expect("a folder");
    for copy in ["ca.pem", "lnd/tls.cert"] {
        fs::copy(at("cert.pem"), at(copy)).expect("a copy");
    }
    fs::write(at("lnd/invoice.macaroon"), b"\x02\x01\x03lnd").expect("a file");
    l402_host::private::create_hex_key(&at("a.key")).expect("a key");
    fs::write(at("shop.toml"), FILES).expect("a file");
    folder
}

fn remove(path: PathBuf) {
    fs::remove_file(path).expect("it is there");
}

fn mistakes(folder: &Path) -> Vec<String> {
    let file = folder.join("shop.toml");
    let config = Config::from_file(&file).expect("the text is sound");
    let mistakes = config.check_files("shop.toml", folder);
    mistakes.iter().map(ToString::to_string).collect()
}

/// The key that is blamed, words of the mistake, and what is done to the folder.
type Spoilt = (&'static str, &'static [&'static str], fn(&Path));

const SPOILT: [Spoilt; 9] = [
    ("tls", &["cert.pem", "No such file"], |f| {
        remove(f.join("cert.pem"))
    }),
    ("tls", &["key.pem", "No such file"], |f| {
        remove(f.join("key.pem"))
    }),
    ("tls", &["cert.pem"], |f| {
        let other = tempfile::tempdir().expect("a folder");
        crate::tls::certificate(other.path());
        fs::copy(other.path().join("key.pem"), f.join("key.pem")).expect("a copy");
    }),
    ("route.upstream_ca", &["ca.pem"], |f| {
        remove(f.join("ca.pem"))
    }),
    ("route.upstream_ca", &["ca.pem"], |f| {
        fs::write(f.join("ca.pem"), "no PEM").expect("a file");
    }),
    ("keys", &["a.key", "No such file"], |f| {
        remove(f.join("a.key"))
    }),
    ("node", &["tls.cert", "No such file"], |f| {
        remove(f.join("lnd/tls.cert"))
    }),
    ("node", &["invoice.macaroon"], |f| {
        remove(f.join("lnd/invoice.macaroon"))
    }),
    ("node", &["invoice.macaroon", "holds no macaroon"], |f| {
        fs::write(f.join("lnd/invoice.macaroon"), "a page of text").expect("a file");
    }),
];

/// FAULTS G14: what a start reads, a check reads. FAULTS T13: relative to the file that names it.
#[test]
fn a_check_reads_the_files_that_a_start_would() {
    assert_eq!(mistakes(with_files().path()), Vec::<String>::new());
    for (key, words, spoil) in SPOILT {
        let folder = with_files();
        spoil(folder.path());
        let found = mistakes(folder.path());
        let begin = format!("shop.toml: {key}: ");
        assert!(
            found.len() == 1 && found[0].starts_with(&begin),
            "{found:?}"
        );
        assert!(
            words.iter().all(|word| found[0].contains(word)),
            "{found:?}"
        );
    }
}

/// FAULTS G14: all of them at once, as with mistakes in the text.
#[test]
fn a_check_tells_of_all_files() {
    let folder = with_files();
    for name in ["cert.pem", "ca.pem", "a.key", "lnd/tls.cert"] {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    assert_eq!(mistakes(folder.path()).len(), 4);
}

/// FAULTS T13: `~` is the home directory, for the files of TLS, keys and node alike.
#[test]
fn a_tilde_in_a_path_is_expanded() {
    let folder = with_files();
    let named = FILES
        .replace("cert.pem", "~/none/cert.pem")
        .replace("a.key", "~/none/a.key")
        .replace("ca.pem", "~/none/ca.pem")
        .replace("lnd/tls.cert", "~/none/tls.cert");
    fs::write(folder.path().join("shop.toml"), named).unwrap();
    let found = mistakes(folder.path());
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(
        found.iter().all(|mistake| mistake.contains("/none/")),
        "{found:?}"
    );
    let at_home = std::env::home_dir().expect("a home directory").join("none");
    for mistake in &found {
        let expanded = mistake.contains(&at_home.display().to_string());
        assert!(expanded && !mistake.contains('~'), "{mistake}");
    }
}
