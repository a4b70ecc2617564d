//! The methods of the fake node.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use l402::{Invoice, Msat, PaymentHash};
use l402_host::Clock;
use l402_lightning::{InvoiceRequest, Pay, PayRequest, Payment, Receive, SettlementIndex, Sign};
use serde_json::{Value, json};

use super::ClnFault;
use super::node::{Call, Cln, ID};
use super::records::{InvoiceRecord, PayRecord, PayState};

/// The longest wait of `waitanyinvoice` here, however long a caller would wait. Shorter than that of
/// a real node, so that a test sees a wait end.
const LONGEST_WAIT: Duration = Duration::from_millis(300);

/// The time after which the sandbox has surely told of a settlement that is there.
const SURELY_TOLD: Duration = Duration::from_millis(80);

/// An error in the form of Core Lightning: code and message.
pub(super) struct Refused(pub(super) i64, pub(super) String);

type Answer = Result<Value, Refused>;

impl Refused {
    pub(super) fn wire(&self) -> Value {
        json!({ "code": self.0, "message": self.1 })
    }
}

fn refused(code: i64, message: &str) -> Refused {
    Refused(code, message.to_owned())
}

impl Cln {
    /// Answers a call.
    pub(super) async fn answer(&self, method: &str, params: Value) -> Answer {
        if let ClnFault::Refuses(code) = self.fault(method) {
            return Err(refused(code, "not now"));
        }
        let answer = match method {
            "getinfo" => Ok(self.getinfo()),
            "invoice" => self.invoice(&params).await,
            "listinvoices" => self.listinvoices(&params).await,
            "waitanyinvoice" => self.waitanyinvoice(&params).await,
            "signmessage" => self.signmessage(&params).await,
            "xpay" => self.xpay(&params).await,
            "listpays" => self.listpays(&params),
            "listpeerchannels" => Ok(self.listpeerchannels().await),
            _ => Err(Refused(-32601, format!("Unknown command '{method}'"))),
        };
        if let Ok(result) = &answer {
            let (method, result) = (method.to_owned(), result.clone());
            let mut calls = self.calls.lock().expect("not poisoned");
            calls.push(Call {
                method,
                params,
                result,
            });
        }
        answer
    }

    fn now(&self) -> u64 {
        self.home.clock.wall().secs()
    }

    fn getinfo(&self) -> Value {
        json!({
            "id": ID,
            "alias": "DOUBLE",
            "color": "0279be",
            "num_peers": 1,
            "num_pending_channels": 0,
            "num_active_channels": 1,
            "num_inactive_channels": 0,
            "address": [],
            "version": "v26.06.6-double",
            "blockheight": 110,
            "network": "regtest",
            "fees_collected_msat": 0,
            "lightning-dir": self.home.home.path(),
        })
    }

    async fn signmessage(&self, params: &Value) -> Answer {
        let message = text(params, "message")?;
        let signed = self.home.sandbox.sign(message.as_bytes()).await;
        let zbase = signed.map_err(|error| Refused(-1, error.to_string()))?;
        Ok(json!({ "signature": "00".repeat(64), "recid": "00", "zbase": zbase }))
    }

    async fn invoice(&self, params: &Value) -> Answer {
        let (label, description) = (text(params, "label")?, text(params, "description")?);
        let mut amount = msat(params, "amount_msat")?;
        {
            let invoices = self.invoices.lock().expect("not poisoned");
            if invoices.iter().any(|invoice| invoice.label == label) {
                return Err(refused(900, "Duplicate label"));
            }
        }
        if self.fault("invoice") == ClnFault::CheapInvoice {
            amount = Msat::new(amount.msat() / 2);
        }
        // A week is the default of Core Lightning.
        let expiry = params
            .get("expiry")
            .and_then(Value::as_u64)
            .unwrap_or(604_800);
        let request = InvoiceRequest::new(amount, Duration::from_secs(expiry), description.clone());
        let made = self.home.sandbox.create_invoice(request).await;
        let made = made.map_err(|error| Refused(-1, error.to_string()))?;
        let (hash, bolt11) = (made.payment_hash(), made.bolt11().to_owned());
        let secret = Invoice::decode(&bolt11).expect("BOLT 11").payment_secret;
        let expires = made.expires().secs();
        let record = InvoiceRecord {
            hash,
            bolt11: bolt11.clone(),
            label,
            description,
            amount,
            expires,
        };
        let mut invoices = self.invoices.lock().expect("not poisoned");
        invoices.push(record);
        Ok(json!({
            "payment_hash": self.shown("invoice", hash),
            "expires_at": expires,
            "bolt11": bolt11,
            "payment_secret": hex::encode(secret),
            "created_index": invoices.len(),
            "warning_capacity": "no channels here",
        }))
    }

    /// Returns the payment hash as an answer shows it.
    fn shown(&self, method: &str, hash: PaymentHash) -> String {
        match self.fault(method) {
            ClnFault::AnotherHash => "11".repeat(32),
            _ => hash.to_string(),
        }
    }

    async fn listinvoices(&self, params: &Value) -> Answer {
        let wanted = params.get("payment_hash").and_then(Value::as_str);
        let records = self.invoices.lock().expect("not poisoned").clone();
        let mut found = Vec::new();
        for (index, record) in records.iter().enumerate() {
            if wanted.is_none_or(|wanted| wanted == record.hash.to_string()) {
                let paid = self.settlement_of(record.hash).await;
                let mut wire = record.wire(index + 1, self.now(), paid);
                wire["payment_hash"] = json!(self.shown("listinvoices", record.hash));
                found.push(wire);
            }
        }
        Ok(json!({ "invoices": found }))
    }

    async fn settlement_of(&self, hash: PaymentHash) -> Option<(u64, Msat)> {
        let mut all = self.home.sandbox.settlements(SettlementIndex::default());
        // The stream never ends, so a pause counts as its end.
        while let Ok(Some(Ok(one))) = tokio::time::timeout(SURELY_TOLD, all.next()).await {
            if one.payment_hash == hash {
                return Some((one.index.0, one.paid));
            }
        }
        None
    }

    async fn waitanyinvoice(&self, params: &Value) -> Answer {
        let number = |name: &str| params.get(name).and_then(Value::as_u64);
        let from = SettlementIndex(number("lastpay_index").unwrap_or(0));
        let wait = Duration::from_secs(number("timeout").unwrap_or(u64::MAX));
        let wait = wait.clamp(SURELY_TOLD, LONGEST_WAIT);
        let mut stream = self.home.sandbox.settlements(from);
        let Ok(told) = tokio::time::timeout(wait, stream.next()).await else {
            return Err(refused(904, "Timed out"));
        };
        let told = told.expect("goes on").expect("a settlement");
        let invoices = self.invoices.lock().expect("not poisoned");
        let index = invoices
            .iter()
            .position(|one| one.hash == told.payment_hash);
        let index = index.ok_or_else(|| refused(-1, "paid elsewhere"))?;
        let paid = Some((told.index.0, told.paid));
        Ok(invoices[index].wire(index + 1, self.now(), paid))
    }

    fn listpays(&self, params: &Value) -> Answer {
        let wanted = text(params, "payment_hash")?;
        let pays = self.pays.lock().expect("not poisoned");
        let all = pays.iter().enumerate();
        let found = all.filter(|(_, pay)| pay.hash.to_string() == wanted);
        let wire = found.map(|(index, pay)| {
            let mut wire = pay.wire(index + 1);
            wire["payment_hash"] = json!(self.shown("listpays", pay.hash));
            if self.fault("listpays") == ClnFault::WrongPreimage && wire.get("preimage").is_some() {
                wire["preimage"] = json!("22".repeat(32));
            }
            if self.fault("listpays") == ClnFault::TellsNoAmount {
                wire.as_object_mut().expect("fields").remove("amount_msat");
            }
            wire
        });
        Ok(json!({ "pays": wire.collect::<Vec<_>>() }))
    }

    async fn listpeerchannels(&self) -> Value {
        let balance = self.home.wallet.balance().await.expect("a balance").msat();
        let channel = |state: &str, spendable: u64| {
            json!({
                "peer_id": ID,
                "peer_connected": true,
                "state": state,
                "opener": "local",
                "features": [],
                "spendable_msat": spendable,
                "receivable_msat": 250_000_000,
            })
        };
        json!({ "channels": [channel("CHANNELD_NORMAL", balance), channel("ONCHAIN", 7_000_000)] })
    }

    async fn xpay(&self, params: &Value) -> Answer {
        self.xpays.fetch_add(1, Ordering::SeqCst);
        let bolt11 = text(params, "invstring")?;
        let invoice = Invoice::decode(&bolt11);
        let invoice = invoice.map_err(|error| Refused(-32602, error.to_string()))?;
        let amount = invoice
            .amount
            .ok_or_else(|| refused(-32602, "amount_msat required"))?;
        let now = self.now();
        if now > invoice.expires.secs() {
            return Err(refused(207, "Invoice expired"));
        }
        let is = |pay: &PayRecord| {
            pay.hash == invoice.payment_hash && matches!(pay.state, PayState::Complete(_))
        };
        if self.pays.lock().expect("not poisoned").iter().any(is) {
            return Err(refused(219, "Already paid this invoice successfully"));
        }
        let record = |state| PayRecord {
            hash: invoice.payment_hash,
            bolt11: bolt11.clone(),
            state,
            created: now,
            amount,
            sent: amount,
        };
        self.misbehave(&record).await?;
        let max_fee = params.get("maxfee").map(|_| msat(params, "maxfee"));
        let max_fee = max_fee.transpose()?.unwrap_or(Msat::from_sat(5));
        let order = PayRequest::new(bolt11.clone(), max_fee, Duration::from_secs(10));
        match self.home.wallet.pay(order).await {
            Payment::Settled {
                preimage,
                paid,
                fee,
            } => {
                let mut complete = record(PayState::Complete(preimage.clone()));
                complete.sent = paid.saturating_add(fee);
                let sent = complete.sent.msat();
                self.note(complete);
                let shown = match self.fault("xpay") {
                    ClnFault::WrongPreimage => "22".repeat(32),
                    _ => preimage.to_hex(),
                };
                Ok(json!({
                    "payment_preimage": shown,
                    "failed_parts": 0,
                    "successful_parts": 1,
                    "amount_msat": paid.msat(),
                    "amount_sent_msat": sent,
                }))
            }
            Payment::Failed(failure) => Err(Refused(205, failure.error.to_string())),
            Payment::Unknown(unknown) => Err(Refused(-1, unknown.error.to_string())),
        }
    }

    fn note(&self, record: PayRecord) {
        self.pays.lock().expect("not poisoned").push(record);
    }

    /// Does what the fault says instead of paying.
    async fn misbehave(&self, record: &impl Fn(PayState) -> PayRecord) -> Result<(), Refused> {
        match self.fault("xpay") {
            ClnFault::InFlight => {
                self.note(record(PayState::Pending));
                std::future::pending().await
            }
            ClnFault::Unlisted => std::future::pending().await,
            ClnFault::MidTries => {
                self.note(record(PayState::Failed));
                std::future::pending().await
            }
            ClnFault::GivesUpInFlight => {
                self.note(record(PayState::Pending));
                Err(refused(209, "Timed out after 1 attempts"))
            }
            ClnFault::FailsAfterTry => {
                self.note(record(PayState::Failed));
                Err(refused(205, "Failed after 1 attempts"))
            }
            _ => Ok(()),
        }
    }
}

/// Reads a parameter that is text.
fn text(params: &Value, name: &str) -> Result<String, Refused> {
    let found = params.get(name).and_then(Value::as_str);
    found
        .map(str::to_owned)
        .ok_or_else(|| Refused(-32602, format!("missing required parameter: {name}")))
}

/// Reads an amount, which Core Lightning takes as a number or with a unit.
fn msat(params: &Value, name: &str) -> Result<Msat, Refused> {
    let number = match params.get(name) {
        Some(Value::String(text)) => {
            let digits = text.strip_suffix("msat").unwrap_or(text);
            digits.parse().ok()
        }
        Some(value) => value.as_u64(),
        None => None,
    };
    let wrong = || Refused(-32602, format!("{name}: should be a millisatoshi amount"));
    number.map(Msat::new).ok_or_else(wrong)
}
