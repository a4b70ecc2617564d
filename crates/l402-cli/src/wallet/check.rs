//! The check of a wallet before it is stored, and at any time after.

use std::sync::Arc;
use std::time::Duration;

use l402::{Msat, Network, PaymentHash};
use l402_lightning::{Error, ErrorKind, Node, Open, Pay};

use crate::buyer::wallet_error;
use crate::context::Context;
use crate::error::CliError;
use crate::text::output::{Output, style};
use crate::text::plain::escape;

/// The longest that one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The abilities of a wallet, as it showed them.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The network.
    pub(crate) network: Network,
    /// The name by which a buyer's journal knows it; `None` if it does not pay.
    pub(crate) known_as: Option<String>,
    /// The amount that can be spent; `None` if it does not pay.
    pub(crate) balance: Option<Msat>,
}

impl Checked {
    /// Returns true if it can pay.
    pub(crate) fn pays(&self) -> bool {
        self.balance.is_some()
    }
}

/// Asks a wallet for its balance and for a payment that nobody made. One whose credential cannot pay is
/// asked for an invoice that nobody made.
///
/// # Errors
/// The first answer that is missing or wrong, with the next step for this kind of wallet.
pub(crate) async fn check(
    node: &Node,
    context: &Context,
    out: Output,
) -> Result<Checked, CliError> {
    let form = node.form();
    let refused = if form.pays {
        match paying(node, context, out).await {
            Ok(checked) => return Ok(checked),
            Err(error) => error,
        }
    } else {
        Error::new(ErrorKind::Unauthorized, "it only receives")
    };
    // Only a credential that does not pay is tried for receiving: a wallet that is away is away.
    if !form.receives || refused.kind() != ErrorKind::Unauthorized {
        return Err(wallet_error(&refused, &form));
    }
    if form.pays {
        out.tell(&format!(
            "  it does not pay: {}",
            escape(&refused.to_string())
        ));
    }
    match receiving(node, context, out).await {
        Ok(checked) => Ok(checked),
        // A credential that fits neither is told of what it lacks to pay.
        Err(error) if form.pays && error.kind() == ErrorKind::Unauthorized => {
            Err(wallet_error(&refused, &form))
        }
        Err(error) => Err(wallet_error(&error, &form)),
    }
}

async fn paying(node: &Node, context: &Context, out: Output) -> Result<Checked, Error> {
    let opened = in_time(node.wallet(open(context)?)).await?;
    let checked = check_paying(opened.pay, out).await;
    opened.lifecycle.shutdown().await;
    checked
}

async fn check_paying(wallet: Arc<dyn Pay>, out: Output) -> Result<Checked, Error> {
    let balance = in_time(wallet.balance()).await?;
    let network = wallet.network();
    step(out, "balance", &format!("{balance} on {network}"));
    in_time(wallet.lookup(nobodys_hash())).await?;
    step(out, "look-up", "answered");
    Ok(Checked {
        network,
        known_as: Some(wallet.name()),
        balance: Some(balance),
    })
}

async fn receiving(node: &Node, context: &Context, out: Output) -> Result<Checked, Error> {
    let opened = in_time(node.receiver(open(context)?)).await?;
    let receive = opened.receive;
    let network = receive.network();
    let answered = in_time(receive.lookup(nobodys_hash())).await;
    drop(receive);
    opened.lifecycle.shutdown().await;
    answered?;
    step(out, "look-up", &format!("answered on {network}"));
    Ok(Checked {
        network,
        known_as: None,
        balance: None,
    })
}

fn open(context: &Context) -> Result<Open, Error> {
    let home = context.home.create();
    let home = home.map_err(|error| Error::new(ErrorKind::Local, error.to_string()))?;
    Ok(Open::new(home, context.clock.clone()))
}

fn step(out: Output, what: &str, found: &str) {
    out.tell(&format!("  {what}: {}", style::paint(style::GOOD, found)));
}

/// Returns a payment hash that belongs to no payment.
fn nobodys_hash() -> PaymentHash {
    PaymentHash::from_bytes(std::array::from_fn(|_| fastrand::u8(..)))
}

async fn in_time<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let late = || {
        let text = format!("no answer within {} s", PATIENCE.as_secs());
        Err(Error::new(ErrorKind::Timeout, text))
    };
    let answer = tokio::time::timeout(PATIENCE, answer).await;
    answer.unwrap_or_else(|_| late())
}
