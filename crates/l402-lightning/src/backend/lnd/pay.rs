//! The spending half of lnd.
//!
//! ```text
//!   POST /v2/router/send ─┬─ a line with an end ──────────> Settled, Failed
//!                         ├─ no connection ───────────────> Failed: nothing was sent
//!                         ├─ an error of lnd ── track ─┬──> the end of an earlier attempt
//!                         │                            └──> Failed, if lnd knows of none
//!                         └─ anything else ───────────────> Unknown
//! ```
//!
//! Two words of lnd together prove that a payment failed for want of a beginning: it refuses, and it
//! has no record. A status of something before lnd, an error of lnd's that may come after the
//! beginning, and a record that was there before prove nothing.

use core::time::Duration;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use l402::{Msat, Network, PaymentHash, Preimage};
use serde::Deserialize;
use serde_json::json;

use super::macaroon;
use super::open::{self, connect, read_macaroon};
use super::receive::LndReceive;
use super::rest_api::{Lines, Rest};
use super::wire::{Info, StreamItem, garbled, number};
use crate::transport::{Failure, Proof, plain};
use crate::{Error, ErrorKind, LndNode, Open, Pay, PayRequest, Payment, Wallet, check};
use l402_host::{BoxFuture, Clock};

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
    let pay = LndPay {
        clock: open.clock(),
        network,
        rest,
    };
    Ok(Wallet::new(Arc::new(pay)).with_receive(Arc::new(receive)))
}

/// An lnd that can spend.
#[derive(Debug)]
pub(super) struct LndPay {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) network: Network,
    pub(super) rest: Rest,
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
    #[serde(default, deserialize_with = "number")]
    fee_msat: u64,
}

/// `lnrpc.ChannelBalanceResponse`, as far as it is read.
#[derive(Deserialize)]
struct Balance {
    local_balance: Amount,
}

#[derive(Deserialize)]
struct Amount {
    #[serde(default, deserialize_with = "number")]
    msat: u64,
}

/// The reason why a payment was not begun, as far as anybody said so.
struct Refusal {
    error: Error,
    /// True if it was said by who knows: lnd itself, or this side, which then sent nothing.
    is_proof: bool,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self {
            is_proof: failure.proof != Proof::None,
            error: failure.error,
        }
    }
}

impl Pay for LndPay {
    fn network(&self) -> Network {
        self.network
    }

    fn name(&self) -> String {
        format!("lnd at {} on {}", self.rest.peer.address, self.network)
    }

    fn pay(&self, request: PayRequest) -> BoxFuture<'_, Payment> {
        Box::pin(Payment::within(request.deadline, self.attempt(request)))
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<Option<Payment>, Error>> {
        Box::pin(async move {
            let answer = tokio::time::timeout(LOOKUP_LIMIT, self.state(&payment_hash)).await;
            answer.unwrap_or_else(|_| {
                let text = "lnd did not tell the state of the payment in time";
                Err(Error::new(ErrorKind::Timeout, text))
            })
        })
    }

    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>> {
        Box::pin(async move {
            let balance: Balance = self.rest.get("/v1/balance/channels").json().await?;
            Ok(Msat::new(balance.local_balance.msat))
        })
    }
}

impl LndPay {
    async fn attempt(&self, request: PayRequest) -> Payment {
        let invoice = match check::payable(&request.bolt11, self.network, "this lnd") {
            Ok((invoice, _)) => invoice,
            Err(error) => return Payment::failed(error),
        };
        let hash = invoice.payment_hash;
        // An earlier call may have paid the invoice before it expired, so lnd is asked first.
        if invoice.expires <= self.clock.wall() {
            let text = "the invoice has expired; ask the seller for a new one";
            let refusal = Refusal {
                error: Error::new(ErrorKind::Rejected, text),
                is_proof: true,
            };
            return self.fail_unless_begun(&hash, refusal).await;
        }
        // lnd gives up looking for a route before we give up listening.
        let seconds = request.deadline.as_secs().saturating_sub(2).clamp(1, 3600);
        let body = json!({
            "payment_request": request.bolt11,
            "fee_limit_msat": request.max_fee.msat().to_string(),
            "timeout_seconds": seconds,
            "no_inflight_updates": true,
        });
        match self.rest.post("/v2/router/send", &body).lines().await {
            Ok(lines) => self.outcome(lines, &hash).await,
            Err(failure) if !failure.sent => Payment::failed(failure.error),
            Err(failure) if failure.status.is_some() => {
                self.fail_unless_begun(&hash, failure.into()).await
            }
            Err(failure) => Payment::unknown(failure.error),
        }
    }

    /// Reads a streamed answer up to the end of the payment.
    async fn outcome(&self, mut lines: Lines, hash: &PaymentHash) -> Payment {
        let mut has_begun = false;
        loop {
            match lines.next::<StreamItem<WirePayment>>().await {
                Ok(Some(item)) => match (item.result, item.error) {
                    // lnd answers with an error also if the payment exists already, so the error
                    // alone does not say that it failed.
                    (_, Some(status)) => {
                        let refusal = Refusal {
                            error: Error::new(ErrorKind::Rejected, plain(&status.message)),
                            is_proof: !has_begun && status.proof() != Proof::None,
                        };
                        return self.fail_unless_begun(hash, refusal).await;
                    }
                    // No end yet, so the next line is read.
                    (Some(reported), None) if is_in_flight(&reported) => has_begun = true,
                    (Some(reported), None) => return payment(&reported, hash),
                    (None, None) => return Payment::unknown(garbled("neither result nor error")),
                },
                Ok(None) => {
                    let text = "lnd ended its answer before the payment did";
                    return Payment::unknown(Error::new(ErrorKind::Unavailable, text));
                }
                Err(error) => return Payment::unknown(error),
            }
        }
    }

    /// Returns the end of a payment that lnd already knows, perhaps from another caller a moment
    /// ago. If lnd knows none, and has refused to begin it, the payment certainly failed. If the
    /// macaroon may neither pay nor look up, nothing can have begun.
    async fn fail_unless_begun(&self, hash: &PaymentHash, refusal: Refusal) -> Payment {
        let denied = |error: &Error| error.kind() == ErrorKind::Unauthorized;
        let Refusal { error, is_proof } = refusal;
        match self.end(hash).await {
            Ok(Some(known)) => known,
            Ok(None) if is_proof => Payment::failed(error),
            Err(second) if is_proof && denied(&second) && denied(&error) => Payment::failed(error),
            // Without both words nobody knows if there is an attempt.
            Ok(None) | Err(_) => Payment::unknown(error),
        }
    }

    /// Returns the end of a payment; waits while the payment is in flight.
    async fn end(&self, hash: &PaymentHash) -> Result<Option<Payment>, Error> {
        let Some(mut lines) = self.track(hash).await? else {
            return Ok(None);
        };
        loop {
            let reported = next_state(&mut lines).await?;
            if !is_in_flight(&reported) {
                return Ok(Some(payment(&reported, hash)));
            }
        }
    }

    /// Returns the state of a payment as it is now.
    async fn state(&self, hash: &PaymentHash) -> Result<Option<Payment>, Error> {
        match self.track(hash).await? {
            Some(mut lines) => Ok(Some(payment(&next_state(&mut lines).await?, hash))),
            None => Ok(None),
        }
    }

    /// Streams the states of a payment, from now to its end; `None` if lnd never began one.
    /// Leaves `no_inflight_updates` unset, so that lnd sends the present state at once.
    async fn track(&self, hash: &PaymentHash) -> Result<Option<Lines>, Error> {
        let path = format!("/v2/router/track/{}", URL_SAFE.encode(hash.as_bytes()));
        match self.rest.get(&path).lines().await {
            Ok(lines) => Ok(Some(lines)),
            // The status alone may be that of a proxy, which knows of no payment at all.
            Err(failure) if failure.proof == Proof::NotFound => Ok(None),
            Err(failure) => Err(failure.error),
        }
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
fn payment(reported: &WirePayment, hash: &PaymentHash) -> Payment {
    // An answer about another payment must neither settle nor fail this one.
    if reported.payment_hash.parse() != Ok(*hash) {
        return Payment::unknown(garbled("another payment"));
    }
    let preimage = reported.payment_preimage.parse::<Preimage>().ok();
    let proof = preimage.filter(|preimage| preimage.proves(hash));
    match (reported.status.as_str(), proof) {
        ("SUCCEEDED", Some(preimage)) => {
            let (paid, fee) = (Msat::new(reported.value_msat), Msat::new(reported.fee_msat));
            Payment::Settled {
                preimage,
                paid,
                fee,
            }
        }
        ("SUCCEEDED", None) => Payment::unknown(garbled("a payment without its preimage")),
        ("FAILED", _) => Payment::failed(Error::new(
            ErrorKind::Rejected,
            reason(&reported.failure_reason).to_owned(),
        )),
        ("IN_FLIGHT" | "INITIATED", _) => Payment::unknown(Error::new(
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
