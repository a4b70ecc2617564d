//! The client of all examples: it pays from the sandbox of `L402_HOME`, at most 100 sat a request.

pub mod jokes;

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use l402::Msat;
use l402_client::{Client, Journal, Limits};
use l402_host::SystemClock;
use l402_lightning::{Node, Open};

/// Returns a client with play money.
///
/// # Errors
/// If `L402_HOME` is not set, or its files cannot be used.
pub async fn client() -> Result<Client, Box<dyn Error>> {
    let home = PathBuf::from(std::env::var_os("L402_HOME").ok_or("set L402_HOME")?);
    let open = Open::new(&home, Arc::new(SystemClock::default()));
    // Any other wallet is a line like this, too: "lnd://…", "nwc:FILE", the name of a stored one.
    let wallet = "sandbox".parse::<Node>()?.wallet(open).await?;
    let limits = Limits::default().with_per_request(Msat::from_sat(100));
    let client = Client::builder(Journal::open(&home.join("client"))?)
        .wallet(wallet.pay)
        .limits(limits)
        .build()?;
    Ok(client)
}

/// Returns the URL that the program was called with.
///
/// # Errors
/// If there is none.
pub fn url() -> Result<String, Box<dyn Error>> {
    Ok(std::env::args().nth(1).ok_or("name a URL")?)
}
