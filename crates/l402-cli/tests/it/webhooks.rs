//! `l402 webhooks` beside `l402 serve` and without it, and what a crash leaves.
#![cfg(unix)]

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use serde_json::Value;

use crate::program::{Home, Serving, signal};

/// The longest wait for a delivery.
const PATIENCE: Duration = Duration::from_secs(30);

/// The status of a receiver that takes the request and answers nothing.
const SILENT: u16 = 0;

/// A receiver that answers with the status of the moment.
struct Receiver {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    arrived: mpsc::Receiver<(HashMap<String, String>, Value)>,
}

impl Receiver {
    fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let status = Arc::new(AtomicU16::new(status));
        let (send, arrived) = mpsc::channel();
        let now = Arc::clone(&status);
        std::thread::spawn(move || {
            // Kept open: a caller that sees them close would try again.
            let mut silent = Vec::new();
            for mut socket in listener.incoming().map_while(Result::ok) {
                if send.send(read(&socket)).is_err() {
                    return;
                }
                match now.load(Ordering::SeqCst) {
                    SILENT => silent.push(socket),
                    status => {
                        let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n");
                        // The caller may be gone.
                        let _ = socket.write_all(answer.as_bytes());
                    }
                }
            }
        });
        Self {
            address,
            status,
            arrived,
        }
    }

    /// Returns the id and the type of the next delivery.
    fn next(&self) -> (String, String) {
        let (headers, body) = self.arrived.recv_timeout(PATIENCE).expect("a delivery");
        let kind = body["type"].as_str().expect("a type").to_owned();
        assert_eq!(body["id"], headers["webhook-id"].as_str());
        assert!(headers["webhook-signature"].starts_with("v1,"));
        (headers["webhook-id"].clone(), kind)
    }
}

/// Reads a request to its end.
fn read(socket: &TcpStream) -> (HashMap<String, String>, Value) {
    let mut reader = BufReader::new(socket);
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ") {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    let length: usize = headers["content-length"].parse().expect("a number");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    (headers, serde_json::from_slice(&body).expect("JSON"))
}

/// Writes the configuration at this price, which is a mistake if it is negative.
fn configure(home: &Home, receiver: &Receiver, price: &str) -> String {
    let key = home.path().join("webhook.key");
    let secret = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";
    l402_host::private::create(&key, secret).expect("a secret");
    let text = format!(
        "[[webhook]]\nurl = \"http://{}/\"\nsecret_file = \"webhook.key\"\nallow_private = true\n\
         events = [\"configuration_rejected\"]\n\
         [[route]]\npath = \"/a\"\nupstream = \"http://127.0.0.1:1\"\nprice = \"{price}\"\n",
        receiver.address
    );
    let file = home.file("l402.toml", &text);
    file.to_str().expect("a path").to_owned()
}

fn serve(home: &Home, file: &str) -> Serving {
    home.serve(&["serve", "--config", file, "--listen", "127.0.0.1:0"])
}

/// Looks until this many deliveries have arrived, as the file says.
fn delivered(home: &Home, file: &str, number: u64) {
    let mut seen = Value::Null;
    for _ in 0..400 {
        let ran = home.run(&["webhooks", "list", "--config", file, "--json"]);
        seen = ran.expect(0).json();
        if seen["targets"][0]["delivered"] == number {
            return;
        }
    }
    panic!("{number} were not delivered: {seen}");
}

#[test]
fn a_delivery_that_a_crash_cut_off_comes_again_with_the_same_id() {
    let (home, receiver) = (Home::new(), Receiver::start(SILENT));
    let file = configure(&home, &receiver, "5 sat");
    let mut shop = serve(&home, &file);
    configure(&home, &receiver, "-5 sat");
    signal("HUP", shop.pid());
    let (id, kind) = receiver.next();
    assert_eq!(kind, "configuration_rejected");
    signal("KILL", shop.pid());
    shop.wait();
    // Nobody has answered, and nobody runs.
    configure(&home, &receiver, "5 sat");
    let log = home.run(&["webhooks", "log", "--json"]).expect(0).json();
    assert_eq!(log["deliveries"][0]["id"], id);
    assert_eq!(log["deliveries"][0]["state"], "waits");
    receiver.status.store(204, Ordering::SeqCst);
    let _shop = serve(&home, &file);
    assert_eq!(receiver.next(), (id.clone(), kind.clone()));
    delivered(&home, &file, 1);

    // A replay beside the gateway.
    let replay = ["webhooks", "replay", &id, "--config", &file, "--json"];
    assert_eq!(home.run(&replay).expect(0).json()["deliveries"], 1);
    assert_eq!(receiver.next(), (id, kind));
    delivered(&home, &file, 1);
    let none = home.run(&["webhooks", "replay", "--failed", "--config", &file]);
    assert!(none.expect(0).stdout.contains('0'), "nothing has failed");
}

#[test]
fn a_test_needs_no_gateway_and_tells_what_the_receiver_said() {
    let (home, receiver) = (Home::new(), Receiver::start(204));
    let file = configure(&home, &receiver, "5 sat");
    std::fs::create_dir_all(home.path().join("home")).expect("a folder");
    let test = ["webhooks", "test", "--config", &file, "--json"];
    let ran = home.run(&test).expect(0).json();
    assert_eq!(ran["deliveries"][0]["outcome"], "204");
    assert_eq!(receiver.next().1, "test");
    receiver.status.store(500, Ordering::SeqCst);
    let ran = home.run(&test).expect(69).json();
    assert_eq!(ran["deliveries"][0]["state"], "failed");
    assert_eq!(ran["deliveries"][0]["outcome"], "500");
    let list = home.run(&["webhooks", "list", "--config", &file, "--json"]);
    let list = list.expect(0).json();
    let target = &list["targets"][0];
    assert_eq!(
        (&target["delivered"], &target["failed"]),
        (&1.into(), &1.into())
    );
    let name = target["target"].as_str().expect("a name");
    assert!(
        name.starts_with(&format!("http://{}#", receiver.address)),
        "{name}"
    );
    // A secret that others can read is not used.
    let key = home.path().join("webhook.key");
    let mode = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o644);
    std::fs::set_permissions(&key, mode).expect("a mode");
    let ran = home.run(&test);
    assert!(
        ran.status != Some(0) && ran.stderr.contains("webhook[0]"),
        "{}",
        ran.stderr
    );
}
