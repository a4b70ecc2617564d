//! The wallet, from its keys to the end of its service.

use core::fmt;
use std::sync::Arc;

use nostr::{Keys, SecretKey};
use tokio::net::TcpListener;
use zeroize::Zeroizing;

use super::super::open::{blocking, loopback};
use super::super::{Sandbox, SandboxWallet};
use super::account::Account;
use super::connection;
use super::relay::Relay;
use super::service::Service;
use crate::backend::nwc::wire::{self, Connection};
use crate::{Error, ErrorKind, SettlementIndex};

/// The label under which the wallet's key is derived from the key of the sandbox.
const WALLET_LABEL: &[u8] = b"l402 sandbox nwc wallet 1";

/// The label under which the secret of the connection is derived from the key of the sandbox.
const CLIENT_LABEL: &[u8] = b"l402 sandbox nwc client 1";

/// A wallet of play money behind a relay on this machine: the account `default` of a sandbox, for
/// programs that speak Nostr Wallet Connect.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use l402_host::SystemClock;
/// use l402_lightning::sandbox::{Sandbox, SandboxNwc};
/// use tokio::net::TcpListener;
///
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// let sandbox = Sandbox::open(home, Arc::new(SystemClock::default()))?;
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let nwc = SandboxNwc::open(sandbox, listener).await?;
/// assert!(nwc.uri().starts_with("nostr+walletconnect://"));
/// # let stop = async {};
/// nwc.serve(stop).await;
/// # Ok(())
/// # }
/// ```
pub struct SandboxNwc {
    listener: TcpListener,
    relay: Arc<Relay>,
    service: Arc<Service>,
    newest: SettlementIndex,
    uri: Zeroizing<String>,
}

impl SandboxNwc {
    /// Opens the wallet of a sandbox behind a listener, which must be on loopback. Wallet and secret
    /// are the same at every start. What is paid from now on is notified.
    ///
    /// # Errors
    /// `Local` if the listener is reachable from other machines, or for the sandbox's files.
    pub async fn open(sandbox: Sandbox, listener: TcpListener) -> Result<Self, Error> {
        let address = loopback(&listener)?;
        let wallet_keys = keys(&sandbox, WALLET_LABEL)?;
        let connection = Connection {
            wallet: wallet_keys.public_key(),
            relays: vec![relay_at(&format!("ws://{address}"))?],
            keys: keys(&sandbox, CLIENT_LABEL)?,
        };
        let of = sandbox.clone();
        let wallet = blocking(move || SandboxWallet::open(&of, "default")).await?;
        // Now, and not when serving begins: what is paid in between is notified, too.
        let newest = sandbox.last_settlement().await?;
        let relay = Relay::new(Arc::clone(&sandbox.shared.clock));
        let service = Service {
            account: Account::new(sandbox, wallet),
            client: connection.keys.public_key(),
            keys: wallet_keys,
            relay: Arc::clone(&relay),
        };
        service.publish_info()?;
        Ok(Self {
            listener,
            relay,
            service: Arc::new(service),
            newest,
            uri: wire::write_uri(&connection),
        })
    }

    /// Returns the URI of the connection. Anybody who has it can spend the play money.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Serves until the future `stop` completes. Payments that run then end by themselves in the
    /// sandbox's file, and their answers are lost.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send) {
        tokio::select! {
            () = stop => {}
            () = connection::accept(self.relay, self.listener) => {}
            () = Arc::clone(&self.service).answer_requests() => {}
            () = self.service.notify_settlements(self.newest) => {}
        }
    }
}

impl fmt::Debug for SandboxNwc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxNwc").finish_non_exhaustive()
    }
}

fn keys(sandbox: &Sandbox, label: &[u8]) -> Result<Keys, Error> {
    let secret = sandbox.shared.key.derive(label);
    let secret = SecretKey::from_slice(secret.as_slice());
    let secret = secret.map_err(|_| Error::new(ErrorKind::Local, "no key comes of node.key"))?;
    Ok(Keys::new(secret))
}

fn relay_at(url: &str) -> Result<wire::Relay, Error> {
    let relay = url.parse();
    relay.map_err(|error| Error::new(ErrorKind::Local, format!("the relay at {url}: {error}")))
}
