//! A joke for 50 sat: an axum program with a price on one of its routes.
//!
//! `cargo run -p l402-example-axum [ADDRESS]`, then see `README.md`. It is paid in the sandbox,
//! which is no money; for real sats put `lnd://…` where it says `sandbox`, and give
//! `l402-lightning` the feature `lnd`.

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use l402::{KeyNumber, KeyRing, MasterKey};
use l402_host::SystemClock;
use l402_lightning::{Node, Open};
use l402_server::ledger::SqliteLedger;
use l402_server::{Paid, Paywall, PaywallLayer, Route, Snapshot};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:8405".to_owned());
    // A buyer with the same L402_HOME shares this sandbox.
    let home = std::env::var_os("L402_HOME").map_or_else(|| "l402-home".into(), PathBuf::from);
    fs::create_dir_all(&home)?;

    let node: Node = "sandbox".parse()?;
    let open = Open::new(&home, Arc::new(SystemClock::default()));
    let receive = node.receiver(open).await?.receive;
    let network = receive.network();
    let paywall = Paywall::builder(receive)
        .ledger(Arc::new(SqliteLedger::open(&home.join("example-axum.db"))?))
        .build();

    // What no route names is refused: free is always said.
    let routes = vec![
        Route::free("/"),
        Route::priced("/joke", "joke".parse()?, "50 sat".parse()?),
    ];
    let keys = KeyRing::new("example-axum", KeyNumber(1), master_key(&home)?);
    let snapshot = Arc::new(Snapshot::new(routes, Vec::new(), keys, network)?);

    let app = Router::new()
        .route("/", get(|| async { "A joke is at /joke, for 50 sat.\n" }))
        .route("/joke", get(joke))
        .layer(PaywallLayer::new(paywall.clone(), snapshot));

    let listener = tokio::net::TcpListener::bind(&address).await?;
    writeln!(io::stdout(), "http://{}", listener.local_addr()?)?;
    // The paywall limits challenges by the peer's address.
    axum::serve(
        listener,
        app.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.unwrap_or_default() })
    .await?;
    paywall.flush().await;
    Ok(())
}

/// `Paid` is proof: this cannot be reached by somebody who did not pay.
async fn joke(paid: Paid) -> String {
    format!(
        "Why did the satoshi cross the channel? To settle on the other side.\n(paid for: {})\n",
        paid.service()
    )
}

/// The key that signs tokens: made at the first start, readable for its owner alone.
fn master_key(home: &Path) -> Result<MasterKey, Box<dyn Error>> {
    let path = home.join("example-axum.key");
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(&path) {
        Ok(mut file) => {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
            let key = MasterKey::from_bytes(&bytes)?;
            file.write_all(key.to_hex().as_bytes())?;
            Ok(key)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Ok(MasterKey::from_hex(&fs::read_to_string(&path)?)?)
        }
        Err(error) => Err(error.into()),
    }
}
