//! A client of HTTP/2 that sends and sees single frames.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const WINDOW_UPDATE: u8 = 8;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// The time after which a test fails: only a step that hangs takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A frame without its payload's meaning.
#[derive(Debug)]
pub(crate) struct FrameSeen {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl FrameSeen {
    pub(crate) fn ends_stream(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }
}

/// A connection by prior knowledge.
pub(crate) struct Frames {
    pub(crate) socket: TcpStream,
}

impl Frames {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.expect("a connection");
        socket.set_nodelay(true).expect("an open socket");
        let mut frames = Self { socket };
        frames.socket.write_all(PREFACE).await.expect("sent");
        frames.say(SETTINGS, 0, 0, b"").await;
        frames
    }

    pub(crate) async fn say(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).expect("a short frame");
        let mut frame = length.to_be_bytes()[1..].to_vec();
        frame.extend_from_slice(&[kind, flags]);
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.extend_from_slice(payload);
        self.socket.write_all(&frame).await.expect("sent");
    }

    /// Sends the head of a request.
    pub(crate) async fn ask(&mut self, stream: u32, method: &str, path: &str, ends: bool) {
        let mut block = Vec::new();
        for (name, value) in [
            (":method", method),
            (":scheme", "http"),
            (":authority", "shop.example"),
            (":path", path),
        ] {
            // A literal without an index, and without Huffman's code (RFC 7541, section 6.2.2).
            block.push(0);
            for text in [name, value] {
                block.push(u8::try_from(text.len()).expect("a short text"));
                block.extend_from_slice(text.as_bytes());
            }
        }
        let flags = END_HEADERS | if ends { END_STREAM } else { 0 };
        self.say(HEADERS, flags, stream, &block).await;
    }

    /// Returns the next frame, or `None` at the end of the connection. Confirms settings: the window
    /// that they open holds from then on.
    pub(crate) async fn next(&mut self) -> Option<FrameSeen> {
        let frame = self.read().await?;
        if frame.kind == SETTINGS && frame.flags == 0 {
            self.say(SETTINGS, 1, 0, b"").await;
        }
        Some(frame)
    }

    async fn read(&mut self) -> Option<FrameSeen> {
        let mut head = [0; 9];
        let read = timeout(PATIENCE, self.socket.read_exact(&mut head)).await;
        read.expect("a frame comes").ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.socket.read_exact(&mut payload).await.ok()?;
        Some(FrameSeen {
            kind: head[3],
            flags: head[4],
            stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
            payload,
        })
    }

    /// Returns the frames of a stream up to the one that ends it.
    pub(crate) async fn answer(&mut self, stream: u32) -> Vec<FrameSeen> {
        let mut seen: Vec<FrameSeen> = Vec::new();
        while !seen.last().is_some_and(FrameSeen::ends_stream) {
            let frame = self.next().await.expect("the connection stays");
            if frame.stream == stream && frame.kind != WINDOW_UPDATE {
                assert_ne!(frame.kind, RST_STREAM, "{frame:?}");
                seen.push(frame);
            }
        }
        seen
    }
}
