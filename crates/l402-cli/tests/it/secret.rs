//! No secret in a log, however talkative: neither the buyer's nor the seller's.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::program::Home;

/// The bytes that went from the buyer to the seller.
type Record = Arc<Mutex<Vec<u8>>>;

/// Stands between buyer and seller, and writes down what the buyer sends.
fn wiretap(seller: String) -> (SocketAddr, Record) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let record = Record::default();
    let kept = record.clone();
    std::thread::spawn(move || {
        for buyer in listener.incoming().map_while(Result::ok) {
            let seller = TcpStream::connect(&seller).expect("the seller listens");
            let (to, from) = (seller.try_clone().expect("a socket"), seller);
            let back = buyer.try_clone().expect("a socket");
            let kept = kept.clone();
            std::thread::spawn(move || carry(buyer, to, Some(&kept)));
            std::thread::spawn(move || carry(from, back, None));
        }
    });
    (address, record)
}

fn carry(mut from: TcpStream, mut to: TcpStream, record: Option<&Record>) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if let Some(record) = record {
            record
                .lock()
                .expect("no thread panicked")
                .extend_from_slice(&buffer[..length]);
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// ATTACKS O-07.
#[test]
fn a_paid_request_leaves_no_secret_in_any_log() {
    let home = Home::new();
    let mut demo = home.serve_traced(&["demo", "--listen", "127.0.0.1:0"]);
    let (address, record) = wiretap(demo.address().to_owned());
    let url = format!("http://{address}/api/l402/joke");
    let ran = home
        .run_traced(&["get", &url, "--wallet", "sandbox", "-vvv"])
        .expect(0);
    let sent = record.lock().expect("no thread panicked").clone();
    let sent = String::from_utf8(sent).expect("headers are text");
    let line = sent
        .lines()
        .find(|line| {
            line.to_ascii_lowercase()
                .starts_with("authorization: l402 ")
        })
        .expect("a credential was sent");
    let (token, preimage) = line["authorization: l402 ".len()..]
        .rsplit_once(':')
        .expect("two parts");
    assert_eq!(preimage.len(), 64);
    let log = demo.end();
    assert!(
        log.contains("TRACE") && ran.stderr.contains("TRACE"),
        "the logs are talkative"
    );
    for secret in [token, preimage] {
        assert!(!ran.stderr.contains(secret) && !ran.stdout.contains(secret));
        assert!(!log.contains(secret));
    }
}
