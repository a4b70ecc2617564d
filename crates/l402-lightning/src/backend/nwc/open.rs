//! The opening of an [`NwcNode`]: its file, its abilities and its network.

use std::path::Path;
use std::sync::Arc;

use l402::{Invoice, Network};
use tokio::task::JoinHandle;

use super::client::{Client, Failure, garbled, plain};
use super::receive::NwcReceive;
use super::wire::{Connection, ErrorCode, MakeInvoice, NodeInfo, Request, Transaction};
use crate::backend::{named_file, spending};
use crate::{Error, ErrorKind, Lifecycle, NwcNode, Open, Receiver};

/// The maximum length of the file in KiB; far above every URI.
const MAX_FILE: usize = 16;

/// The methods by which nothing can be spent. Any other counts as spending until somebody has
/// looked at it.
const HARMLESS: [&str; 11] = [
    "cancel_hold_invoice",
    "get_balance",
    "get_budget",
    "get_info",
    "list_transactions",
    "lookup_invoice",
    "make_hold_invoice",
    "make_invoice",
    "notifications",
    "settle_hold_invoice",
    "sign_message",
];

/// An open connection, and what is known of the wallet.
pub(super) struct OpenConnection {
    pub(super) client: Client,
    pub(super) lifecycle: Lifecycle,
    /// The methods that this connection may call; empty if the wallet does not say.
    pub(super) methods: Vec<String>,
    pub(super) network: Network,
    /// True if the wallet notifies us of payments that it receives.
    pub(super) notifies: bool,
}

/// Opens the receiving half.
pub(crate) async fn receiver(node: &NwcNode, open: Open) -> Result<Receiver, Error> {
    let opened = connect(node, &open).await?;
    if let Some(method) = opened.methods.iter().find(|method| is_excess(method)) {
        let text = format!(
            "the connection in {} can do more than receive ({}); create one in the wallet that only \
             receives",
            node.file.display(),
            plain(method)
        );
        let error = Error::new(ErrorKind::Unauthorized, text);
        spending::refuse(Some(error), open.danger_spending_node(), "CONNECTION")?;
    }
    let (receive, lifecycle) = opened.into_receive();
    Ok(Receiver {
        receive: Arc::new(receive),
        lifecycle,
    })
}

/// Checks the file as [`receiver`] does, and asks nobody. Only the wallet can tell if the connection
/// may spend.
pub(crate) fn check_receiver(node: &NwcNode, _: bool) -> Result<(), Error> {
    read(&node.file).map(drop)
}

impl OpenConnection {
    /// Returns true if this connection may call `method`, as far as is known.
    #[cfg(feature = "pay")]
    pub(super) fn may(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|named| named == method)
    }

    pub(super) fn into_receive(self) -> (NwcReceive, Lifecycle) {
        let lists =
            self.methods.is_empty() || self.methods.iter().any(|m| m == "list_transactions");
        let receive = NwcReceive::new(self.client, self.network, lists, self.notifies);
        (receive, self.lifecycle)
    }
}

fn is_excess(method: &str) -> bool {
    !HARMLESS.contains(&method)
}

/// Opens the connection, and asks the wallet what it is.
pub(super) async fn connect(node: &NwcNode, open: &Open) -> Result<OpenConnection, Error> {
    let (client, task) = Client::start(read(&node.file)?, open.clock())?;
    let info = client.info().await?;
    let said = match client.ask::<NodeInfo>(Request::GetInfo {}).await {
        Ok(said) => said,
        // It answers, but not this.
        Err(failure) if failure.code.is_some() => NodeInfo::default(),
        Err(failure) => return Err(failure.error),
    };
    // What the wallet says of this connection goes before what it says of itself to everybody.
    let methods = said.methods.unwrap_or(info.methods.clone());
    let network = match said.network {
        Some(name) => named(&name)?,
        None => ask_network(&client).await?,
    };
    let notifies = info.notifies(super::wire::Notification::RECEIVED)
        && said.notifications.is_none_or(|named| {
            named
                .iter()
                .any(|n| n == super::wire::Notification::RECEIVED)
        });
    Ok(OpenConnection {
        client,
        lifecycle: Lifecycle::ending_with(end(task)),
        methods,
        network,
        notifies,
    })
}

async fn end(task: JoinHandle<()>) {
    task.abort();
    // The error says that it was aborted.
    let _ = task.await;
}

fn named(network: &str) -> Result<Network, Error> {
    let name = match network.to_ascii_lowercase().as_str() {
        "bitcoin" | "main" => "mainnet".to_owned(),
        "mutinynet" => "signet".to_owned(),
        name => name.to_owned(),
    };
    name.parse().map_err(|_| {
        let text = format!(
            "the wallet is on a network that is not known here: {}",
            plain(network)
        );
        Error::new(ErrorKind::Protocol, text)
    })
}

/// Learns the network from an invoice that nobody is ever asked to pay. A wallet that makes none is
/// taken to be on the main network: if it is not, it refuses the invoices that we would pay.
async fn ask_network(client: &Client) -> Result<Network, Error> {
    let request = Request::MakeInvoice(MakeInvoice {
        amount: 1000,
        description: Some("network?".to_owned()),
        expiry: Some(60),
    });
    let made: Transaction = match client.ask(request).await {
        Ok(made) => made,
        Err(Failure {
            code: Some(ErrorCode::NotImplemented | ErrorCode::Restricted | ErrorCode::Unauthorized),
            ..
        }) => return Ok(Network::Bitcoin),
        Err(failure) => return Err(failure.error),
    };
    let invoice = made.invoice.as_deref().map(Invoice::decode);
    match invoice {
        Some(Ok(invoice)) => Ok(invoice.network),
        _ => Err(Error::new(ErrorKind::Protocol, garbled("an invoice"))),
    }
}

/// Reads the connection. Neither its text nor a part of it is in the error.
fn read(path: &Path) -> Result<Connection, Error> {
    const WHAT: &str = "the connection in";
    let bytes = named_file::read_secret(path, WHAT, MAX_FILE)?;
    let wrong = |text: String| named_file::unreadable(path, WHAT, &text);
    let text = str::from_utf8(&bytes).map_err(|error| wrong(error.to_string()))?;
    text.trim()
        .parse()
        .map_err(|error: super::wire::UriError| wrong(error.to_string()))
}
