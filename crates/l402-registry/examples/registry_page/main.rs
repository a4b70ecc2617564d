//! Serves the pages of a registry with made-up listings, for a look at them and for tests of them in a
//! browser: `registry_page [--hostile]`. Prints its address, and ends when stdin does.
//!
//! The clock stands still, so that two runs show the same.

mod listings;
mod seed;

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use l402_host::ManualClock;
use l402_registry::{Fetcher, Reachable, Registry, RegistryOptions, SqliteStore, page_router};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let store = Arc::new(SqliteStore::open(&folder.path().join("registry.db"))?);
    let is_hostile = std::env::args().any(|argument| argument == "--hostile");
    seed::fill(&store, &listings::all(is_hostile)).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let registry = Registry::new(
        store,
        Fetcher::new(Reachable::default()),
        Arc::new(ManualClock::new(seed::NOW)),
        RegistryOptions {
            public_url: "https://registry.example/".parse()?,
            submissions_per_hour: 60,
            probe_interval: Duration::from_secs(900),
            owner_interval: Duration::from_secs(7 * 86_400),
        },
    );
    writeln!(std::io::stdout(), "http://{address}")?;
    tokio::spawn(async move { axum::serve(listener, page_router(registry)).await });
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    Ok(())
}
