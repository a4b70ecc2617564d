//! The receiver of the gateway's webhooks: keeps the ids, types and contents of all deliveries.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// Runs as long as the test, and refuses nothing.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    arrived: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let arrived = Arc::<Mutex<Vec<Value>>>::default();
        let keep = Arc::clone(&arrived);
        std::thread::spawn(move || {
            for mut socket in listener.incoming().map_while(Result::ok) {
                // A gateway that ends breaks off anywhere; it is due again then.
                if let Some(event) = read(&socket) {
                    keep.lock().expect("no panic").push(event);
                    let _ = socket.write_all(b"HTTP/1.1 204 x\r\n\r\n");
                }
            }
        });
        Self { address, arrived }
    }

    /// The bodies of all deliveries, in the order of their arrival.
    pub(crate) fn arrived(&self) -> Vec<Value> {
        self.arrived.lock().expect("no panic").clone()
    }

    /// The number of deliveries of a type.
    pub(crate) fn count(&self, kind: &str) -> usize {
        let arrived = self.arrived.lock().expect("no panic");
        arrived.iter().filter(|event| event["type"] == kind).count()
    }
}

/// Reads a delivery, which is signed and whose id stands in head and body.
fn read(socket: &TcpStream) -> Option<Value> {
    let mut reader = BufReader::new(socket);
    let (mut length, mut id, mut is_signed) = (0, String::new(), false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        // The first line is no header.
        let (name, value) = line.split_once(": ").unwrap_or_default();
        match &*name.to_ascii_lowercase() {
            "content-length" => length = value.trim().parse().expect("a length"),
            "webhook-id" => value.trim().clone_into(&mut id),
            "webhook-signature" => is_signed = value.starts_with("v1,"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let event: Value = serde_json::from_slice(&body).expect("JSON");
    assert!(is_signed && event["id"] == id, "{event}");
    Some(event)
}
