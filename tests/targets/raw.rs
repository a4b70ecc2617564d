//! A client that sends a target as it is.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer, as far as it matters.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The index of the route by which the upstream was asked, as the upstream says.
    pub(crate) route: Option<usize>,
    /// The whole answer, head and body.
    pub(crate) text: String,
}

impl Answer {
    /// Returns the resource that was served.
    pub(crate) fn resource(&self) -> Option<&str> {
        let (_, rest) = self.text.split_once("R:")?;
        Some(rest.split_once(":END")?.0)
    }

    fn read(text: String) -> Self {
        let status = text.get(9..12).and_then(|status| status.parse().ok());
        let lower = text.to_ascii_lowercase();
        let seen = lower.split("\r\nx-seen:").nth(1);
        let seen = seen.and_then(|rest| rest.lines().next());
        Self {
            status: status.unwrap_or_default(),
            route: seen.and_then(|route| route.trim().parse().ok()),
            text,
        }
    }
}

/// Asks for a target on a connection of its own, and reads to the end.
pub(crate) fn ask(address: SocketAddr, target: &[u8], credential: Option<&str>) -> Answer {
    let authorization = credential.map(|credential| format!("Authorization: {credential}\r\n"));
    let rest = format!(
        " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{}\r\n",
        authorization.unwrap_or_default()
    );
    let request = [b"GET ", target, rest.as_bytes()].concat();
    let mut socket = TcpStream::connect(address).expect("a connection");
    let patience = Duration::from_secs(20);
    socket.set_read_timeout(Some(patience)).expect("a time-out");
    socket.write_all(&request).expect("sent");
    let mut answer = Vec::new();
    // A reset after the answer is as good as its end.
    let _ = socket.read_to_end(&mut answer);
    Answer::read(String::from_utf8_lossy(&answer).into_owned())
}
