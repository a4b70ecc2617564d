//! `l402 backup` and `l402 restore`, beside programs that run and after they have ended.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use l402_cli::exit_code::{LOCAL_IO, USAGE};

use crate::program::{Home, Serving};
use crate::stranger::server;

const PAGE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\na quote";

/// A home with a gateway that sells `/quote` once, and by the hour to the host `hour.test`.
fn shop() -> (Home, PathBuf, Serving) {
    let home = Home::new();
    let upstream = server(|_| PAGE.to_owned());
    let route = |path: &str, policy: &str| {
        format!(
            "[[route]]\npath = \"/{path}\"\nupstream = \"http://{upstream}\"\nprice = \"7 sat\"\n\
             service = \"{path}\"\npolicy = \"{policy}\"\n"
        )
    };
    let text = "listen = [\"127.0.0.1:0\"]\n".to_owned()
        + &route("quote", "request")
        + &route("hour", "time=1h");
    let config = home.file("gateway.toml", &text);
    let gateway = serve(&home, &config);
    (home, config, gateway)
}

fn serve(home: &Home, config: &Path) -> Serving {
    home.serve(&["serve", "--config", text(config)])
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

/// Restores into a home, and returns the arguments that do.
fn restore<'a>(tar: &'a Path, config: &'a Path) -> [&'a str; 4] {
    ["restore", text(tar), "--config", text(config)]
}

/// Buys a page with a wallet of play money.
fn buy(home: &Home, gateway: &Serving, path: &str) {
    home.run(&["get", &gateway.url(path), "--wallet", "sandbox"])
        .expect(0);
}

/// The credential of the only token of this home for a path.
fn credential(home: &Home, path: &str) -> String {
    let listed = home.run(&["tokens", "list", "--ended"]).expect(0).json();
    let tokens = listed.as_array().expect("tokens");
    let token = tokens.iter().find(|token| token.to_string().contains(path));
    let id = token.expect("a token")["payment_hash"]
        .as_str()
        .expect("a hash");
    let exported = home.run(&["tokens", "export", id]).expect(0);
    exported.stdout.trim().to_owned()
}

/// The whole answer to a request with this credential.
fn raw(gateway: &Serving, path: &str, authorization: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut socket = std::net::TcpStream::connect(gateway.address()).expect("it listens");
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nauthorization: {authorization}\r\n\r\n",
        gateway.address()
    );
    socket.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn a_home_is_copied_beside_its_programs_and_comes_back_under_the_next_number() {
    let (home, config, mut gateway) = shop();
    buy(&home, &gateway, "/hour");
    let hour = credential(&home, "/hour");
    buy(&home, &gateway, "/quote");
    let quote = credential(&home, "/quote");
    let tar = home.path().join("a.tar");
    let buyer = home
        .command(&["get", &gateway.url("/quote?2"), "--wallet", "sandbox"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let packed = home.run(&["backup", text(&tar), "--json"]).expect(0);
    assert!(packed.json()["files"].as_u64() > Some(3), "{packed:#?}");
    buyer.expect("a buyer").wait().expect("an end");
    assert_eq!(
        home.run(&["backup", text(&tar)]).status,
        Some(LOCAL_IO.number.into())
    );

    let again = [&restore(&tar, &config)[..], &["--replace"]].concat();
    let refused = home.run(&again).expect(LOCAL_IO.number.into());
    assert!(refused.stderr.contains("a program runs in"), "{refused:#?}");
    gateway.end();
    let used = home
        .run(&restore(&tar, &config))
        .expect(LOCAL_IO.number.into());
    assert!(used.stderr.contains("holds a home already"), "{used:#?}");
    let restored = home.run(&again).expect(0).json();
    assert!(restored["number"].as_u64() > Some(1), "{restored}");
    let aside = home.path().join("home.before-1");
    assert!(aside.join("master.key").exists() && aside.join("gateway.db").exists());

    let gateway = serve(&home, &config);
    let answer = raw(&gateway, "/hour", &hour);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = raw(&gateway, "/quote", &quote);
    assert!(
        answer.starts_with("HTTP/1.1 402") && answer.contains("revoked"),
        "{answer}"
    );
    // The journal and the wallet are whole: what was paid is known, and the wallet pays again.
    let known = home.run(&["payments"]).expect(0).json();
    assert!(known.as_array().map(Vec::len) >= Some(2), "{known}");
    buy(&home, &gateway, "/quote");
}

#[test]
fn what_is_no_file_and_no_folder_is_refused_by_name() {
    let home = Home::new();
    for line in [["backup", "-"], ["restore", "-"]] {
        fs::create_dir_all(home.path().join("home")).expect("a folder");
        let ran = home.run(&line).expect(USAGE.number.into());
        assert!(ran.stderr.contains("- is none"), "{ran:#?}");
    }
    fs::write(home.path().join("home/a"), "b").expect("a file");
    let tar = home.path().join("a.tar");
    home.run(&["backup", text(&tar)]).expect(0);
    let link = home.path().join("link");
    std::os::unix::fs::symlink(home.path().join("home"), &link).expect("a link");
    let line = ["restore", text(&tar), "--home", text(&link), "--replace"];
    let ran = home.run(&line).expect(LOCAL_IO.number.into());
    assert!(ran.stderr.contains("is a link"), "{ran:#?}");
}

#[test]
fn a_restore_that_is_killed_leaves_a_whole_home() {
    let home = Home::new();
    let folder = home.path().join("home");
    fs::create_dir_all(&folder).expect("a folder");
    for number in 0..40 {
        fs::write(folder.join(format!("{number}.txt")), "new").expect("a file");
    }
    let tar = home.path().join("a.tar");
    home.run(&["backup", text(&tar)]).expect(0);
    for steps in 0..8 {
        for number in 0..40 {
            fs::write(folder.join(format!("{number}.txt")), "old").expect("a file");
        }
        let mut command = home.command(&["restore", text(&tar), "--replace"]);
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut restore = quiet.spawn().expect("the program starts");
        // Wherever it is by then: the outcome is the same.
        for _ in 0..steps * 2000 {
            std::thread::yield_now();
        }
        restore.kill().expect("a kill");
        restore.wait().expect("an end");
        let read = |number| fs::read_to_string(folder.join(format!("{number}.txt")));
        let all: Vec<String> = (0..40).map(|number| read(number).expect("whole")).collect();
        assert!(all.iter().all(|text| *text == all[0]), "{all:?}");
    }
}
