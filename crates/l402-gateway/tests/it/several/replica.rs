//! Upstreams that serve the same, and die and come back when the test wants it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use crate::harness::{Answer, GatewayUnderTest, QUIET, request, send};
use crate::upstream::{PATIENCE, Wire};

/// Any number of challenges.
const BUSY: &str = "[challenges]\nper_peer_per_second = 0\nper_prefix_per_second = 0\n\
                    total_per_second = 0\n";

/// One of several upstreams that serve the same: answers with its name. It can die and come back.
pub(super) struct Replica {
    /// Keeps the port while nobody listens there.
    _port: TcpSocket,
    pub(super) address: SocketAddr,
    pub(super) state: Arc<ReplicaState>,
    pub(super) task: Option<JoinHandle<()>>,
}

#[derive(Debug)]
pub(super) struct ReplicaState {
    pub(super) name: char,
    served: AtomicUsize,
    checks: AtomicUsize,
    is_well: AtomicBool,
    /// The requests to `/held` that have come.
    arrived: AtomicUsize,
    pub(super) gate: Semaphore,
}

/// A socket at an address that others of this process may bind, too.
pub(super) fn bound(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("an option");
    socket.bind(address).expect("a port");
    socket
}

impl Replica {
    pub(super) fn start(name: char) -> Self {
        let port = bound(([127, 0, 0, 1], 0).into());
        let mut replica = Self {
            address: port.local_addr().expect("an address"),
            _port: port,
            state: Arc::new(ReplicaState {
                name,
                served: AtomicUsize::new(0),
                checks: AtomicUsize::new(0),
                is_well: AtomicBool::new(true),
                arrived: AtomicUsize::new(0),
                gate: Semaphore::new(0),
            }),
            task: None,
        };
        replica.come_back();
        replica
    }

    pub(super) fn come_back(&mut self) {
        let listener = bound(self.address).listen(1024).expect("a listener");
        let accepting = Arc::clone(&self.state).accept(listener);
        self.task = Some(tokio::spawn(accepting));
    }

    /// Ends as a process does: with its listener and all its connections.
    pub(super) async fn die(&mut self) {
        let task = self.task.take().expect("it is alive");
        task.abort();
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
    }

    pub(super) fn served(&self) -> usize {
        self.state.served.load(Ordering::Relaxed)
    }

    pub(super) fn checks(&self) -> usize {
        self.state.checks.load(Ordering::Relaxed)
    }

    pub(super) fn arrived(&self) -> usize {
        self.state.arrived.load(Ordering::Relaxed)
    }

    pub(super) fn set_well(&self, is_well: bool) {
        self.state.is_well.store(is_well, Ordering::Relaxed);
    }
}

impl ReplicaState {
    async fn accept(self: Arc<Self>, listener: TcpListener) {
        // Dropped after the listener, so that nobody connects to what is about to end.
        let (mut connections, listener) = (JoinSet::new(), listener);
        while let Ok((socket, _)) = listener.accept().await {
            connections.spawn(Arc::clone(&self).answer_all(Wire::new(socket)));
        }
    }

    async fn answer_all(self: Arc<Self>, mut wire: Wire) {
        while let Some(head) = wire.try_head().await {
            let is_check = head.starts_with("GET /healthz ");
            if is_check {
                self.checks.fetch_add(1, Ordering::Relaxed);
            } else if head.contains(" /held") {
                self.arrived.fetch_add(1, Ordering::Relaxed);
                self.gate.acquire().await.expect("it is open").forget();
            }
            let status = match is_check && !self.is_well.load(Ordering::Relaxed) {
                true => "503 Service Unavailable",
                false => "200 OK",
            };
            if !is_check {
                self.served.fetch_add(1, Ordering::Relaxed);
            }
            let name = self.name;
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 1\r\n\r\n{name}");
            // A caller who has left needs no answer.
            let _ = wire.socket.write_all(answer.as_bytes()).await;
        }
    }
}

/// Everything at 50 sat but for `/free` and `/held/free`, at all of these.
pub(super) fn routes_to(upstreams: &[&Replica], more: &str) -> String {
    let urls: Vec<_> = upstreams
        .iter()
        .map(|replica| format!("\"http://{}\"", replica.address))
        .collect();
    let urls = format!("upstream = [{}]", urls.join(", "));
    let route =
        |path: &str, access: &str| format!("[[route]]\npath = \"{path}\"\n{urls}\n{access}\n");
    let priced = "price = \"50 sat\"\nservice = \"all\"";
    QUIET.to_owned()
        + BUSY
        + more
        + &route("/{*rest}", priced)
        + &route("/free", "free = true")
        + &route("/held/free", "free = true")
}

/// Waits for a condition, as long as a test may hang.
pub(super) async fn until(what: &str, mut is_met: impl FnMut() -> bool) {
    let waiting = async {
        while !is_met() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

/// Asks for something free until it is this replica that answers.
pub(super) async fn until_answered_by(server: &GatewayUnderTest, name: &str) {
    let asking = async {
        while free(server).await != name {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, asking)
        .await
        .unwrap_or_else(|_| panic!("never by {name}"));
}

/// Returns the name of the replica that answers.
pub(super) async fn free(server: &GatewayUnderTest) -> String {
    let answer = server.get("/free", None).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.text()
}

pub(super) fn hold(
    server: &GatewayUnderTest,
    method: &'static str,
    credential: Option<&str>,
) -> JoinHandle<Answer> {
    let path = credential.map_or("/held/free", |_| "/held");
    let request = request(method, path, credential, b"");
    let address = server.address;
    tokio::spawn(async move { send(address, request).await })
}
