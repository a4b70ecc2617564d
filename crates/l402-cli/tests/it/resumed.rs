//! `l402 get -C` and `--compressed`, where the answer was paid for.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::program::Home;
use crate::seller::Seller;
use crate::stranger::server_of_heads;

const WALLET: [&str; 2] = ["--wallet", "sandbox"];

const OK: &str = "HTTP/1.1 200 OK\r\n";

/// A download that breaks off in the middle, and goes on with the token that was paid for.
#[test]
fn a_download_goes_on_with_what_was_paid_for() {
    let home = Home::new();
    let film = "0123456789".repeat(100_000);
    let sent = film.clone();
    let upstream = server_of_heads(move |head| {
        let head = head.to_lowercase();
        let (_, range) = head.split_once("\r\nrange: bytes=").unwrap_or_default();
        match range.split('-').next().and_then(|from| from.parse().ok()) {
            Some(from) => format!(
                "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes {from}-999999/1000000\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n{}",
                sent.len() - from,
                &sent[from..]
            ),
            // Enough for the gateway to pass something on before it learns of the end.
            None => format!(
                "{OK}content-length: 1000000\r\nconnection: close\r\n\r\n{}",
                &sent[..900_000]
            ),
        }
    });
    let upstream = format!("http://{upstream}");
    let shop = home.sell(&upstream);
    let url = shop.url("/film");
    let file = home.path().join("film");
    let output = file.to_str().expect("a path");
    let args = [&["get", &url, "-C", "-", "-o", output][..], &WALLET].concat();
    home.run(&args).expect(15);
    let begun = std::fs::read_to_string(&file).expect("a file");
    assert!(!begun.is_empty() && film.starts_with(&begun));
    let ran = home.run(&args).expect(0);
    assert!(ran.stderr.contains("not paying again"), "{ran:#?}");
    assert!(std::fs::read_to_string(&file).expect("a file") == film);
    let paid = home.run(&["payments"]).expect(0).json();
    assert_eq!(paid.as_array().expect("rows").len(), 1, "{paid}");
}

/// A seller who does not know ranges, or knows nothing at all.
#[test]
fn a_paid_answer_that_does_not_go_on_is_not_lost() {
    for (head, body, status, then) in [
        (OK, "all of it", 0, "all of it"),
        (
            "HTTP/1.1 404 Not Found\r\nl402-use: kept\r\n",
            "gone",
            69,
            "all",
        ),
        (
            "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 1-9/9\r\n",
            "ll of it",
            69,
            "all",
        ),
        ("HTTP/1.1 416 No\r\n", "no more", 0, "all"),
    ] {
        let home = Home::new();
        let seller = Seller::open(&home, head, body.as_bytes());
        let file = home.file("film", "all");
        let (url, output) = (seller.url("/x"), file.to_str().expect("a path"));
        let args = [&["get", &url, "-C", "-", "-o", output][..], &WALLET].concat();
        let ran = home.run(&args).expect(status);
        assert_eq!(
            std::fs::read_to_string(&file).expect("a file"),
            then,
            "{head}"
        );
        assert!(!ran.stderr.contains("no money moved"), "{ran:#?}");
        home.run(&args);
        assert_eq!(seller.income(), 50_000, "{head}");
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(text.as_bytes()).expect("memory");
    packer.finish().expect("memory")
}

/// What is kept is what came: it is unpacked when it is handed out.
#[cfg(target_os = "linux")]
#[test]
fn a_packed_answer_is_kept_as_it_came_and_unpacked_later() {
    let home = Home::new();
    let head = format!("{OK}content-encoding: gzip\r\n");
    let seller = Seller::open(&home, &head, &gzip("an answer"));
    let url = seller.url("/x");
    let packed = [&["get", "--compressed", &url][..], &WALLET].concat();
    let full = [&packed[..], &["-o", "/dev/full"]].concat();
    let ran = home.run(&full).expect(74);
    assert!(ran.stderr.contains("hands it out"), "{ran:#?}");
    assert_eq!(home.run(&packed).expect(0).stdout, "an answer");
    assert_eq!((seller.seen(), seller.income()), ((1, 1), 50_000));
}

#[test]
fn a_paid_answer_in_an_unknown_packing_is_written_as_it_came() {
    let home = Home::new();
    let head = format!("{OK}content-encoding: x-none\r\n");
    let seller = Seller::open(&home, &head, b"packed somehow");
    let url = seller.url("/x");
    let args = [&["get", "--compressed", &url][..], &WALLET].concat();
    let ran = home.run(&args).expect(0);
    assert_eq!(ran.stdout, "packed somehow");
    assert!(ran.stderr.contains("x-none"), "{ran:#?}");
}

/// A paid answer that is kept, because the file takes no more of it: the file goes back to what it was,
/// so that the same command is the same request.
#[test]
fn a_kept_answer_is_found_again_by_a_download_that_goes_on() {
    for begun in ["", "it is "] {
        let home = Home::new();
        let seller = Seller::open(&home, OK, b"it is all of it");
        let file = home.file("film", begun);
        let (url, output) = (seller.url("/x"), file.to_str().expect("a path"));
        let args = [&["get", &url, "-C", "-", "-o", output][..], &WALLET].concat();
        let short = [&args[..], &["--max-filesize", "7"]].concat();
        home.run(&short).expect(15);
        assert_eq!(std::fs::read_to_string(&file).expect("a file"), begun);
        home.run(&args).expect(0);
        let all = std::fs::read_to_string(&file).expect("a file");
        assert_eq!(all, "it is all of it", "{begun:?}");
        assert_eq!((seller.seen(), seller.income()), ((1, 1), 50_000));
    }
}

/// The boundary of a form is part of the request.
#[test]
fn the_same_form_is_the_same_request() {
    let home = Home::new();
    let seller = Seller::open(&home, OK, b"an answer");
    let picture = home.file("picture.png", "not really");
    let part = format!("p=@{}", picture.display());
    let url = seller.url("/x");
    let args = [&["get", &url, "-F", "a=b", "-F", &part][..], &WALLET].concat();
    home.run(&[&args[..], &["-o", "/dev/full"]].concat())
        .expect(74);
    assert_eq!(home.run(&args).expect(0).stdout, "an answer");
    assert_eq!((seller.seen(), seller.income()), ((1, 1), 50_000));
}
