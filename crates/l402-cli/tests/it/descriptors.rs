//! A gateway in a process that may have few files and sockets open.
//!
//! Real processes, with a small number in the place of 1,024. Attackers come from 127.0.0.1 and
//! others, the honest buyer from 127.0.0.2.
#![cfg(target_os = "linux")]

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::program::{Home, Serving};

/// The hard limit of the gateway's process, and with it the numbers of the test.
const LIMIT: u32 = 256;

/// Long enough for a slow machine. An answer that comes never takes so long.
const PATIENCE: Duration = Duration::from_secs(5);

const HONEST: [u8; 4] = [127, 0, 0, 2];

/// An HTTP server that keeps connections open, and takes this long for each answer.
async fn upstream(pause: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut read = Vec::new();
                while socket
                    .read_buf(&mut read)
                    .await
                    .is_ok_and(|count| count > 0)
                {
                    if read.ends_with(b"\r\n\r\n") {
                        read.clear();
                        tokio::time::sleep(pause).await;
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                        socket.write_all(answer).await.ok()?;
                    }
                }
                Some(())
            });
        }
    });
    address
}

/// A gateway with a free route and a priced one, in a process with few descriptors.
fn shop(home: &Home, upstream: SocketAddr, more: &str) -> Serving {
    let text = format!(
        "workers = 2\n[log]\naccess = \"off\"\n[http]\nheader_timeout_secs = 60\n{more}\n\
         [[route]]\npath = \"/free\"\nupstream = \"http://{upstream}\"\nfree = true\n\
         [[route]]\npath = \"/paid\"\nupstream = \"http://{upstream}\"\nprice = \"1 sat\"\n"
    );
    let file = home.file("l402.toml", &text);
    let file = file.to_str().expect("a path");
    home.serve_limited(
        LIMIT,
        &["serve", "--config", file, "--listen", "127.0.0.1:0"],
    )
}

async fn connect(from: impl Into<IpAddr>, to: SocketAddr) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind(SocketAddr::new(from.into(), 0))
        .expect("a loopback address");
    timeout(PATIENCE, socket.connect(to)).await.ok()?.ok()
}

/// Asks once on a connection of its own; `None` if no answer comes in time.
async fn ask(from: impl Into<IpAddr>, to: SocketAddr, path: &str) -> Option<String> {
    let mut socket = connect(from, to).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    let mut answer = String::new();
    timeout(PATIENCE, async {
        socket.write_all(request.as_bytes()).await?;
        socket.read_to_string(&mut answer).await
    })
    .await
    .ok()?
    .ok()?;
    answer.get(9..12).map(str::to_owned)
}

/// Returns the number of honest requests of 25 that are answered as they should be: every other one
/// with a free page, the rest with an invoice.
async fn honest(to: SocketAddr) -> usize {
    let mut answered = 0;
    for number in 0..25 {
        let (path, status) = [("/free", "200"), ("/paid", "402")][number % 2];
        if ask(HONEST, to, path).await.as_deref() == Some(status) {
            answered += 1;
        }
    }
    answered
}

/// Returns the number that the next file or socket of a process gets, once that stays the same.
async fn lowest_free_descriptor(pid: i32) -> u64 {
    let look = || {
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("a process");
        let names = open.map(|entry| entry.expect("an entry").file_name());
        let open: HashSet<String> = names.map(|n| n.to_string_lossy().into_owned()).collect();
        (0..).find(|number| !open.contains(&number.to_string()))
    };
    let (mut found, mut same) = (look(), 0);
    while same < 10 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = look();
        same = if now == found { same + 1 } else { 0 };
        found = now;
    }
    found.expect("a number")
}

fn address(shop: &Serving) -> SocketAddr {
    shop.address().parse().expect("an address")
}

// FAULTS S3: idle connections of one peer. Also: of several peers, and of one with a limit of 0 and
// one that asks slowly; and 1,000 free requests at once (here in the same proportion, below).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_keep_no_honest_buyer_out() {
    let home = Home::new();
    let shop = shop(&home, upstream(Duration::ZERO).await, "");
    let to = address(&shop);
    for attackers in [&[1][..], &[3, 4, 5], &[6, 7, 8, 9, 10, 11, 12, 13, 14, 15]] {
        let each = LIMIT as usize * 11 / 10 / attackers.len();
        let mut idle = Vec::new();
        for last in attackers {
            for _ in 0..each {
                // Half of them begin a request that never ends.
                if let Some(mut socket) = connect([127, 0, 0, *last], to).await {
                    if idle.len() % 2 == 0 {
                        let _ = socket
                            .write_all(b"GET /free HTTP/1.1\r\nhost: a\r\nx: ")
                            .await;
                    }
                    idle.push(socket);
                }
            }
        }
        assert_eq!(honest(to).await, 25, "{} attackers", attackers.len());
        drop(idle);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_free_requests_leaves_room_for_the_next_buyer() {
    let home = Home::new();
    let shop = shop(
        &home,
        upstream(Duration::from_millis(300)).await,
        "connections_per_peer = 0",
    );
    let to = address(&shop);
    let mut burst = JoinSet::new();
    for _ in 0..LIMIT {
        burst.spawn(ask([127, 0, 0, 1], to, "/free"));
    }
    let answers = burst.join_all().await;
    let served = answers.iter().flatten().filter(|status| *status == "200");
    assert!(served.count() > LIMIT as usize / 4, "{answers:?}");
    // The connections to the upstream are idle now, and kept for 30 seconds.
    assert_eq!(honest(to).await, 25);
}

/// Descriptors may be taken by other things than connections: here the limit itself is lowered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_descriptor_idle_upstream_connections_go_first() {
    let home = Home::new();
    let shop = shop(&home, upstream(Duration::from_millis(200)).await, "");
    let to = address(&shop);
    let mut burst = JoinSet::new();
    for _ in 0..20 {
        burst.spawn(ask([127, 0, 0, 1], to, "/free"));
    }
    assert!(burst.join_all().await.iter().all(Option::is_some));
    // The limit is on the number that a descriptor gets, which is the lowest free one. Idle clients
    // take the numbers that the burst has left, so that the idle connections to the upstream are
    // below the limit.
    let mut clients = Vec::new();
    for _ in 0..30 {
        clients.push(connect([127, 0, 0, 1], to).await);
    }
    let pid = i32::try_from(shop.pid()).expect("a number");
    let lowered = Rlimit {
        current: Some(lowest_free_descriptor(pid).await),
        maximum: Some(LIMIT.into()),
    };
    prlimit(Pid::from_raw(pid), Resource::Nofile, lowered).expect("a child of ours");
    #[expect(clippy::disallowed_methods, reason = "the gateway's own pause is real")]
    let start = Instant::now();
    assert_eq!(ask(HONEST, to, "/paid").await.as_deref(), Some("402"));
    assert!(start.elapsed() < Duration::from_secs(1));
    shop.until("cannot accept a connection");
    assert_eq!(honest(to).await, 25);
}

#[test]
fn a_small_share_of_one_address_is_told_at_the_start() {
    let home = Home::new();
    let mut shop = shop(&home, ([127, 0, 0, 1], 1).into(), "");
    let told = shop.until("may be open at once");
    let line = told.last().expect("a line");
    for part in ["only 256", "connections_per_peer = 4096", "LimitNOFILE"] {
        assert!(line.contains(part), "{line}");
    }
    shop.end();
}
