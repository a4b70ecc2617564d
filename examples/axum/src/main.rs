//! An axum program that sells a joke for 50 sat on one of its routes.
//!
//! Run `cargo run -p l402-example-axum [ADDRESS]`, then see `README.md`. Payments are made in the
//! sandbox, which is not real money. For real satoshi write `lnd://…` instead of `sandbox`, and
//! give `l402-lightning` the feature `lnd`.

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
        .unwrap_or_else(|| "127.0.0.1:8406".to_owned());
    // A buyer with the same L402_HOME uses the same sandbox, and so can pay.
    let home = std::env::var_os("L402_HOME").map_or_else(|| "l402-home".into(), PathBuf::from);
    fs::create_dir_all(&home)?;

    let node: Node = "sandbox".parse()?;
    let open = Open::new(&home, Arc::new(SystemClock::default()));
    let receive = node.receiver(open).await?.receive;
    let network = receive.network();
    // A ledger in a file: a token that is spent stays spent after a restart.
    let paywall = Paywall::builder(receive)
        .ledger(Arc::new(SqliteLedger::open(&home.join("example-axum.db"))?))
        .build();

    // A path that no route names is refused, so free routes are listed, too.
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
    // With the address of the peer, since the paywall limits challenges by it.
    axum::serve(
        listener,
        app.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.unwrap_or_default() })
    .await?;
    // Settlements of the last answers may still be on their way to the file.
    paywall.flush().await;
    Ok(())
}

/// Answers with the joke. `Paid` is a proof of payment, so nobody gets here without paying.
async fn joke(paid: Paid) -> String {
    format!(
        "Why did the satoshi cross the channel? To settle on the other side.\n(paid for: {})\n",
        paid.service()
    )
}

/// Reads the key that signs tokens. Makes it at the first start, readable by its owner only.
fn master_key(home: &Path) -> Result<MasterKey, Box<dyn Error>> {
    let path = home.join("example-axum.key");
    let mut options = OpenOptions::new();
    // `create_new`: never writes over a key, which would make every token that was sold worthless.
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
