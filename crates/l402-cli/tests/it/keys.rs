//! `l402 keys`, beside a gateway that runs in another process and without one.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::program::{Home, Ran};
use crate::tokens::{answer, bought_of};

/// A seller's home, and all that commands have shown.
struct Seller {
    home: Home,
    shown: Vec<Ran>,
}

impl Seller {
    /// Runs `l402 keys` to its end, and returns what it says.
    fn keys(&mut self, line: &str, status: i32) -> Value {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ran = self.home.run(&[&["keys"][..], &words].concat());
        let ran = ran.expect(status);
        let said = ran.json();
        self.shown.push(ran);
        said
    }

    /// Returns the state of a number.
    fn state(&mut self, number: u64) -> String {
        let listed = self.keys("list", 0);
        let lines = listed["keys"].as_array().expect("a list");
        let line = lines.iter().find(|line| line["number"] == number);
        let state = line.expect("the number")["state"].as_str();
        state.expect("a word").to_owned()
    }

    /// Asks so often that a running gateway has had the time.
    fn until_it_mints(&mut self, number: u64) {
        let mints = (0..400).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            self.state(number) == "mints"
        });
        assert!(mints, "{number}");
    }

    fn secret(&self, file: &str) -> String {
        let path = self.home.path().join("home").join(file);
        fs::read_to_string(path).expect("a key").trim().to_owned()
    }
}

// No command shows a secret, whatever it is asked and however it ends.
#[test]
fn numbers_begin_and_end_and_the_secret_goes_into_a_file_alone() {
    let home = Home::new();
    let (mut gateway, _url, hash) = bought_of(&home, "time=1h");
    let exported = home.run(&["tokens", "export", &hash, "--json"]).expect(0);
    let credential = exported.json()["authorization"].clone();
    let credential = credential.as_str().expect("a credential");
    let mut seller = Seller {
        home,
        shown: Vec::new(),
    };
    let listed = seller.keys("list", 0);
    assert_eq!(listed["keys"][0]["state"], "mints");
    let held_by = listed["keys"][0]["held_by"].as_array();
    assert_eq!(held_by.map(Vec::len), Some(1));
    let refused = seller.keys("retire 1", 78);
    let text = refused["message"].as_str().unwrap_or_default();
    assert!(text.contains("rotate first"), "{refused}");

    // The next number has the same key, another one after it a key of its own.
    let begun = seller.keys("rotate", 0);
    assert_eq!(begun["number"], 2);
    assert_eq!(begun["fingerprint"], listed["keys"][0]["fingerprint"]);
    seller.until_it_mints(2);
    let begun = seller.keys("rotate --new-master", 0);
    assert_eq!(begun["number"], 3);
    assert_ne!(begun["fingerprint"], listed["keys"][0]["fingerprint"]);
    let file = begun["file"].as_str().expect("a file");
    assert!(file.ends_with("master-3.key"), "{file}");
    seller.until_it_mints(3);
    // A token of an earlier number works to its end, or to the end of the number.
    assert!(answer(&gateway, credential).contains(" 200 "));
    assert_eq!(seller.keys("retire 1", 0)["state"], "ended");
    assert_eq!(seller.state(2), "good");
    let ended = (0..400).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        answer(&gateway, credential).contains("\"expired\"")
    });
    assert!(ended);
    gateway.end();

    // An end comes only nearer, also while no gateway runs.
    let near = seller.keys("retire 2 --until 2090-01-01T00:00:00Z", 0);
    assert_eq!(near["until"], "2090-01-01T00:00:00Z");
    let far = seller.keys("retire 2 --until 2091-01-01T00:00:00Z", 0);
    assert_eq!(far["until"], "2090-01-01T00:00:00Z");
    seller.keys("retire 9", 78);

    exports(&mut seller);
    let secrets = [seller.secret("master.key"), seller.secret("master-3.key")];
    assert_ne!(secrets[0], secrets[1]);
    for ran in &seller.shown {
        let shown = [&ran.stdout, &ran.stderr];
        let is_shown = |secret: &String| shown.iter().any(|text| text.contains(secret.as_str()));
        assert!(!secrets.iter().any(is_shown), "{ran:#?}");
    }
}

/// Each key goes into a new file of its owner's, and nothing is written over.
fn exports(seller: &mut Seller) {
    for (number, key) in [(2, "master.key"), (3, "master-3.key")] {
        let file = seller.home.path().join(format!("{number}.txt"));
        let line = format!("export {number} --secret {}", file.display());
        let exported = seller.keys(&line, 0);
        assert_eq!(exported["number"], number);
        let written = fs::read_to_string(&file).expect("a key");
        assert_eq!(written.trim(), seller.secret(key));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&file).expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        seller.keys(&line, 74);
        assert_eq!(fs::read_to_string(&file).expect("a key"), written);
    }
    seller.keys("export 1 --json", 0);
    seller.keys("export 9", 78);
}
