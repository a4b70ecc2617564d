//! Bodies of any length are sent twice alike, and held nowhere for long.

use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use http::Method;
use l402::Msat;
use l402_client::{Body, Client, Error, Progress, Quote, Request};
use sha2::{Digest, Sha256};

use crate::world::World;

const MIB: usize = 1024 * 1024;

/// Counts the bytes of a source that are alive.
#[derive(Default)]
struct Held {
    now: AtomicUsize,
    peak: AtomicUsize,
}

struct Piece(Vec<u8>, Arc<Held>);

impl Piece {
    /// The piece at a place of the body. No two pieces are alike.
    fn at(place: usize, held: &Arc<Held>) -> Bytes {
        let mut bytes = vec![b'x'; 64 * 1024];
        bytes[..8].copy_from_slice(&(place as u64).to_be_bytes());
        let now = held.now.fetch_add(bytes.len(), Ordering::SeqCst) + bytes.len();
        held.peak.fetch_max(now, Ordering::SeqCst);
        Bytes::from_owner(Self(bytes, Arc::clone(held)))
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.1.now.fetch_sub(self.0.len(), Ordering::SeqCst);
    }
}

/// A body of so many MiB, and what the server should see of it.
fn large(mib: usize, held: &Arc<Held>) -> (Body, (usize, u64)) {
    let pieces = mib * 16;
    let mut digest = DefaultHasher::new();
    for place in 0..pieces {
        digest.write(&Piece::at(place, &Arc::default()));
    }
    let held = Arc::clone(held);
    let source = stream::iter((0..pieces).map(move |place| Ok(Piece::at(place, &held))));
    (Body::stream(source), (mib * MIB, digest.finish()))
}

fn post(world: &World, body: Body) -> Request {
    Request::new(Method::POST, world.server.url("/joke")).with_body(body)
}

async fn send(client: &Client, request: Request) -> Result<String, Error> {
    let answer = client.send(request).await?;
    let body = answer.bytes(1024).await?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

fn names(folder: &Path) -> usize {
    folder.read_dir().map_or(0, Iterator::count)
}

/// The length of each file below a folder that this process has open, with or without a name.
#[cfg(target_os = "linux")]
fn open_files(folder: &Path) -> Vec<u64> {
    let open = std::fs::read_dir("/proc/self/fd").expect("the open files");
    let is_below = |path: &std::path::PathBuf| {
        std::fs::read_link(path).is_ok_and(|target| target.starts_with(folder))
    };
    open.map(|entry| entry.expect("an entry").path())
        .filter(is_below)
        .map(|path| path.metadata().expect("an open file").len())
        .collect()
}

#[cfg(not(target_os = "linux"))]
fn open_files(_: &Path) -> Vec<u64> {
    Vec::new()
}

/// Looks at the spool when the wallet is about to be asked: between the two sendings.
struct Between(PathBuf, Mutex<Vec<u64>>);

impl Progress for Between {
    fn approve(&self, _: &Quote) -> bool {
        *self.1.lock().expect("no panic before") = open_files(&self.0);
        true
    }
}

/// ATTACKS C-26.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_mebibytes_are_sent_twice_and_not_held() {
    let world = World::new().await;
    let held = Arc::<Held>::default();
    let (body, expected) = large(64, &held);
    let spool = world.folder().join("spool");
    let between = Arc::new(Between(spool.clone(), Mutex::default()));
    let client = world.builder().progress(between.clone()).build().unwrap();
    let answer = send(&client, post(&world, body)).await.unwrap();
    assert_eq!(answer, "a joke");
    if cfg!(target_os = "linux") {
        assert_eq!(*between.1.lock().unwrap(), [64 * MIB as u64]);
    }
    assert_eq!(world.server.seen().bodies, [expected, expected]);
    for headers in &world.server.seen().headers {
        assert_eq!(headers["content-length"], (64 * MIB).to_string());
    }
    assert_eq!(held.now.load(Ordering::SeqCst), 0);
    let peak = held.peak.load(Ordering::SeqCst);
    assert!((1..=2 * MIB).contains(&peak), "{peak} bytes were held");
    assert!(spool.is_dir());
    assert_eq!((names(&spool), open_files(&spool)), (0, Vec::new()));
}

/// By the fingerprint of its row: a token that covers one request covers the same one again.
#[tokio::test]
async fn a_body_is_the_same_however_it_comes() {
    let bytes: Vec<u8> = (0..=250).cycle().take(MIB + 1).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body");
    std::fs::write(&file, &bytes).unwrap();
    let mut prints: Vec<[u8; 32]> = Vec::new();
    for body in [
        Body::from(bytes.clone()),
        Body::blocking(io::Cursor::new(bytes.clone())),
        Body::reader(io::Cursor::new(bytes.clone())),
        Body::stream(stream::iter([Ok(Bytes::new()), Ok(bytes.clone().into())])),
        Body::file(&file),
    ] {
        let world = World::new().await;
        send(&world.client(), post(&world, body)).await.unwrap();
        let mut digest = DefaultHasher::new();
        digest.write(&bytes);
        let expected = (bytes.len(), digest.finish());
        assert_eq!(world.server.seen().bodies, [expected, expected]);
        let db = rusqlite::Connection::open(world.folder().join("client.db")).unwrap();
        let print = db.query_row("SELECT request FROM purchase", [], |row| row.get(0));
        prints.push(print.unwrap());
    }
    let mut expected = Sha256::new();
    expected.update(b"POST\n-\n");
    expected.update(&bytes);
    let expected: [u8; 32] = expected.finalize().into();
    assert_eq!(prints, [expected; 5]);
}

#[tokio::test]
async fn a_source_that_fails_sends_nothing_and_pays_nothing() {
    let world = World::new().await;
    let pieces = (0..40).map(|place| match place {
        39 => Err(io::Error::other("the disk is on fire")),
        _ => Ok(Piece::at(place, &Arc::default())),
    });
    let missing = world.folder().join("missing");
    for (body, word) in [
        (Body::stream(stream::iter(pieces)), "the disk is on fire"),
        (Body::file(&missing), "missing"),
    ] {
        let error = send(&world.client(), post(&world, body)).await.unwrap_err();
        assert_eq!(error.code(), "body");
        let text = error.to_string();
        assert!(
            text.contains(word) && text.ends_with("no money moved"),
            "{text}"
        );
    }
    assert_eq!(world.server.seen().asked, 0);
    assert_eq!(world.spent().await, Msat::ZERO);
    let spool = world.folder().join("spool");
    assert_eq!((names(&spool), open_files(&spool)), (0, Vec::new()));
}

/// A file without a name cannot be made on every disk.
#[tokio::test]
async fn what_a_crash_left_is_taken_away_at_the_next_start() {
    let world = World::new().await;
    let spool = world.folder().join("spool");
    std::fs::create_dir_all(&spool).unwrap();
    std::fs::write(spool.join(".tmpabc"), "half of a body").unwrap();
    drop(world.client());
    assert_eq!(names(&spool), 0);
}

/// Only what temporary files are called is taken away, and never through a link.
#[cfg(unix)]
#[tokio::test]
async fn files_of_others_stay() {
    let world = World::new().await;
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join(".tmpdoc"), "somebody's").unwrap();
    let spool = world.folder().join("spool");
    std::fs::create_dir_all(world.folder()).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), &spool).unwrap();
    drop(world.client());
    assert_eq!(names(elsewhere.path()), 1);
    std::fs::remove_file(&spool).unwrap();
    std::fs::create_dir(&spool).unwrap();
    std::fs::write(spool.join("letter.txt"), "somebody's").unwrap();
    drop(world.client());
    assert_eq!(names(&spool), 1);
}

#[tokio::test]
async fn a_mebibyte_stays_in_memory() {
    let world = World::new().await;
    let (body, expected) = large(1, &Arc::default());
    send(&world.client(), post(&world, body)).await.unwrap();
    assert_eq!(world.server.seen().bodies, [expected, expected]);
    assert!(!world.folder().join("spool").exists());
}

#[cfg(unix)]
#[tokio::test]
async fn the_folder_of_bodies_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new().await;
    let (body, _) = large(2, &Arc::default());
    send(&world.client(), post(&world, body)).await.unwrap();
    let found = world.folder().join("spool").metadata().unwrap();
    assert_eq!(found.permissions().mode() & 0o777, 0o700);
}

// FAULTS T6: what the caller takes away is not sent. Not `accept`, which the HTTP client adds.
#[tokio::test]
async fn headers_that_are_left_out_are_not_sent() {
    let world = World::new().await;
    let names = ["user-agent", "accept-authenticate"].map(http::HeaderName::from_static);
    for with in [true, false] {
        let mut request = Request::get(world.server.url("/free"));
        if !with {
            let all = names.iter().cloned();
            request = all.fold(request, Request::without_header);
        }
        world.client().send(request).await.unwrap();
        let seen = world.server.seen().headers.pop().unwrap();
        for name in &names {
            assert_eq!(seen.contains_key(name), with, "{name}");
        }
    }
}

// FAULTS T8: an empty body has a length.
#[tokio::test]
async fn a_method_that_expects_content_says_that_there_is_none() {
    let world = World::new().await;
    for (method, length) in [
        (Method::POST, Some("0")),
        (Method::PUT, Some("0")),
        (Method::PATCH, Some("0")),
        (Method::GET, None),
        (Method::DELETE, None),
    ] {
        let request = Request::new(method.clone(), world.server.url("/free"));
        world.client().send(request).await.unwrap();
        let seen = world.server.seen().headers.pop().unwrap();
        let seen = seen
            .get("content-length")
            .map(|value| value.to_str().unwrap());
        assert_eq!(seen, length, "{method}");
    }
}

/// Answers each request by its head and one byte of its body, and breaks the connection off.
async fn refusing_early() -> (String, Arc<AtomicUsize>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let asked = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut seen = Vec::new();
            while !seen.windows(4).any(|end| end == b"\r\n\r\n") {
                socket.read_buf(&mut seen).await.expect("a head");
            }
            count.fetch_add(1, Ordering::SeqCst);
            let answer = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\n\
                          Connection: close\r\n\r\ntoo long";
            socket.write_all(answer.as_bytes()).await.expect("sent");
            // Dropped with unread bytes: a reset.
        }
    });
    (url, asked)
}

// FAULTS G2: the client looks for an answer where sending fails; also where the body is a file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_before_the_end_of_the_body_is_found() {
    let world = World::new().await;
    let client = world.client();
    let (url, asked) = refusing_early().await;
    for length in [500_000, 3_000_000, 10_000_000] {
        for _ in 0..7 {
            let body = Body::from(vec![b'x'; length]);
            let request = Request::new(Method::POST, url.parse().unwrap()).with_body(body);
            let answer = client.send(request).await.unwrap();
            assert_eq!(answer.status(), 413);
        }
    }
    let asked = asked.load(Ordering::SeqCst);
    assert!((21..=42).contains(&asked), "{asked} requests");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_breaks_off_without_an_answer_is_an_error() {
    let world = World::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            socket.readable().await.unwrap();
        }
    });
    let body = Body::from(vec![b'x'; 3_000_000]);
    let request = Request::new(Method::POST, url.parse().unwrap()).with_body(body);
    let failed = world.client().send(request).await.unwrap_err();
    assert!(matches!(failed, Error::Transport { .. }), "{failed:?}");
}
