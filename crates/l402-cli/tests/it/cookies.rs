//! `l402 get -b` and `-c`, where the answer was paid for.

use crate::program::Home;
use crate::seller::Seller;

const WALLET: [&str; 2] = ["--wallet", "sandbox"];

const HEAD: &str = "HTTP/1.1 200 OK\r\nset-cookie: session=hush; Path=/\r\n";

#[test]
fn the_cookies_of_a_paid_answer_are_written_for_the_owner_alone() {
    let home = Home::new();
    let seller = Seller::open(&home, HEAD, b"an answer");
    let url = seller.url("/x");
    let jar = home.path().join("jar");
    let name = jar.to_str().expect("a path");
    let ran = home.run(&[&["get", &url, "-c", name][..], &WALLET].concat());
    assert_eq!(ran.expect(0).stdout, "an answer");
    let text = std::fs::read_to_string(&jar).expect("a file");
    assert!(text.contains("\tsession\thush\n"), "{text}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&jar)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let shown = home.run(&["get", &url, "-c", "-", "-b", name]).expect(0);
    assert!(
        shown.stdout.starts_with("an answer# Netscape"),
        "{shown:#?}"
    );
    assert_eq!(seller.income(), 50_000);
}

#[test]
fn a_file_that_cannot_be_written_is_found_before_money_moves() {
    let home = Home::new();
    let seller = Seller::open(&home, HEAD, b"an answer");
    let (url, jar) = (seller.url("/x"), home.path().join("none/jar"));
    let name = jar.to_str().expect("a path");
    let ran = home.run(&[&["get", &url, "-c", name][..], &WALLET].concat());
    let ran = ran.expect(74);
    assert!(ran.stderr.contains("no money moved"), "{ran:#?}");
    assert_eq!((seller.seen(), seller.income()), ((0, 0), 0));
}

/// A new file in its place would be the end of the device.
#[cfg(target_os = "linux")]
#[test]
fn a_device_stays_a_device() {
    use std::os::unix::fs::FileTypeExt as _;
    let home = Home::new();
    let seller = Seller::open(&home, HEAD, b"an answer");
    let null = home.path().join("null");
    std::os::unix::fs::symlink("/dev/null", &null).expect("a link");
    let (url, name) = (seller.url("/x"), null.to_str().expect("a path"));
    home.run(&[&["get", &url, "-c", name][..], &WALLET].concat())
        .expect(0);
    let found = std::fs::metadata(&null).expect("a device");
    assert!(found.file_type().is_char_device());
}

/// A run that could not write its answer keeps it for the same request, cookies included.
#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_was_kept_is_found_again_with_the_same_cookies() {
    let home = Home::new();
    let seller = Seller::open(&home, HEAD, b"an answer");
    let jar = home.path().join("jar");
    let (url, name) = (seller.url("/x"), jar.to_str().expect("a path"));
    let args = [&["get", &url, "-b", name, "-c", name][..], &WALLET].concat();
    home.run(&[&args[..], &["--max-filesize", "3"]].concat())
        .expect(15);
    assert!(!jar.exists());
    home.run(&[&args[..], &["-o", "/dev/full"]].concat())
        .expect(74);
    assert!(!jar.exists());
    assert_eq!(home.run(&args).expect(0).stdout, "an answer");
    assert!(jar.exists());
    assert_eq!((seller.seen(), seller.income()), ((1, 1), 50_000));
}
