//! The listener for operators when another process takes the gateway over.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use l402_gateway::{AdminListener, AdminServer, Config, Gateway, Home, Upgrade};
use l402_host::ManualClock;
use l402_lightning::{Node, Open};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::stage::{TestProgram, shop};
use crate::harness::{describe, upstream};

/// One home, in which gateways follow one another.
struct Setup {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    text: String,
}

impl Setup {
    /// `listen` is where operators come.
    fn new(folder: tempfile::TempDir, upstream: SocketAddr, listen: &str) -> Self {
        let text = format!(
            "listen = [\"127.0.0.1:0\"]\nworkers = 1\n[admin]\nlisten = \"{listen}\"\n{}",
            shop(upstream)
        );
        Self {
            folder,
            clock: l402_testkit::clock(),
            text,
        }
    }

    /// Opens a gateway and its listener, and serves operators. It sells nothing yet.
    async fn open(&self, upgrades: bool) -> (Arc<Gateway>, AdminServer) {
        self.open_with(upgrades, &tracing::Dispatch::none()).await
    }

    async fn open_with(
        &self,
        upgrades: bool,
        log: &tracing::Dispatch,
    ) -> (Arc<Gateway>, AdminServer) {
        let log = log.clone();
        let home = Home::at(self.folder.path().join("home")).expect("a home");
        let config = Config::from_toml(&self.text, "l402.toml").expect("sound");
        let clock = self.clock.clone();
        let node = Node::Sandbox.receiver(Open::new(home.path(), clock.clone()));
        let node = node.await.expect("a node").receive;
        let open = move || {
            let upgrade = upgrades.then(|| Upgrade::find(&config, &home).expect("a gateway"));
            let gateway = Gateway::start_with(config.clone(), &home, clock.clone(), node, upgrade);
            let gateway = Arc::new(gateway.expect("started"));
            let listener = if upgrades {
                AdminListener::take_over(&config, &home, clock, &gateway)
            } else {
                AdminListener::bind(&config, &home, clock)
            };
            let listener = listener.expect("bound").expect("a table");
            let admin = listener.serve(Arc::clone(&gateway), Arc::new(TestProgram::default()));
            (gateway, admin.expect("served"))
        };
        let open = move || tracing::dispatcher::with_default(&log, open);
        tokio::task::spawn_blocking(open).await.expect("no panic")
    }

    /// Has a gateway sell, and be found by the next one.
    async fn sell(&self, (gateway, admin): (Arc<Gateway>, AdminServer)) -> Running {
        let home = Home::at(self.folder.path().join("home")).expect("a home");
        let sell = move || {
            gateway.take_over();
            admin.take_over();
            gateway.wait_for_upgrade(&home, None);
            Running { gateway, admin }
        };
        tokio::task::spawn_blocking(sell).await.expect("no panic")
    }
}

struct Running {
    gateway: Arc<Gateway>,
    admin: AdminServer,
}

impl Running {
    /// Ends as a program does that has handed over.
    async fn finish(self) {
        self.gateway.handed_over().await;
        end((self.gateway, self.admin)).await;
    }
}

async fn end((gateway, admin): (Arc<Gateway>, AdminServer)) {
    let end = move || {
        drop(admin);
        gateway.shutdown(Duration::ZERO);
    };
    tokio::task::spawn_blocking(end).await.expect("no panic");
}

async fn is_answered(path: &Path) -> bool {
    let Ok(mut socket) = UnixStream::connect(path).await else {
        return false;
    };
    let request = b"GET /healthz HTTP/1.1\r\nhost: any\r\nconnection: close\r\n\r\n";
    let mut answer = String::new();
    socket.write_all(request).await.expect("sent");
    let read = socket.read_to_string(&mut answer).await;
    read.expect("an answer to its end");
    answer.starts_with("HTTP/1.1 200")
}

/// ATTACKS O-01.
#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_fails_leaves_the_socket_of_the_operator_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let listen = format!("unix:{}", path.display());
    let setup = Setup::new(folder, upstream(false, describe).await, &listen);
    let first = setup.sell(setup.open(false).await).await;
    assert!(is_answered(&path).await);
    let failed = setup.open(true).await;
    end(failed).await;
    assert!(is_answered(&path).await, "the first one goes on");

    let second = setup.sell(setup.open(true).await).await;
    first.finish().await;
    assert!(is_answered(&path).await, "the second one has the name");
    end((second.gateway, second.admin)).await;
    assert!(!path.exists());
    let names = std::fs::read_dir(setup.folder.path()).unwrap();
    assert_eq!(names.count(), 1, "the home alone, and no socket");
}

/// What was logged.
#[derive(Clone, Debug, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut lines = self.0.lock().expect("not poisoned");
        lines.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_socket_that_was_handed_over_is_handed_on_without_a_warning() {
    let lines = Lines::default();
    let own = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(move || own.clone())
        .finish();
    let subscriber = tracing::Dispatch::new(subscriber);
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup::new(folder, upstream(false, describe).await, "127.0.0.1:0");
    let mut running = setup.sell(setup.open(false).await).await;
    let address = running.admin.local_addr();
    for _ in 0..2 {
        let next = setup.open_with(true, &subscriber).await;
        let next = setup.sell(next).await;
        assert_eq!(next.admin.local_addr(), address);
        std::mem::replace(&mut running, next).finish().await;
    }
    end((running.gateway, running.admin)).await;
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("listener for operators anew"), "{text}");
}
