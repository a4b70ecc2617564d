//! A gateway with a dashboard that has something to show: two months of made-up sales in its books, some real
//! ones at the sandbox, and a file that differs from what is served. `tests/interop/dashboard.sh` looks at it.
//!
//! Prints the address of the dashboard and the admin token, then serves until stdin ends. `--hostile` puts
//! hostile texts into the books.

mod history;
mod traffic;

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use l402::UnixTime;
use l402_gateway::{
    AdminListener, Config, Gateway, Home, NotReloaded, Overrides, Program, Reloaded, Stores,
};
use l402_host::ManualClock;
use l402_lightning::{Node, Open};
use l402_testkit::TestServer;

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// The time at which the example begins: 2026-12-01T15:20:00Z.
const START: UnixTime = UnixTime::from_secs(1_796_138_400);

/// The step of the clock.
const TICK: Duration = Duration::from_millis(100);

/// The program around the gateway.
struct Files {
    path: PathBuf,
    overrides: Overrides,
}

impl Program for Files {
    fn file(&self) -> Option<(&Path, &Overrides)> {
        Some((&self.path, &self.overrides))
    }

    fn reload(&self, gateway: &Gateway) -> Result<Reloaded, NotReloaded> {
        let config = Config::from_file_with(&self.path, &self.overrides);
        let config = config.map_err(NotReloaded::Mistakes)?;
        gateway.reload(config).map_err(NotReloaded::Refused)
    }

    fn stop(&self) {}
}

#[tokio::main]
async fn main() -> Result<()> {
    let is_hostile = std::env::args().any(|argument| argument == "--hostile");
    let clock = Arc::new(ManualClock::new(START));
    // It begins at a time of its own, so that pictures are the same each time, and goes on from there.
    let ticking = Arc::clone(&clock);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(TICK);
            ticking.advance(TICK);
        }
    });
    let folder = tempfile::tempdir()?;
    let home = Home::at(folder.path().join("l402"))?;
    let upstreams = [(); 2].map(|()| TestServer::start(traffic::answer).address().to_string());
    let path = folder.path().join("l402.toml");
    std::fs::write(&path, history::configuration(&upstreams, false))?;
    let config = Config::from_file(&path).map_err(|mistakes| mistakes[0].to_string())?;
    let listener = AdminListener::bind(&config, &home, clock.clone())?.ok_or("no listener")?;
    let stores = Stores::of(&config, &home);
    let node = Node::Sandbox
        .receiver(Open::new(home.path(), clock.clone()))
        .await?;
    let receive = node.receive.clone();
    let (of_gateway, of_clock) = (home.clone(), clock.clone());
    let start = move || Gateway::start(config, &of_gateway, of_clock, receive);
    let gateway = Arc::new(tokio::task::spawn_blocking(start).await??);
    let written = tokio::task::spawn_blocking(move || history::write(&stores, START, is_hostile));
    written.await??;
    traffic::buy(gateway.local_addrs()[0], &home, clock.clone(), 40).await?;
    std::fs::write(&path, history::configuration(&upstreams, true))?;
    let program = Files {
        path,
        overrides: Overrides::default(),
    };
    let address = listener.local_addr().ok_or("no address")?;
    let server = listener.serve(Arc::clone(&gateway), Arc::new(program))?;
    let token = std::fs::read_to_string(home.path().join("admin.token"))?;
    writeln!(std::io::stdout(), "http://{address} {}", token.trim())?;
    let going_on = tokio::spawn(traffic::go_on(gateway.local_addrs()[0]));
    let ended = || std::io::stdin().read_to_end(&mut Vec::new());
    tokio::task::spawn_blocking(ended).await??;
    going_on.abort();
    drop(server);
    let shutdown = move || gateway.shutdown(Duration::from_secs(1));
    tokio::task::spawn_blocking(shutdown).await?;
    node.lifecycle.shutdown().await;
    Ok(())
}
