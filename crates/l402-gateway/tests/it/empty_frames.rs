//! Frames of HTTP/2 that carry nothing (ATTACKS D-07).

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::{GatewayUnderTest, describe, routes, serve, upstream};
use crate::upstream::PATIENCE;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
const PING: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];

async fn server(more: &str) -> GatewayUnderTest {
    let upstream = upstream(false, describe).await;
    serve(&format!(
        "{}[http]\nh2c = true\n{more}",
        routes(upstream, "")
    ))
    .await
}

async fn connect(server: &GatewayUnderTest) -> TcpStream {
    let mut socket = TcpStream::connect(server.address).await.expect("open");
    socket.write_all(PREFACE).await.expect("sent");
    socket.write_all(SETTINGS).await.expect("sent");
    socket
}

/// `GET /free` on a stream: HEADERS with END_STREAM and END_HEADERS, without Huffman coding.
fn get(stream: u8) -> Vec<u8> {
    // `:method GET` and `:scheme http` are in the static table; path and authority are literals.
    let fields = [&[0x82, 0x86, 0x04, 5][..], b"/free", &[0x01, 1], b"a"].concat();
    let length = u8::try_from(fields.len()).expect("short");
    let mut frame = vec![0, 0, length, 1, 5, 0, 0, 0, stream];
    frame.extend(fields);
    frame
}

/// Reads the next frame, and returns its type, flags and stream; `None` at the end.
async fn frame(socket: &mut (impl AsyncRead + Unpin)) -> Option<(u8, u8, u8)> {
    let mut header = [0; 9];
    let read = timeout(PATIENCE, socket.read_exact(&mut header)).await;
    read.expect("frames or an end").ok()?;
    let mut payload = vec![0; usize::from(header[1]) << 8 | usize::from(header[2])];
    socket.read_exact(&mut payload).await.ok()?;
    Some((header[3], header[4], header[8]))
}

/// Reads until the answer on a stream has ended. Returns false if the connection ends before.
async fn answered(socket: &mut TcpStream, stream: u8) -> bool {
    while let Some((kind, flags, of)) = frame(socket).await {
        if kind <= 1 && flags & 1 == 1 && of == stream {
            return true;
        }
    }
    false
}

/// Sends frames for as long as they are taken, and returns true if the connection has ended.
async fn is_closed_by(server: &GatewayUnderTest, frame: &[u8]) -> bool {
    let (mut reader, mut writer) = connect(server).await.into_split();
    // Reads, so that the answers to frames do not block the writes.
    let reading = tokio::spawn(async move {
        let mut read = vec![0; 4096];
        while reader.read(&mut read).await.is_ok_and(|count| count > 0) {}
    });
    let many = frame.repeat(1000);
    for _ in 0..200 {
        if writer.write_all(&many).await.is_err() {
            break;
        }
    }
    timeout(Duration::from_secs(1), reading).await.is_ok()
}

// FAULTS S17: 200,000 frames of PING, SETTINGS or PRIORITY. Also: WINDOW_UPDATE, an unknown type,
// and answers to pings that were never sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_frames_that_carry_nothing_ends_its_connection() {
    let server = server("").await;
    let priority = [0, 0, 5, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 16];
    let update = [0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let unknown = [0, 0, 0, 0x42, 0, 0, 0, 0, 0];
    let mut pong = PING.to_vec();
    pong[4] = 1;
    for frames in [PING, SETTINGS, &priority, &update, &unknown, &pong] {
        assert!(is_closed_by(&server, frames).await, "{frames:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_and_updates_between_requests_are_taken() {
    let server = server("").await;
    let mut socket = connect(&server).await;
    for stream in (1..=99).step_by(2) {
        socket.write_all(&PING.repeat(8)).await.expect("sent");
        socket.write_all(&get(stream)).await.expect("sent");
        assert!(answered(&mut socket, stream).await, "{stream}");
    }
}

// FAULTS S17: a connection that asked once and answers pings. Also: one that sends pings itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_requests_is_closed_whatever_else_it_says() {
    let server = server("header_timeout_secs = 1\n").await;
    let mut socket = connect(&server).await;
    socket.write_all(&get(1)).await.expect("sent");
    assert!(answered(&mut socket, 1).await);
    let (mut reader, mut writer) = socket.into_split();
    let pinging = tokio::spawn(async move {
        while writer.write_all(PING).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let mut told = false;
    let ended = async {
        while let Some((kind, ..)) = frame(&mut reader).await {
            told |= kind == 7;
        }
    };
    assert!(timeout(Duration::from_secs(5), ended).await.is_ok());
    assert!(told, "GOAWAY comes first");
    pinging.abort();
}

/// ATTACKS D-06: streams that are reset as soon as they are asked for. Also: a client that makes
/// and resets one at a time is served on.
#[tokio::test(flavor = "multi_thread")]
async fn resets_in_rapid_succession_end_their_connection() {
    let server = server("").await;
    let reset = |stream: u8| {
        [
            &get(stream)[..],
            &[0, 0, 4, 3, 0, 0, 0, 0, stream, 0, 0, 0, 8],
        ]
        .concat()
    };
    let mut socket = connect(&server).await;
    let many: Vec<u8> = (1..=251).step_by(2).flat_map(reset).collect();
    socket.write_all(&many).await.expect("sent");
    let mut told = false;
    while let Some((kind, ..)) = frame(&mut socket).await {
        told |= kind == 7;
    }
    assert!(told, "GOAWAY before the end");
    let mut patient = connect(&server).await;
    for stream in (1..=201).step_by(4) {
        patient.write_all(&get(stream)).await.expect("sent");
        assert!(answered(&mut patient, stream).await, "{stream}");
        patient.write_all(&reset(stream + 2)).await.expect("sent");
    }
}
