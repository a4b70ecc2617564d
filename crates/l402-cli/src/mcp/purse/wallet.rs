//! The wallets of a purse, opened when they are needed first.

use std::sync::Arc;

use l402::text::escape;
use l402_lightning::{Node, Open, Pay, Receive, StoredWallets};
use tokio::sync::Mutex;

use super::agent::Purse;
use crate::buyer::{open_default, open_wallet, resolve, wallet_error};
use crate::error::CliError;
use crate::exit_code;

/// The wallets of a purse. One that could not be opened is tried again by the next call.
pub(super) struct Wallets {
    /// The wallet that the command line names; without it, those that the home folder prefers.
    named: Option<Node>,
    pay: Mutex<Option<Arc<dyn Pay>>>,
    receive: Mutex<Option<Arc<dyn Receive>>>,
}

impl Wallets {
    pub(super) fn new(named: Option<Node>) -> Self {
        Self {
            named,
            pay: Mutex::default(),
            receive: Mutex::default(),
        }
    }
}

impl Purse {
    pub(super) const fn named_wallet(&self) -> Option<&Node> {
        self.wallets.named.as_ref()
    }

    /// Returns the wallet that pays.
    ///
    /// # Errors
    /// If there is none, or it cannot be opened.
    pub(crate) async fn wallet(&self) -> Result<Arc<dyn Pay>, CliError> {
        // Locked until the wallet is open: two calls at once must not open it twice.
        let mut opened = self.wallets.pay.lock().await;
        if let Some(wallet) = &*opened {
            return Ok(Arc::clone(wallet));
        }
        let wallet = match &self.wallets.named {
            Some(node) => Some(open_wallet(node, &self.context).await?),
            None => open_default(&self.context).await?,
        };
        let wallet = wallet.ok_or_else(no_wallet)?;
        *opened = Some(Arc::clone(&wallet));
        Ok(wallet)
    }

    /// Returns the half of the wallet that is paid.
    ///
    /// # Errors
    /// If there is none, or it cannot be opened.
    pub(crate) async fn receiver(&self) -> Result<Arc<dyn Receive>, CliError> {
        let mut opened = self.wallets.receive.lock().await;
        if let Some(receive) = &*opened {
            return Ok(Arc::clone(receive));
        }
        let node = self.nodes()?.into_iter().next().ok_or_else(no_wallet)?;
        let node = resolve(&node, &self.context)?.into_owned();
        let home = self.context.home.create()?;
        let receiver = node
            .receiver(Open::new(home, self.context.clock.clone()))
            .await;
        let receiver = receiver.map_err(|error| wallet_error(&error, &node.form()))?;
        self.context.opened.keep(receiver.lifecycle);
        *opened = Some(Arc::clone(&receiver.receive));
        Ok(receiver.receive)
    }

    /// Returns true if nothing but play money can be spent.
    pub(crate) fn is_sandbox(&self) -> bool {
        let nodes = self.nodes().unwrap_or_default();
        let is_sandbox = |node: &Node| {
            let node = resolve(node, &self.context);
            node.is_ok_and(|node| matches!(&*node, Node::Sandbox | Node::SandboxHttp(_)))
        };
        !nodes.is_empty() && nodes.iter().all(is_sandbox)
    }

    /// Returns the wallets as they are written, in the order in which they are asked.
    fn nodes(&self) -> Result<Vec<Node>, CliError> {
        if let Some(node) = &self.wallets.named {
            return Ok(vec![node.clone()]);
        }
        let preferred = StoredWallets::of(self.context.home.path()).preference();
        preferred.map_err(|error| CliError::local_io(escape(&error.to_string())))
    }
}

fn no_wallet() -> CliError {
    let text = "there is no wallet to pay with; no money moved";
    CliError::new(exit_code::WALLET_UNAVAILABLE, "wallet", text)
        .with_hint("ask your user to run `l402 wallet add`, or to start this program with --wallet")
}
