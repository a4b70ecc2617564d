//! Starts of `l402 serve` that fail, each with the exit status that says why.
#![cfg(unix)]

use std::net::TcpListener;
use std::path::Path;

use l402_cli::exit_code::{
    ADDRESS_IN_USE, CONFIGURATION, ExitCode, LOCAL_IO, NEWER_FILE, OTHER_LEDGER, UNSAFE_FILE, USAGE,
};

use crate::program::{Home, signal};

/// A file that would serve, if nothing else were wrong.
const SOUND: &str = "\
listen = [\"127.0.0.1:0\"]

[[route]]
path = \"/a\"
upstream = \"http://127.0.0.1:1\"
price = \"5 sat\"
";

/// The place of SQLite's `user_version` in a file, in bytes; four, the highest first.
const USER_VERSION: usize = 60;

/// One start that fails.
struct Start {
    /// What is wrong, for the test's own messages.
    name: &'static str,
    /// The configuration; none is a file that is not there.
    config: Option<String>,
    args: &'static [&'static str],
    /// Spoils the home folder, which has served once.
    spoil: fn(&Path),
    exit: ExitCode,
    /// A part of the text on stderr.
    said: &'static str,
}

impl Start {
    fn new(name: &'static str, exit: ExitCode, said: &'static str) -> Self {
        Self {
            name,
            config: Some(SOUND.to_owned()),
            args: &[],
            spoil: |_| {},
            exit,
            said,
        }
    }

    /// With `new` in place of `old` in the configuration.
    fn written(mut self, old: &str, new: &str) -> Self {
        assert!(SOUND.contains(old), "{old}");
        self.config = Some(SOUND.replace(old, new));
        self
    }

    fn args(mut self, args: &'static [&'static str]) -> Self {
        self.args = args;
        self
    }

    fn spoilt(mut self, spoil: fn(&Path)) -> Self {
        self.spoil = spoil;
        self
    }

    /// Starts it in a home of its own, and asserts how it ends.
    fn check(&self) {
        let home = Home::new();
        let folder = home.path().join("home");
        let file = home.file("sound.toml", SOUND);
        // Asked to end, so that SQLite's log is gone: it could stand in for a spoilt file.
        let mut once = home.serve(&["serve", "--config", file.to_str().expect("a path")]);
        signal("TERM", once.pid());
        assert_eq!(once.wait(), Some(0));
        (self.spoil)(&folder);
        let file = match &self.config {
            Some(text) => home.file("l402.toml", text),
            None => home.path().join("none.toml"),
        };
        let mut args = vec!["serve", "--config", file.to_str().expect("a path")];
        args.extend(self.args);
        let ran = home.run_start(&args);
        let (name, exit) = (self.name, self.exit);
        assert_eq!(ran.status, Some(exit.number.into()), "{name}: {ran:#?}");
        assert!(ran.stderr.contains(self.said), "{name}: {ran:#?}");
        if exit != USAGE {
            assert_eq!(ran.json()["exit_code"], exit.number, "{name}");
            assert_eq!(ran.json()["no_money_moved"], true, "{name}");
        }
    }
}

fn open_to_others(home: &Path) {
    open(&home.join("master.key"));
}

fn node_open_to_others(home: &Path) {
    open(&home.join("sandbox/node.key"));
}

fn open(key: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(key, mode).expect("a key");
}

/// As a version writes it that has 98 more upgrades.
fn newer_ledger(home: &Path) {
    let path = home.join("gateway.db");
    let mut bytes = std::fs::read(&path).expect("a ledger");
    bytes[USER_VERSION..USER_VERSION + 4].copy_from_slice(&99_u32.to_be_bytes());
    std::fs::write(path, bytes).expect("a ledger");
}

fn foreign_ledger(home: &Path) {
    std::fs::write(home.join("gateway.db"), "not ours\n".repeat(1000)).expect("a file");
}

/// FAULTS S7: spent tokens would be fresh.
fn no_ledger(home: &Path) {
    std::fs::remove_file(home.join("gateway.db")).expect("a ledger");
}

/// FAULTS C10: an empty ledger is none that is missing.
fn empty_ledger(home: &Path) {
    std::fs::write(home.join("gateway.db"), "").expect("a ledger");
}

fn weak_key(home: &Path) {
    std::fs::write(home.join("master.key"), "00".repeat(32)).expect("a key");
}

fn file_in_place_of_home(home: &Path) {
    std::fs::remove_dir_all(home).expect("a folder");
    std::fs::write(home, "a file").expect("a file");
}

/// ATTACKS R-03.
#[test]
fn each_kind_of_failed_start_has_its_status() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address").to_string();
    let starts = [
        Start::new("port in use", ADDRESS_IN_USE, "address in use").written("127.0.0.1:0", &taken),
        Start::new(
            "play money for others",
            CONFIGURATION,
            "sandbox is no money",
        )
        .written("127.0.0.1:0", "192.0.2.1:8402"),
        Start::new("no TOML", CONFIGURATION, "l402.toml:4:").written("path = \"/a\"", "path = /a"),
        Start::new("unknown key", CONFIGURATION, "did you mean price?")
            .written("price =", "prise ="),
        Start::new("negative price", CONFIGURATION, "never negative").written("5 sat", "-1 sat"),
        Start {
            config: None,
            ..Start::new("missing file", CONFIGURATION, "none.toml: cannot be read")
        },
        Start::new(
            "unknown node",
            CONFIGURATION,
            "no Lightning backend is called that",
        )
        .written("listen =", "node = \"Lnb\"\nlisten ="),
        Start::new("unknown node, typed", USAGE, "no Lightning backend").args(&["--node", "Lnb"]),
        Start::new("missing certificate", CONFIGURATION, "none.pem").written(
            "[[route]]",
            "[tls]\ncertificate = \"none.pem\"\nkey = \"none.key\"\n[[route]]",
        ),
        Start::new("newer ledger", NEWER_FILE, "gateway.db").spoilt(newer_ledger),
        Start::new("foreign ledger", LOCAL_IO, "gateway.db").spoilt(foreign_ledger),
        Start::new("no ledger", OTHER_LEDGER, "--new-ledger").spoilt(no_ledger),
        Start::new("empty ledger", OTHER_LEDGER, "gateway.db").spoilt(empty_ledger),
        Start::new("weak key", LOCAL_IO, "guessed").spoilt(weak_key),
        Start::new("missing key", LOCAL_IO, "none.key")
            .written("[[route]]", "[keys]\nfile = \"none.key\"\n[[route]]"),
        Start::new("no folder", LOCAL_IO, "cannot be created").spoilt(file_in_place_of_home),
        Start::new("open key", UNSAFE_FILE, "chmod 600").spoilt(open_to_others),
        Start::new("open key of the node", UNSAFE_FILE, "chmod 600").spoilt(node_open_to_others),
    ];
    for start in starts {
        start.check();
    }
}
