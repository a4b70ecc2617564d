//! The spending half of phoenixd.
//!
//! Both ends of a payment arrive with status 200. phoenixd pays a payment hash once, and counts as
//! the last word here only what its look-up says.

use std::sync::Arc;

use l402::{Invoice, InvoiceTerms, Msat, PaymentHash};
use l402_host::BoxFuture;
use serde::Deserialize;

use super::open::{connect, may_spend};
use super::peer::{Api, CALLED};
use super::receive::PhoenixdReceive;
use super::wire::Info;
use crate::backend::http_wallet::garbled;
use crate::backend::once::{Payer, PayingApi, settled};
use crate::transport::{Failure, Proof, plain};
use crate::{Error, ErrorKind, Open, PayRequest, Payment, PhoenixdNode, Wallet};

/// The highest fee of a payment, which phoenixd fixes itself: 0.4 % and 4 sat.
const FEE_PER_MILLION: u128 = 4000;
const FEE_BASE: Msat = Msat::from_sat(4);

/// Opens both halves with the full password.
pub(crate) async fn wallet(node: &PhoenixdNode, open: Open) -> Result<Wallet, Error> {
    let api = connect(node)?;
    let info: Info = api.get("/getinfo").json().await?;
    let network = info.network()?;
    if !may_spend(&api).await? {
        let path = node.password.display();
        let text = format!(
            "the password {path} is phoenixd's limited one, which cannot pay; pay with \
             http-password of phoenix.conf"
        );
        return Err(Error::new(ErrorKind::Unauthorized, text));
    }
    let name = format!("phoenixd of node {} on {network}", info.node()?);
    let receive = PhoenixdReceive {
        api: api.clone(),
        clock: open.clock(),
        network,
    };
    let pay = Payer::open(PhoenixdPay { api }, name, network, &open).await?;
    Ok(Wallet::new(Arc::new(pay)).with_receive(Arc::new(receive)))
}

#[derive(Debug)]
struct PhoenixdPay {
    api: Api,
}

/// The answer to `payinvoice`, of either kind.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    payment_hash: String,
    payment_preimage: Option<String>,
    routing_fee_sat: Option<u64>,
    reason: Option<String>,
}

/// An outgoing payment.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outgoing {
    payment_hash: String,
    preimage: Option<String>,
    is_paid: bool,
    /// Satoshi, the fee among them, and rounded down.
    #[serde(default)]
    sent: u64,
    /// Millisatoshi.
    fees: Option<u64>,
    invoice: Option<String>,
    completed_at: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Balance {
    balance_sat: u64,
}

impl PayingApi for PhoenixdPay {
    const CALLED: &'static str = CALLED;

    fn find(
        &self,
        hash: PaymentHash,
        untold: Msat,
    ) -> BoxFuture<'_, Result<Option<Payment>, Failure>> {
        Box::pin(async move {
            let path = format!("/payments/outgoingbyhash/{hash}");
            match self.api.get(&path).json::<Outgoing>().await {
                Ok(outgoing) => Ok(Some(recorded(&outgoing, &hash, untold))),
                Err(failure) if failure.proof == Proof::NotFound => Ok(None),
                Err(failure) => Err(failure),
            }
        })
    }

    fn highest_fee<'a>(&'a self, _: &'a str, amount: Msat) -> BoxFuture<'a, Result<Msat, Error>> {
        Box::pin(async move { Ok(highest_fee(amount)) })
    }

    fn send<'a>(
        &'a self,
        request: &'a PayRequest,
        invoice: &'a Invoice,
    ) -> BoxFuture<'a, Result<Payment, Failure>> {
        Box::pin(async move {
            let (hash, untold) = (invoice.payment_hash, request.max_fee);
            let fields = [("invoice", request.bolt11.as_str())];
            let call = self.api.post_form("/payinvoice", &fields);
            let sent: Sent = call.within(request.deadline).json().await?;
            let answer = answered(&sent, invoice, untold);
            if matches!(answer, Payment::Settled { .. }) {
                // The record has the fee in millisatoshi, the answer only in whole satoshi.
                if let Ok(Some(exact @ Payment::Settled { .. })) = self.find(hash, untold).await {
                    return Ok(exact);
                }
            }
            Ok(answer)
        })
    }

    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>> {
        Box::pin(async move {
            let balance: Balance = self.api.get("/getbalance").json().await?;
            Ok(Msat::from_sat(balance.balance_sat))
        })
    }
}

fn highest_fee(amount: Msat) -> Msat {
    let share = u128::from(amount.msat())
        .saturating_mul(FEE_PER_MILLION)
        .div_ceil(1_000_000);
    let share = u64::try_from(share).unwrap_or(u64::MAX);
    Msat::new(share.saturating_add(FEE_BASE.msat()))
}

/// Returns the outcome in an answer to `payinvoice`.
fn answered(sent: &Sent, invoice: &Invoice, untold: Msat) -> Payment {
    let hash = invoice.payment_hash;
    if sent.payment_hash.parse() != Ok(hash) {
        return Payment::unknown(garbled(CALLED, "another payment"));
    }
    match (&sent.payment_preimage, &sent.reason) {
        (Some(preimage), _) => {
            let paid = invoice.amount.unwrap_or(Msat::ZERO);
            let fee = sent.routing_fee_sat.map_or(untold, |sat| {
                let sat = Msat::from_sat(sat);
                // Rounded down there, so up here: a fee must not look smaller than it was.
                let up = Msat::new(sat.msat().saturating_add(999)).min(highest_fee(paid));
                up.max(sat)
            });
            settled(Some(preimage), &hash, paid, fee, CALLED)
        }
        // The word about another attempt, which is no refusal of the payment.
        (None, Some(reason)) if reason.contains("already") || reason.contains("in progress") => {
            Payment::unknown(rejected(reason))
        }
        (None, Some(reason)) => Payment::failed(rejected(reason)),
        (None, None) => Payment::unknown(garbled(CALLED, "neither a preimage nor a reason")),
    }
}

/// Returns the outcome in the record of a payment.
fn recorded(outgoing: &Outgoing, hash: &PaymentHash, untold: Msat) -> Payment {
    // An answer about another payment must neither settle nor fail this one.
    if outgoing.payment_hash.parse() != Ok(*hash) {
        return Payment::unknown(garbled(CALLED, "another payment"));
    }
    match (outgoing.is_paid, outgoing.completed_at) {
        (true, _) => {
            let fee = outgoing.fees.map_or(untold, Msat::new);
            let preimage = outgoing.preimage.as_deref();
            settled(preimage, hash, paid(outgoing, hash), fee, CALLED)
        }
        (false, Some(_)) => Payment::failed(rejected("the payment failed")),
        (false, None) => Payment::unknown(Error::new(
            ErrorKind::Timeout,
            "the payment is still in flight",
        )),
    }
}

/// Returns the amount that the payee received: as the invoice says, else as it was sent.
fn paid(outgoing: &Outgoing, hash: &PaymentHash) -> Msat {
    let terms = outgoing.invoice.as_deref().map(InvoiceTerms::read);
    let terms = terms
        .and_then(Result::ok)
        .filter(|it| it.payment_hash == *hash);
    let sent = Msat::from_sat(outgoing.sent);
    let sent = sent.checked_sub(Msat::new(outgoing.fees.unwrap_or_default()));
    terms
        .and_then(|terms| terms.amount)
        .or(sent)
        .unwrap_or(Msat::ZERO)
}

fn rejected(reason: &str) -> Error {
    Error::new(ErrorKind::Rejected, format!("phoenixd: {}", plain(reason)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fee_is_what_phoenixd_publishes_rounded_up() {
        let fee = |sat| highest_fee(Msat::from_sat(sat)).msat();
        assert_eq!([fee(1), fee(50), fee(1000)], [4004, 4200, 8000]);
        assert_eq!(highest_fee(Msat::new(1)).msat(), 4001);
        assert!(highest_fee(Msat::MAX) > FEE_BASE);
    }
}
