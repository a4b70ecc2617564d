//! The spending half of LNbits.
//!
//! The server keeps one payment per hash and wallet, and takes no fee limit: what it reserves for the
//! fee is the most that it spends on it.

use std::sync::Arc;

use l402::{Invoice, Msat, PaymentHash};
use l402_host::BoxFuture;
use serde::Deserialize;
use serde_json::json;

use super::open::{ask_network, connect, may_spend};
use super::peer::{Api, CALLED};
use super::receive::LnbitsReceive;
use super::wire::{Found, WalletInfo, WirePayment};
use crate::backend::http_wallet::garbled;
use crate::backend::once::{Payer, PayingApi, settled};
use crate::transport::{Failure, Proof};
use crate::{Error, ErrorKind, LnbitsNode, Open, PayRequest, Payment, Wallet};

/// Opens both halves with the admin key.
pub(crate) async fn wallet(node: &LnbitsNode, open: Open) -> Result<Wallet, Error> {
    let api = connect(node)?;
    if !may_spend(&api).await? {
        let path = node.key.display();
        let text = format!(
            "the key {path} is the wallet's invoice key, which cannot pay; pay with its admin key"
        );
        return Err(Error::new(ErrorKind::Unauthorized, text));
    }
    let info: WalletInfo = api.get("/api/v1/wallet").json().await?;
    let name = format!("LNbits at {}, wallet {}", api.peer.base, short(&info)?);
    let network = ask_network(&api).await?;
    let receive = LnbitsReceive {
        api: api.clone(),
        clock: open.clock(),
        network,
    };
    let pay = Payer::open(LnbitsPay { api }, name, network, &open).await?;
    Ok(Wallet::new(Arc::new(pay)).with_receive(Arc::new(receive)))
}

/// Returns the beginning of the wallet's id, which is not its key.
fn short(info: &WalletInfo) -> Result<&str, Error> {
    let id = info.id.as_deref().unwrap_or_default();
    let is_plain = id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let short = id.get(..16).filter(|_| is_plain);
    short.ok_or_else(|| garbled(CALLED, "the id of the wallet"))
}

#[derive(Debug)]
struct LnbitsPay {
    api: Api,
}

#[derive(Deserialize)]
struct FeeReserve {
    /// Millisatoshi.
    fee_reserve: u64,
}

impl PayingApi for LnbitsPay {
    const CALLED: &'static str = CALLED;

    fn find(
        &self,
        hash: PaymentHash,
        untold: Msat,
    ) -> BoxFuture<'_, Result<Option<Payment>, Failure>> {
        Box::pin(async move {
            let path = format!("/api/v1/payments/{hash}");
            match self.api.get(&path).json::<Found>().await {
                Ok(found) => Ok(recorded(found.details, &hash, untold)),
                Err(failure) if failure.proof == Proof::NotFound => Ok(None),
                Err(failure) => Err(failure),
            }
        })
    }

    fn highest_fee<'a>(&'a self, bolt11: &'a str, _: Msat) -> BoxFuture<'a, Result<Msat, Error>> {
        Box::pin(async move {
            let path = format!("/api/v1/payments/fee-reserve?invoice={bolt11}");
            let reserve: FeeReserve = self.api.get(&path).json().await?;
            Ok(Msat::new(reserve.fee_reserve))
        })
    }

    fn send<'a>(
        &'a self,
        request: &'a PayRequest,
        invoice: &'a Invoice,
    ) -> BoxFuture<'a, Result<Payment, Failure>> {
        Box::pin(async move {
            let body = json!({ "out": true, "bolt11": request.bolt11 });
            let call = self.api.post("/api/v1/payments", &body);
            let sent: WirePayment = call.within(request.deadline).json().await?;
            Ok(payment(&sent, &invoice.payment_hash, request.max_fee))
        })
    }

    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>> {
        Box::pin(async move {
            let info: WalletInfo = self.api.get("/api/v1/wallet").json().await?;
            // Below zero if the server's fees were higher than what was left.
            Ok(Msat::new(u64::try_from(info.balance).unwrap_or(0)))
        })
    }
}

/// Returns the outcome in the record of a payment; `None` if the wallet has not paid this invoice.
fn recorded(details: Option<WirePayment>, hash: &PaymentHash, untold: Msat) -> Option<Payment> {
    match details {
        // An invoice of this wallet itself.
        Some(details) if details.is_incoming() && details.hash().ok() == Some(*hash) => None,
        Some(details) => Some(payment(&details, hash, untold)),
        // Another wallet's, which LNbits tells of if the key is not one of this server any more.
        None => Some(Payment::unknown(garbled(CALLED, "a payment of nobody's"))),
    }
}

/// Returns the outcome that a payment of LNbits stands for. Any state without a clear meaning is
/// unknown.
fn payment(told: &WirePayment, hash: &PaymentHash, untold: Msat) -> Payment {
    // An answer about another payment must neither settle nor fail this one.
    if told.hash().ok() != Some(*hash) || told.is_incoming() {
        return Payment::unknown(garbled(CALLED, "another payment"));
    }
    match told.status.as_str() {
        "success" => {
            let fee = told.fee.map_or(untold, |fee| Msat::new(fee.unsigned_abs()));
            settled(told.preimage.as_deref(), hash, told.msat(), fee, CALLED)
        }
        "failed" => Payment::failed(Error::new(
            ErrorKind::Rejected,
            "LNbits says that the payment failed",
        )),
        "pending" => Payment::unknown(Error::new(
            ErrorKind::Timeout,
            "the payment is still in flight",
        )),
        _ => Payment::unknown(garbled(CALLED, "an unknown state of a payment")),
    }
}
