//! The spending half, through the API.

use std::sync::Arc;

use l402::{InvoiceTerms, Msat, Network, PaymentHash, Preimage};
use serde::Deserialize;
use serde_json::json;

use super::peer::{Api, garbled};
use crate::transport::{self, Peer as _, Proof, Transport, plain};
use crate::{Error, ErrorKind, Pay, PayRequest, Payment, SandboxHttpNode, Wallet};
use l402_host::BoxFuture;

/// Opens the account `default` of the sandbox behind the API. Sends nothing yet.
pub(crate) fn wallet(node: &SandboxHttpNode) -> Result<Wallet, Error> {
    let client = transport::client(Api::TIME_LIMIT)
        .build()
        .map_err(|error| {
            let text = format!("cannot set up HTTP: {error}");
            Error::new(ErrorKind::Local, text)
        })?;
    let base = node.url().as_str().trim_end_matches('/').to_owned();
    let api = Transport::new(client, base.clone(), Api { base });
    Ok(Wallet::new(Arc::new(SandboxHttp { api })))
}

/// The account `default` of a sandbox behind its API on loopback.
#[derive(Debug)]
struct SandboxHttp {
    api: Transport<Api>,
}

/// A payment as the API reports it.
#[derive(Deserialize)]
struct Report {
    status: String,
    preimage: Option<String>,
    #[serde(default)]
    paid_msat: u64,
    #[serde(default)]
    fee_msat: u64,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Balance {
    balance_msat: u64,
}

impl SandboxHttp {
    async fn attempt(&self, request: PayRequest) -> Payment {
        let deadline_ms = u64::try_from(request.deadline.as_millis()).unwrap_or(u64::MAX);
        let body = json!({
            "invoice": request.bolt11,
            "max_fee_msat": request.max_fee.msat(),
            "deadline_ms": deadline_ms,
        });
        let asked = self.api.post("/v1/pay", &body).within(request.deadline);
        // What is no invoice is for the sandbox to refuse; nothing could prove that it was paid.
        let hash = InvoiceTerms::read(&request.bolt11).map(|terms| terms.payment_hash);
        match asked.json().await {
            Ok(report) => payment(report, hash.ok()),
            // Nothing was sent, or the API refused in its own words before it paid. After any other
            // trouble, also one with a status of 4xx, the payment may have been made.
            Err(failure) if !failure.sent || failure.proof != Proof::None => {
                Payment::failed(failure.error)
            }
            Err(failure) => Payment::unknown(failure.error),
        }
    }
}

impl Pay for SandboxHttp {
    fn network(&self) -> Network {
        Network::Regtest
    }

    fn name(&self) -> String {
        format!("sandbox+{}, account default", self.api.peer.base)
    }

    fn pay(&self, request: PayRequest) -> BoxFuture<'_, Payment> {
        Box::pin(self.attempt(request))
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<Option<Payment>, Error>> {
        Box::pin(async move {
            let path = format!("/v1/payments/{payment_hash}");
            match self.api.get(&path).json().await {
                Ok(report) => Ok(Some(payment(report, Some(payment_hash)))),
                Err(failure) if failure.proof == Proof::NotFound => Ok(None),
                // An answer that nobody can read says neither that there was a payment nor how it
                // ended.
                Err(failure) if failure.error.kind() == ErrorKind::Protocol => {
                    Ok(Some(Payment::unknown(failure.error)))
                }
                Err(failure) => Err(failure.error),
            }
        })
    }

    fn failure_is_last(&self) -> bool {
        true
    }

    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>> {
        Box::pin(async move {
            let balance: Balance = self.api.get("/v1/balance").json().await?;
            Ok(Msat::new(balance.balance_msat))
        })
    }
}

fn payment(report: Report, hash: Option<PaymentHash>) -> Payment {
    let error = report.error.map_or_else(
        || "the sandbox gave no reason".to_owned(),
        |error| plain(&error),
    );
    let preimage = report
        .preimage
        .and_then(|text| text.parse::<Preimage>().ok());
    let proof = preimage.filter(|preimage| hash.is_some_and(|hash| preimage.proves(&hash)));
    match (report.status.as_str(), proof) {
        ("settled", Some(preimage)) => {
            let (paid, fee) = (Msat::new(report.paid_msat), Msat::new(report.fee_msat));
            Payment::Settled {
                preimage,
                paid,
                fee,
            }
        }
        ("failed", _) => Payment::failed(Error::new(ErrorKind::Rejected, error)),
        ("unknown", _) => Payment::unknown(Error::new(ErrorKind::Timeout, error)),
        // Also "settled" without its preimage: without the proof nobody can tell.
        _ => Payment::unknown(garbled()),
    }
}
