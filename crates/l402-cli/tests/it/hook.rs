//! The hook of `client.toml` that is a service, asked by the program over HTTP.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use l402_host::{Clock as _, SystemClock};
use serde_json::Value;

use crate::program::Home;
use crate::seller::Seller;

const ALLOW: &str = r#"{"decision":"allow"}"#;

/// A service that answers each path in its own way, and keeps what it was asked.
struct Service {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Service {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let seen = Arc::clone(&seen);
                // A client that has had enough may close first.
                std::thread::spawn(move || serve(socket, &seen));
            }
        });
        Self { address, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns what it was asked since the last call.
    fn asked(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.asked.lock().expect("a lock"))
    }
}

fn serve(mut socket: TcpStream, seen: &Mutex<Vec<(String, Value)>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(socket.try_clone()?);
    let (mut head, mut length) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let path = head.split(' ').nth(1).expect("a target").to_owned();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    seen.lock().expect("a lock").push((path.clone(), body));
    let text = match path.as_str() {
        "/redirect" => {
            let head = "HTTP/1.1 307 Temporary Redirect\r\nlocation: /allow\r\n";
            return write!(
                socket,
                "{head}connection: close\r\ncontent-length: 0\r\n\r\n"
            );
        }
        "/slow" => {
            std::thread::sleep(Duration::from_secs(10));
            ALLOW.to_owned()
        }
        "/deny" => {
            r#"{"decision":"deny","reason":{"code":"night","message":"not \u001b[31mat night"}}"#
                .to_owned()
        }
        "/oversized" => format!("{ALLOW}{}", " ".repeat(64 * 1024)),
        "/less" => r#"{"decision":"allow","max_msat":59999}"#.to_owned(),
        "/enough" => r#"{"decision":"allow","max_msat":60000}"#.to_owned(),
        "/garbled" => "allow".to_owned(),
        _ => ALLOW.to_owned(),
    };
    let status = match path.as_str() {
        "/fault" => "500 Internal Server Error",
        "/accepted" => "202 Accepted",
        _ => "200 OK",
    };
    let length = text.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    socket.write_all(format!("{head}{text}").as_bytes())
}

/// Its redirect is not followed, and nothing that it says counts but one whole "allow".
#[test]
fn a_service_allows_by_one_answer_and_denies_by_every_other() {
    let (home, service) = (Home::new(), Service::open());
    let seller = Seller::open(&home, "HTTP/1.1 200 OK\r\n", b"an answer");
    let buy = |path: &str| {
        // A token is good for the whole of its path, and each of these is to be bought.
        let url = seller.url(&format!("{path}?key=mysecret"));
        home.configure(&format!("[hook]\nurl = \"{}\"\n", service.url(path)));
        home.run(&["get", &url, "--wallet", "sandbox", "--yes"])
    };
    for path in [
        "/deny",
        "/redirect",
        "/fault",
        "/accepted",
        "/oversized",
        "/less",
        "/garbled",
    ] {
        let ran = buy(path).expect(50);
        assert!(ran.stderr.contains("no money moved"), "{path}: {ran:#?}");
        assert!(!ran.stderr.contains('\u{1b}'), "{path}: {ran:#?}");
        let asked = service.asked();
        assert_eq!(asked.len(), 1, "{path} is asked once and followed nowhere");
        assert_eq!(asked[0].0, path);
    }
    let began = SystemClock::default();
    let ran = buy("/slow").expect(50);
    assert!(ran.stderr.contains("no money moved"), "{ran:#?}");
    assert!(began.monotonic() < Duration::from_secs(9), "it has 3 s");
    service.asked();
    assert_eq!(seller.income(), 0);
    for path in ["/allow", "/enough"] {
        assert_eq!(buy(path).expect(0).stdout, "an answer");
        let [(_, asked)] = &service.asked()[..] else {
            panic!("asked once");
        };
        assert_eq!(asked["amount_sats"], 50, "{asked}");
        assert_eq!(
            (&asked["protocol"], &asked["method"]),
            (&"l402".into(), &"GET".into())
        );
        let to = asked["destination_or_url"].as_str().expect("a URL");
        assert!(
            to.starts_with(&seller.url(path)) && !to.contains("mysecret"),
            "{to}"
        );
    }
    assert_eq!(seller.income(), 2 * 50_000);
}

#[test]
fn a_service_that_is_not_there_or_could_be_anybody_denies() {
    let home = Home::new();
    let seller = Seller::open(&home, "HTTP/1.1 200 OK\r\n", b"an answer");
    let url = seller.url("/x");
    for (hook, code) in [("http://127.0.0.1:1/", 50), ("http://hook.example/", 78)] {
        home.configure(&format!("[hook]\nurl = \"{hook}\"\n"));
        let ran = home.run(&["get", &url, "--wallet", "sandbox"]);
        let ran = ran.expect(code);
        assert!(ran.stderr.contains("no money moved"), "{ran:#?}");
    }
    assert_eq!(seller.income(), 0);
}
