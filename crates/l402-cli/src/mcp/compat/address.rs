//! Invoices that Lightning addresses give (LUD-06, LUD-12, LUD-16).
//!
//! The service behind an address is a stranger: its answers are bounded, its URLs are guarded, and its invoice
//! must be over the amount that was asked for. Nothing is paid here.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use l402::{Invoice, Msat, PaymentHash};
use l402_host::{Clock, is_localhost};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use url::{Host, Url};

use super::serve::Means;
use crate::mcp::download::{Download, DownloadError, NamedBy};
use crate::mcp::purse::{CallId, Earlier, Purse, SAME_CALL, Turn};
use crate::mcp::tool::digest;

/// The most invoices that are remembered. Above it, a call is refused rather than one forgotten.
const KEPT_MAX: usize = 1000;

/// The name of the calls in the journal. No tool has it.
const NAME: &str = "pay_address";

/// Invoices that Lightning addresses have given in this run.
pub(super) struct Addresses {
    download: Download,
    reaches: Arc<dyn Fn(&Url) -> bool + Send + Sync>,
    plays_here: bool,
    clock: Arc<dyn Clock>,
    purse: Option<Arc<Purse>>,
    /// By the arguments of the call.
    kept: Mutex<HashMap<String, Kept>>,
}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Addresses").finish_non_exhaustive()
    }
}

/// The invoice of a call, for the same call again.
#[derive(Clone, Debug)]
struct Kept {
    given: AddressInvoice,
    /// The monotonic time at which it was given.
    since: Duration,
    /// True from the beginning of its payment until the outcome is known.
    is_open: bool,
}

/// An invoice that an address gave.
#[derive(Clone, Debug)]
pub(super) struct AddressInvoice {
    key: String,
    /// The invoice, as it came.
    pub(super) invoice: String,
    amount: Msat,
    hash: PaymentHash,
}

impl AddressInvoice {
    /// Returns what a tool that pays nothing says of it.
    pub(super) fn described(&self) -> Value {
        json!({
            "invoice": self.invoice,
            "payment_hash": self.hash.to_string(),
            "amount_sat": self.amount.msat() / 1000,
        })
    }
}

/// The description that a service gives of an address.
struct Described {
    callback: Url,
    least: u64,
    most: u64,
    metadata: [u8; 32],
    comment_max: u64,
}

impl Addresses {
    pub(super) fn new(means: &Means) -> Self {
        Self {
            download: means.download.clone(),
            reaches: Arc::clone(&means.reaches),
            plays_here: means.plays_here,
            clock: Arc::clone(&means.clock),
            purse: means.purse.clone(),
            kept: Mutex::default(),
        }
    }

    /// Returns an invoice of `address` over `amount` sat with `comment`: the one that the same call had before
    /// within ten minutes, or whose payment is still open, else a new one.
    ///
    /// # Errors
    /// A text for the model, without any words of the service.
    pub(super) async fn invoice(
        &self,
        arguments: &Map<String, Value>,
    ) -> Result<AddressInvoice, String> {
        let text = |name: &str| arguments.get(name).and_then(Value::as_str);
        let address = text("address").ok_or("write the Lightning address")?;
        let amount = arguments.get("amount").and_then(Value::as_u64);
        let amount = amount.ok_or("write the amount in sats")?;
        let key = Value::Object(arguments.clone()).to_string();
        if let Some(kept) = self.given(&key)? {
            return Ok(kept);
        }
        let amount = Msat::from_sat(amount);
        let described = self.describe(&self.url_of(address)?).await?;
        let invoice = self.ask(&described, amount, text("comment")).await?;
        let given = checked(key, invoice, amount, &described)?;
        // Two calls at once: the first invoice is the one that both pay.
        let mut kept = self.kept();
        let entry = kept.entry(given.key.clone()).or_insert_with(|| Kept {
            given,
            since: self.clock.monotonic(),
            is_open: false,
        });
        Ok(entry.given.clone())
    }

    /// Waits until no other program makes the same call.
    ///
    /// # Errors
    /// A text for the model, if that takes longer than `patience`.
    pub(super) async fn turn(
        &self,
        arguments: &Map<String, Value>,
        patience: Duration,
    ) -> Result<Option<Turn>, String> {
        let Some(purse) = &self.purse else {
            return Ok(None);
        };
        let turn = purse.turn(&call_id(arguments), patience).await;
        let turn = turn.map_err(|error| error.to_string())?;
        let busy =
            "the same call is under way: repeat it in a minute, and do not pay by other means";
        turn.map(Some).ok_or_else(|| busy.to_owned())
    }

    /// Returns the payment that the same call has made before, in this run or in another one: each invoice
    /// of an address is a new one, so that nothing else tells that it is the same payment.
    ///
    /// # Errors
    /// A text for the model.
    pub(super) fn paid_before(
        &self,
        arguments: &Map<String, Value>,
    ) -> Result<Option<PaymentHash>, String> {
        let Some(purse) = &self.purse else {
            return Ok(None);
        };
        let earlier = purse.earlier(&call_id(arguments));
        match earlier.map_err(|error| error.to_string())? {
            Earlier::Nothing => Ok(None),
            Earlier::OtherArguments => {
                Err("this idempotency_key belongs to a call with other arguments".to_owned())
            }
            Earlier::Open(entry) | Earlier::Over(entry) => Ok(Some(entry.payment_hash)),
        }
    }

    /// Notes that an invoice is being paid.
    ///
    /// # Errors
    /// A text for the model, if it cannot be noted. Nothing must be paid then.
    pub(super) fn begin(
        &self,
        given: &AddressInvoice,
        arguments: &Map<String, Value>,
    ) -> Result<(), String> {
        if let Some(purse) = &self.purse {
            let noted = purse.note_call(&call_id(arguments), given.hash);
            if !noted.map_err(|error| error.to_string())? {
                return Err("this idempotency_key belongs to another call".to_owned());
            }
        }
        self.set_open(given, true);
        Ok(())
    }

    /// Notes that the payment of an invoice has ended, or that its outcome is still unknown.
    pub(super) fn end(&self, given: &AddressInvoice, is_open: bool) {
        self.set_open(given, is_open);
    }

    fn set_open(&self, given: &AddressInvoice, is_open: bool) {
        if let Some(kept) = self.kept().get_mut(&given.key) {
            kept.is_open = is_open;
        }
    }

    /// Returns the invoice of the same call, if there is one.
    fn given(&self, key: &str) -> Result<Option<AddressInvoice>, String> {
        let (now, mut kept) = (self.clock.monotonic(), self.kept());
        kept.retain(|_, it| it.is_open || now.saturating_sub(it.since) < SAME_CALL);
        match kept.get(key) {
            Some(known) => Ok(Some(known.given.clone())),
            None if kept.len() < KEPT_MAX => Ok(None),
            None => Err("too many Lightning addresses at once: wait ten minutes".to_owned()),
        }
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the URL that describes an address.
    fn url_of(&self, address: &str) -> Result<Url, String> {
        let wrong = || "write a Lightning address, name@host".to_owned();
        let address = address.trim();
        let address = address.strip_prefix("lightning:").unwrap_or(address);
        let (name, host) = address.split_once('@').ok_or_else(wrong)?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_name) || !host.bytes().all(is_host) {
            return Err(wrong());
        }
        let name = name.to_ascii_lowercase();
        let url = format!("https://{host}/.well-known/lnurlp/{name}");
        let mut url: Url = url.parse().map_err(|_| wrong())?;
        if self.named_by(&url) == NamedBy::Operator {
            // Services of this machine have no certificate.
            url.set_scheme("http").map_err(|()| wrong())?;
        }
        Ok(url)
    }

    /// Returns who named a URL: a stranger, unless it is of this machine and all money is play money.
    fn named_by(&self, url: &Url) -> NamedBy {
        let is_here = match url.host() {
            Some(Host::Domain(name)) => is_localhost(name),
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        if is_here && self.plays_here {
            NamedBy::Operator
        } else {
            NamedBy::Stranger
        }
    }

    async fn describe(&self, url: &Url) -> Result<Described, String> {
        let answer = self.get(url).await?;
        let odd = || "the service behind the address gives no description of it".to_owned();
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let number = |name: &str| answer.get(name).and_then(Value::as_u64);
        if text("tag") != Some("payRequest") {
            return Err(odd());
        }
        let described = || {
            Some(Described {
                callback: text("callback")?.parse().ok()?,
                least: number("minSendable")?,
                most: number("maxSendable")?,
                metadata: Sha256::digest(text("metadata")?).into(),
                comment_max: number("commentAllowed").unwrap_or(0),
            })
        };
        described().ok_or_else(odd)
    }

    async fn ask(
        &self,
        described: &Described,
        amount: Msat,
        comment: Option<&str>,
    ) -> Result<String, String> {
        let (least, most) = (described.least, described.most);
        if !(least..=most).contains(&amount.msat()) {
            let (least, most) = (least.div_ceil(1000), most / 1000);
            return Err(format!(
                "the address takes {least} to {most} sats at a time"
            ));
        }
        // The callback may have a query of its own, which stays.
        let mut url = described.callback.clone();
        url.query_pairs_mut()
            .append_pair("amount", &amount.msat().to_string());
        if let Some(comment) = comment {
            let length = u64::try_from(comment.chars().count()).unwrap_or(u64::MAX);
            if length > described.comment_max {
                let most = described.comment_max;
                return Err(format!(
                    "the address takes a comment of at most {most} characters"
                ));
            }
            url.query_pairs_mut().append_pair("comment", comment);
        }
        let answer = self.get(&url).await?;
        let invoice = answer.get("pr").and_then(Value::as_str);
        invoice
            .map(str::to_owned)
            .ok_or_else(|| "the service gives no invoice".to_owned())
    }

    async fn get(&self, url: &Url) -> Result<Value, String> {
        // A host that the agent may not ask is not asked for an address either.
        if !(self.reaches)(url) {
            let host = l402::text::escape_within(url.host_str().unwrap_or_default(), 100);
            return Err(format!(
                "{host} is not among the hosts that a person has allowed"
            ));
        }
        let answer = self.download.json(url, self.named_by(url)).await;
        let answer = answer.map_err(|error: DownloadError| {
            format!("the service behind the address cannot be asked: {error}")
        })?;
        match answer.get("status").and_then(Value::as_str) {
            Some("ERROR") => Err("the service behind the address refuses".to_owned()),
            _ => Ok(answer),
        }
    }
}

/// Returns the identity of a call that pays an address.
fn call_id(arguments: &Map<String, Value>) -> CallId {
    let key = arguments.get("idempotency_key").and_then(Value::as_str);
    CallId {
        tool: NAME,
        arguments: digest(NAME, arguments),
        key: key.map(str::to_owned),
    }
}

/// Refuses an invoice that is not over the amount that was asked for, or for another description.
fn checked(
    key: String,
    invoice: String,
    amount: Msat,
    described: &Described,
) -> Result<AddressInvoice, String> {
    let decoded = Invoice::decode(&invoice)
        .map_err(|error| format!("the service gives an invoice that cannot be used: {error}"))?;
    if decoded.amount != Some(amount) {
        return Err("the service gives an invoice over another amount".to_owned());
    }
    if decoded
        .description_hash
        .is_some_and(|stated| stated != described.metadata)
    {
        return Err("the service gives an invoice for another description".to_owned());
    }
    Ok(AddressInvoice {
        key,
        invoice,
        amount,
        hash: decoded.payment_hash,
    })
}
