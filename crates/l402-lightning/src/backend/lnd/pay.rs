//! The spending half of lnd, which itself pays a hash once and keeps to the fee limit.
//!
//! Two words of lnd together prove that a payment failed for want of a beginning: it refuses, and it
//! has no record. A status of something before lnd, an error of lnd's that may come after the
//! beginning, and a record that was there before prove nothing.

use core::time::Duration;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use l402::{Invoice, Msat, PaymentHash};
use l402_host::BoxFuture;
use serde::Deserialize;
use serde_json::json;

use super::macaroon;
use super::open::{self, connect, read_macaroon};
use super::receive::LndReceive;
use super::rest_api::{Lines, Rest};
use super::wire::{ChannelBalance, Info, StreamItem, garbled, number, some_number};
use crate::backend::once::{Payer, PayingApi, settled};
use crate::transport::{Failure, Peer as _, Proof, plain};
use crate::{Error, ErrorKind, LndNode, Open, PayRequest, Payment, Wallet};

/// The time limit of a look-up. lnd tells the state of a payment at once.
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);

/// Opens both halves with one macaroon, which can spend.
pub(crate) async fn wallet(node: &LndNode, open: Open) -> Result<Wallet, Error> {
    let secret = read_macaroon(node)?;
    // A warning and no refusal: it does pay, and it is the owner's node.
    if let Some(excess) = macaroon::beyond_paying(&secret, &node.macaroon) {
        tracing::warn!(target: "l402_lightning::lnd", "{excess}");
    }
    let rest = connect(node, &secret)?;
    let network = match open::network(node) {
        Some(network) => network,
        None => rest.get("/v1/getinfo").json::<Info>().await?.network()?,
    };
    let receive = LndReceive {
        clock: open.clock(),
        network,
        rest: rest.clone(),
    };
    let name = format!("lnd at {} on {network}", rest.peer.address);
    let pay = Payer::open(LndPay { rest }, name, network, &open).await?;
    Ok(Wallet::new(Arc::new(pay)).with_receive(Arc::new(receive)))
}

/// An lnd that can spend.
#[derive(Debug)]
struct LndPay {
    rest: Rest,
}

/// `lnrpc.Payment`, as far as it is read.
#[derive(Deserialize)]
struct WirePayment {
    #[serde(default)]
    payment_hash: String,
    #[serde(default)]
    payment_preimage: String,
    status: String,
    #[serde(default)]
    failure_reason: String,
    #[serde(default, deserialize_with = "number")]
    value_msat: u64,
    #[serde(default, deserialize_with = "some_number")]
    fee_msat: Option<u64>,
}

impl PayingApi for LndPay {
    const CALLED: &'static str = "lnd";

    fn find(
        &self,
        hash: PaymentHash,
        untold: Msat,
    ) -> BoxFuture<'_, Result<Option<Payment>, Failure>> {
        Box::pin(async move {
            // Behind a proxy the way to lnd is built first.
            let limit = self.rest.peer.time_limit().max(LOOKUP_LIMIT);
            let answer = tokio::time::timeout(limit, self.state(&hash, untold)).await;
            answer.unwrap_or_else(|_| {
                let text = "lnd did not tell the state of the payment in time";
                Err(unclear(Error::new(ErrorKind::Timeout, text)))
            })
        })
    }

    /// lnd keeps to the limit of a request.
    fn highest_fee<'a>(&'a self, _: &'a str, _: Msat) -> BoxFuture<'a, Result<Msat, Error>> {
        Box::pin(async { Ok(Msat::ZERO) })
    }

    fn send<'a>(
        &'a self,
        request: &'a PayRequest,
        invoice: &'a Invoice,
    ) -> BoxFuture<'a, Result<Payment, Failure>> {
        Box::pin(async move {
            // lnd gives up looking for a route before we give up listening.
            let seconds = request.deadline.as_secs().saturating_sub(2).clamp(1, 3600);
            let body = json!({
                "payment_request": request.bolt11,
                "fee_limit_msat": request.max_fee.msat().to_string(),
                "timeout_seconds": seconds,
                "no_inflight_updates": true,
            });
            let lines = self.rest.post("/v2/router/send", &body).lines().await;
            let lines = lines.map_err(|failure| Failure {
                proof: not_begun(failure.proof),
                ..failure
            })?;
            outcome(lines, &invoice.payment_hash, request.max_fee).await
        })
    }

    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>> {
        Box::pin(async move {
            let balance: ChannelBalance = self.rest.get("/v1/balance/channels").json().await?;
            Ok(Msat::new(balance.local_balance.msat))
        })
    }
}

impl LndPay {
    /// Returns the state of a payment as it is now, or `None` if lnd never began one.
    async fn state(&self, hash: &PaymentHash, untold: Msat) -> Result<Option<Payment>, Failure> {
        // Leaves `no_inflight_updates` unset, so that lnd sends the present state at once.
        let path = format!("/v2/router/track/{}", URL_SAFE.encode(hash.as_bytes()));
        match self.rest.get(&path).lines().await {
            Ok(mut lines) => {
                let reported = next_state(&mut lines).await.map_err(unclear)?;
                Ok(Some(payment(&reported, hash, untold)))
            }
            // The status alone may be that of a proxy, which knows of no payment at all.
            Err(failure) if failure.proof == Proof::NotFound => Ok(None),
            // lnd says that it cannot tell, and it may be paying. Only of a macaroon that may do
            // nothing here is that a proof.
            Err(failure) if failure.error.kind() != ErrorKind::Unauthorized => Err(Failure {
                proof: Proof::None,
                ..failure
            }),
            Err(failure) => Err(failure),
        }
    }
}

/// Reads a streamed answer up to the end of the payment.
async fn outcome(mut lines: Lines, hash: &PaymentHash, untold: Msat) -> Result<Payment, Failure> {
    let mut has_begun = false;
    loop {
        let Some(item) = lines
            .next::<StreamItem<WirePayment>>()
            .await
            .map_err(unclear)?
        else {
            let text = "lnd ended its answer before the payment did";
            return Err(unclear(Error::new(ErrorKind::Unavailable, text)));
        };
        match (item.result, item.error) {
            // lnd answers with an error also if the payment exists already, so the error alone does
            // not say that it failed.
            (_, Some(status)) => {
                let failure = unclear(Error::new(ErrorKind::Rejected, plain(&status.message)));
                let proof = not_begun(status.proof());
                let proof = if has_begun { Proof::None } else { proof };
                return Err(Failure { proof, ..failure });
            }
            // No end yet, so the next line is read.
            (Some(reported), None) if is_in_flight(&reported) => has_begun = true,
            (Some(reported), None) => return Ok(payment(&reported, hash, untold)),
            (None, None) => return Err(unclear(garbled("neither result nor error"))),
        }
    }
}

/// Returns the failure of a call that lnd may have carried out.
fn unclear(error: Error) -> Failure {
    Failure {
        error,
        proof: Proof::None,
        status: None,
        sent: true,
    }
}

/// Returns the proof in an answer to a request to pay: that lnd does not know something, too, is its
/// own word that it has not begun.
fn not_begun(proof: Proof) -> Proof {
    match proof {
        Proof::NotFound => Proof::NotBegun,
        other => other,
    }
}

/// Reads the next state of a payment from the stream.
async fn next_state(lines: &mut Lines) -> Result<WirePayment, Error> {
    let item = lines.next::<StreamItem<WirePayment>>().await?;
    let item = item.ok_or_else(|| garbled("a stream that ended early"))?;
    match (item.result, item.error) {
        (Some(reported), None) => Ok(reported),
        (_, Some(status)) => Err(Error::new(ErrorKind::Rejected, plain(&status.message))),
        (None, None) => Err(garbled("neither result nor error")),
    }
}

fn is_in_flight(reported: &WirePayment) -> bool {
    matches!(reported.status.as_str(), "IN_FLIGHT" | "INITIATED")
}

/// Returns the outcome that a state of lnd stands for. Any state without a clear meaning is
/// unknown.
fn payment(reported: &WirePayment, hash: &PaymentHash, untold: Msat) -> Payment {
    // An answer about another payment must neither settle nor fail this one.
    if reported.payment_hash.parse() != Ok(*hash) {
        return Payment::unknown(garbled("another payment"));
    }
    match reported.status.as_str() {
        "SUCCEEDED" => {
            let fee = reported.fee_msat.map_or(untold, Msat::new);
            let preimage = Some(reported.payment_preimage.as_str());
            settled(preimage, hash, Msat::new(reported.value_msat), fee, "lnd")
        }
        "FAILED" => Payment::failed(Error::new(
            ErrorKind::Rejected,
            reason(&reported.failure_reason).to_owned(),
        )),
        "IN_FLIGHT" | "INITIATED" => Payment::unknown(Error::new(
            ErrorKind::Timeout,
            "the payment is still in flight",
        )),
        _ => Payment::unknown(garbled("an unknown state of a payment")),
    }
}

fn reason(code: &str) -> &'static str {
    match code {
        "FAILURE_REASON_CANCELED" => "the payment was cancelled at lnd",
        "FAILURE_REASON_INCORRECT_PAYMENT_DETAILS" => {
            "the payee does not accept the payment: the invoice is paid, expired or unknown to it"
        }
        "FAILURE_REASON_INSUFFICIENT_BALANCE" => "lnd's channels cannot send this much",
        "FAILURE_REASON_NO_ROUTE" => "lnd found no route to the payee within the fee limit",
        "FAILURE_REASON_TIMEOUT" => "lnd found no route to the payee in time",
        _ => "lnd could not make the payment",
    }
}
