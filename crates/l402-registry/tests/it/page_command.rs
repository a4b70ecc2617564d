//! The commands of a listing's page, given to a shell.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use l402_registry::{NewListing, RequestSchema, Store as _, Words};
use l402_testkit::hostile_texts;
use serde_json::{Value, json};

use crate::page_fixture::{address, commands, detail};
use crate::store_fixture::{World, seen_up, submitted};

/// Texts that mean something to a shell, beside those of the kit.
const SHELL: &[&str] = &[
    "a'b",
    "''",
    "'",
    "'\\''",
    "\\'",
    "$HOME",
    "${IFS}",
    "$(id)",
    "`id`",
    "a;id",
    "a&id&",
    "a|id",
    "a>x",
    "a<x",
    "*",
    "?",
    "[a-z]",
    "{a,b}",
    "{1..9}",
    "~",
    "~root",
    "!!",
    "!x",
    "#x",
    "a b",
    "\t",
    "\"",
    "\"$x\"",
    "$'\\x41'",
    "%s%n",
    "-e",
    "=x",
    "(x)",
    "x&&id",
    "x||id",
    "\\\\",
    "a\\",
    "%27;id;%27",
    "é漢\u{1f600}",
    "/../..//./",
];

/// A program in place of the real one: writes its name, its arguments and its input to a file.
const STUB: &str = "#!/bin/sh\nfor word in \"${0##*/}\" \"$@\"; do printf '%s\\0' \"$word\"; done >>\"$SEEN\"\n\
                    case \"$1\" in mcp) cat;; esac >>\"$SEEN\"\nprintf '\\1' >>\"$SEEN\"\n";

fn stubs(folder: &Path) {
    for name in ["curl", "l402", "claude"] {
        let path = folder.join(name);
        std::fs::write(&path, STUB).expect("a stub");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a program");
    }
}

/// Runs a text in a shell, in an empty folder. Returns the calls that it made, each word by word.
fn run(text: &str) -> Vec<Vec<String>> {
    let (programs, work) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
    );
    stubs(programs.path());
    let seen = programs.path().join("seen");
    let done = Command::new("sh")
        .args(["-c", text])
        .current_dir(work.path())
        .env(
            "PATH",
            format!("{}:/usr/bin:/bin", programs.path().display()),
        )
        .env("SEEN", &seen)
        .envs([("TOKEN", "token"), ("PREIMAGE", "preimage")])
        .output()
        .expect("a shell");
    assert!(
        done.status.success() && done.stderr.is_empty(),
        "{text}: {done:?}"
    );
    assert_eq!(
        std::fs::read_dir(work.path()).expect("a folder").count(),
        0,
        "{text} wrote a file"
    );
    let seen = String::from_utf8(std::fs::read(&seen).expect("calls")).expect("text");
    let calls = seen.split_terminator('\u{1}');
    calls
        .map(|call| call.split('\0').map(str::to_owned).collect())
        .collect()
}

/// Returns the commands of a listing at this address, and what its body must be.
fn listing(world: &World, address: &str, method: &str, text: &str) -> (String, Vec<String>) {
    let words = Words {
        request_schema: Some(RequestSchema(
            json!({ "properties": { "text": { "example": text } } }),
        )),
        ..Words::default()
    };
    let new = NewListing {
        method: method.to_owned(),
        words,
        ..submitted(address)
    };
    let url = new.url.as_str().to_owned();
    let id = world.add_new(new);
    world.done(world.store.record(id, seen_up(60, 50_500)));
    (url, commands(&detail(world, id).html))
}

fn texts() -> Vec<&'static str> {
    SHELL.iter().copied().chain(hostile_texts()).collect()
}

// ATTACKS G-06: an address in a command is one word of it, whatever a shell could read in it.
#[test]
fn a_shell_reads_each_address_as_one_word() {
    let world = World::new();
    let texts = texts();
    assert!(texts.len() >= 40);
    for (number, text) in texts.iter().enumerate() {
        let (url, commands) = listing(&world, &address(number, text), "GET", text);
        assert_eq!(commands.len(), 5, "{text}");
        let get = [
            "l402",
            "get",
            &url,
            "--wallet",
            "alby",
            "--max-price",
            "60500 msat",
            "",
        ];
        assert_eq!(run(&commands[0]), [get], "{text}");
        for (call, first) in run(&commands[1]).iter().zip(["--include", "--header"]) {
            assert_eq!((&*call[0], &*call[1]), ("curl", first));
            assert_eq!(call[call.len() - 2], url, "{text}");
            let glob = call.iter().any(|word| word == "--globoff");
            assert_eq!(glob, url.contains(['[', ']', '{', '}']), "{url}");
            assert!(call.len() <= 6, "{call:?}");
        }
        let calls = run(&commands[4]);
        assert_eq!(
            calls[0],
            [
                "claude", "mcp", "add", "l402", "--", "l402", "mcp", "--wallet", "alby", ""
            ]
        );
        assert_eq!(calls[1][..4], ["l402", "mcp", "--wallet", "alby"]);
        let call: Value = serde_json::from_str(&calls[1][4]).expect("JSON");
        assert_eq!(call["params"]["arguments"], json!({ "url": url }), "{text}");
    }
}

#[test]
fn a_shell_reads_each_body_as_one_word() {
    let world = World::new();
    for (number, text) in texts().iter().enumerate() {
        let (url, commands) = listing(&world, &format!("https://h{number}.example/"), "POST", text);
        let body = |words: &[String]| {
            let at = words
                .iter()
                .position(|word| word == "--data")
                .expect("a body");
            assert!(
                words.contains(&url) && words.windows(2).any(|pair| pair == ["--request", "POST"]),
                "{words:?}"
            );
            serde_json::from_str::<Value>(&words[at + 1]).expect("JSON")
        };
        assert_eq!(body(&run(&commands[0])[0]), json!({ "text": text }));
        for call in run(&commands[1]) {
            assert_eq!(body(&call), json!({ "text": text }));
        }
        let call: Value = serde_json::from_str(&run(&commands[4])[1][4]).expect("JSON");
        let arguments = &call["params"]["arguments"];
        assert_eq!(
            (&arguments["method"], &arguments["url"]),
            (&json!("POST"), &json!(url))
        );
        let body: Value =
            serde_json::from_str(arguments["body"].as_str().expect("text")).expect("JSON");
        assert_eq!(body, json!({ "text": text }));
    }
}

// ATTACKS G-06: in a program of Python or Node, address and body are strings.
#[test]
fn a_program_has_each_address_as_a_string() {
    let world = World::new();
    for (number, text) in texts().iter().enumerate() {
        let (url, commands) = listing(&world, &address(number, text), "PUT", text);
        for (program, before) in [
            (&commands[2], "request(\"PUT\", "),
            (&commands[3], "fetch402("),
        ] {
            let literal = program.split(before).nth(1).expect("a call");
            let mut strings = serde_json::Deserializer::from_str(literal).into_iter::<String>();
            assert_eq!(
                strings.next().expect("a string").expect("JSON"),
                url,
                "{text}"
            );
        }
        let body = commands[3].split(", body: ").nth(1).expect("a body");
        let mut strings = serde_json::Deserializer::from_str(body).into_iter::<String>();
        let body = strings.next().expect("a string").expect("JSON");
        assert_eq!(
            serde_json::from_str::<Value>(&body).expect("JSON"),
            json!({ "text": text })
        );
        assert!(!commands[2].contains('\u{202e}') && !commands[3].contains('\u{e0067}'));
    }
}
