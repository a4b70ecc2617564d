//! The spending half of the sandbox: one transaction in the file, at most one payment per payment
//! hash.

use core::time::Duration;
use std::sync::Arc;

use l402::{Invoice, Msat, Network, PaymentHash, Preimage};
use rusqlite::{Connection, OptionalExtension, Transaction};

use super::fault::{self, Fault};
use super::file::{self, IN_FLIGHT, INCOME, ROUTING, WriteError, msat, stored};
use super::open::blocking;
use super::{Sandbox, SandboxShared, key};
use crate::{Error, ErrorKind, Open, Pay, PayRequest, Payment, Wallet};
use l402_host::BoxFuture;

/// The balance of an account at its first use.
const FIRST_FILL: Msat = Msat::from_sat(100_000);

/// Opens the account `default`, and the receiving half beside it.
pub(crate) async fn wallet(open: Open) -> Result<Wallet, Error> {
    let both = move || {
        let sandbox = Sandbox::open(open.home(), open.clock())?;
        let wallet = SandboxWallet::open(&sandbox, "default")?;
        Ok((sandbox, wallet))
    };
    let (sandbox, wallet) = blocking(both).await?;
    Ok(Wallet::new(Arc::new(wallet)).with_receive(Arc::new(sandbox)))
}

/// Returns the fee limit of a request that states none: one percent, and at least 10 sat.
#[cfg(any(feature = "sandbox-api", feature = "sandbox-nwc"))]
pub(super) fn usual_fee(amount: Msat) -> Msat {
    Msat::new(amount.msat().div_ceil(100)).max(Msat::from_sat(10))
}

/// An account of the sandbox that can spend, filled with 100,000 sat at its first use.
///
/// ```
/// # #[cfg(all(feature = "pay", feature = "sandbox"))]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use l402::Msat;
/// use l402_host::SystemClock;
/// use l402_lightning::Pay;
/// use l402_lightning::sandbox::{Sandbox, SandboxWallet};
///
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// let sandbox = Sandbox::open(home, Arc::new(SystemClock::default()))?;
/// let wallet = SandboxWallet::open(&sandbox, "alice")?;
/// assert_eq!(wallet.balance().await?, Msat::from_sat(100_000));
/// assert_eq!(wallet.fund(Msat::from_sat(500))?, Msat::from_sat(100_500));
/// # Ok(())
/// # }
/// # #[cfg(not(all(feature = "pay", feature = "sandbox")))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct SandboxWallet {
    sandbox: Sandbox,
    account: Arc<str>,
}

impl SandboxWallet {
    /// The most that one call of [`SandboxWallet::fund`], or of the faucet, adds: 1,000,000 sat.
    pub const FUND_MAX: Msat = Msat::from_sat(1_000_000);

    /// Opens the account `name`, or creates it: 1 to 64 of `a-z`, `0-9`, `-` and `_`. Programs use
    /// `default` unless told otherwise. Blocks for a moment.
    ///
    /// # Errors
    /// `Rejected` for another name, or one that the sandbox keeps for itself; `Local`.
    pub fn open(sandbox: &Sandbox, name: &str) -> Result<Self, Error> {
        check_name(name)?;
        sandbox.shared.open_account(name)?;
        Ok(Self {
            sandbox: sandbox.clone(),
            account: name.into(),
        })
    }

    /// Adds to the balance, at most 1,000,000 sat a call, and returns the new balance. Blocks for a
    /// moment.
    ///
    /// # Errors
    /// `Rejected` for an amount of zero or above the limit; `Local`.
    pub fn fund(&self, amount: Msat) -> Result<Msat, Error> {
        if amount > Self::FUND_MAX || amount == Msat::ZERO {
            let text = "the faucet gives between 1 msat and 1,000,000 sat at a time";
            return Err(Error::new(ErrorKind::Rejected, text));
        }
        let file = &self.sandbox.shared.file;
        let balance = file.write(|tx| {
            fill(tx, &self.account, amount)?;
            file::balance(tx, &self.account)
        })?;
        Ok(balance.unwrap_or(Msat::ZERO))
    }

    async fn attempt(&self, request: PayRequest) -> Payment {
        let invoice = match self.sandbox.shared.check_invoice(&request) {
            Ok(invoice) => invoice,
            Err(error) => return Payment::failed(error),
        };
        let account = Arc::clone(&self.account);
        let done = self
            .sandbox
            .blocking(move |shared| shared.pay_once(&account, &invoice))
            .await;
        match done {
            // The money has moved before the wait (fault `slow`): a payer whose deadline ends
            // meanwhile has an unknown payment that is settled in truth.
            Ok(Ok((payment, wait))) => {
                tokio::time::sleep(wait).await;
                payment
            }
            // Only a transaction that was certainly not committed is a failure.
            Ok(Err(WriteError::NotCommitted(error))) => Payment::failed(error),
            Ok(Err(WriteError::MaybeCommitted(error))) | Err(error) => Payment::unknown(error),
        }
    }
}

impl Pay for SandboxWallet {
    fn network(&self) -> Network {
        Network::Regtest
    }

    fn name(&self) -> String {
        let payee = hex::encode(self.sandbox.payee());
        format!("sandbox {payee}, account {}", self.account)
    }

    fn pay(&self, request: PayRequest) -> BoxFuture<'_, Payment> {
        Box::pin(Payment::within(request.deadline, self.attempt(request)))
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<Option<Payment>, Error>> {
        let account = Arc::clone(&self.account);
        let look =
            move |shared: &SandboxShared| shared.file.read(|c| look_up(c, &payment_hash, &account));
        Box::pin(async move { Ok(self.sandbox.blocking(look).await??.flatten()) })
    }

    fn failure_is_last(&self) -> bool {
        true
    }

    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>> {
        let account = Arc::clone(&self.account);
        let look = move |shared: &SandboxShared| shared.file.read(|c| file::balance(c, &account));
        Box::pin(async move {
            let balance = self.sandbox.blocking(look).await??;
            Ok(balance.flatten().unwrap_or(Msat::ZERO))
        })
    }
}

/// An invoice of this sandbox, checked, with the payer's fee limit.
struct PayableInvoice {
    hash: PaymentHash,
    amount: Msat,
    max_fee: Msat,
    preimage: Preimage,
    expired: bool,
}

/// A payment as the file stores it.
struct StoredPayment {
    account: String,
    amount: Msat,
    fee: Msat,
    preimage: [u8; 32],
    state: String,
}

impl SandboxShared {
    fn open_account(&self, name: &str) -> Result<(), Error> {
        if self
            .file
            .read(|c| file::balance(c, name))?
            .flatten()
            .is_some()
        {
            return Ok(());
        }
        let made = self.file.write(|tx| {
            let sql = "INSERT INTO accounts VALUES (?1, 0) ON CONFLICT DO NOTHING";
            // Another process may have opened the account since the look above.
            if tx.execute(sql, [name])? == 1 {
                fill(tx, name, FIRST_FILL)
            } else {
                Ok(())
            }
        });
        Ok(made?)
    }

    /// Checks everything about the invoice that needs no file.
    fn check_invoice(&self, request: &PayRequest) -> Result<PayableInvoice, Error> {
        let invoice = Invoice::decode(&request.bolt11).map_err(rejected)?;
        if invoice.network != Network::Regtest {
            let network = invoice.network;
            let text = format!("the invoice is on {network}; the sandbox pays only its own");
            return Err(rejected(text));
        }
        let amount = invoice.required_amount().map_err(rejected)?;
        // The payee's key alone does not show that this sandbox can prove the payment: the hash
        // must also be that of the preimage which is derived here.
        let preimage = self.key.preimage(&invoice.payment_secret);
        if invoice.payee != self.key.public() || !preimage.proves(&invoice.payment_hash) {
            return Err(rejected(
                "the invoice is of another node or sandbox; seller and buyer need the same home \
                 folder, or the buyer the seller's API, such as sandbox+http://127.0.0.1:8403",
            ));
        }
        let expired = invoice.expires <= self.clock.wall();
        let (hash, max_fee) = (invoice.payment_hash, request.max_fee);
        Ok(PayableInvoice {
            hash,
            amount,
            max_fee,
            preimage,
            expired,
        })
    }

    /// Pays within one transaction, or reports the payment that was made before. The duration is
    /// the delay of the answer.
    fn pay_once(
        &self,
        account: &str,
        invoice: &PayableInvoice,
    ) -> Result<(Payment, Duration), WriteError> {
        // Drawn before the transaction, so that a failure to draw certainly moved no money.
        let false_preimage = key::random().map_err(WriteError::NotCommitted)?;
        self.file.write(|tx| {
            // A second attempt, also one of another process, gets the outcome of the first.
            if let Some(first) = stored_payment(tx, &invoice.hash)? {
                return Ok((first.report_to(account), Duration::ZERO));
            }
            let fault = fault::read(tx)?;
            let fee = tx.query_row("SELECT fee_msat FROM faults", [], |row| msat(row, 0))?;
            let balance = file::balance(tx, account)?.unwrap_or(Msat::ZERO);
            if let Some(reason) = refusal(invoice, fault, fee, balance) {
                store_failure(tx, &invoice.hash, account, &reason)?;
                return Ok((Payment::failed(rejected(reason)), Duration::ZERO));
            }
            let preimage = match fault {
                Fault::LiesAboutPreimage => false_preimage,
                _ => *invoice.preimage.as_bytes(),
            };
            let state = state_after(fault);
            let account = account.to_owned();
            let entry = StoredPayment {
                account,
                amount: invoice.amount,
                fee,
                preimage,
                state,
            };
            entry.move_money(tx, &invoice.hash)?;
            Ok((
                entry.first_answer(fault),
                Duration::from_millis(fault.millis()),
            ))
        })
    }
}

/// Returns the reason for refusing to pay, if there is one.
fn refusal(invoice: &PayableInvoice, fault: Fault, fee: Msat, balance: Msat) -> Option<String> {
    if invoice.expired {
        return Some("the invoice has expired; ask the seller for a new one".to_owned());
    }
    if fault == Fault::Fails {
        return Some("no route to the payee (the sandbox was told to fail)".to_owned());
    }
    if fee > invoice.max_fee {
        return Some(format!(
            "routing costs {fee}, more than the limit of {}",
            invoice.max_fee
        ));
    }
    let cost = invoice.amount.saturating_add(fee);
    (cost > balance)
        .then(|| format!("the balance of {balance} does not cover {cost}; the faucet gives more"))
}

fn state_after(fault: Fault) -> String {
    let state = match fault {
        Fault::Held => "held",
        // Neither settles, but only a held payment is released when the fault ends.
        Fault::Unknown => "unknown",
        Fault::EndsMidPayment
        | Fault::Fails
        | Fault::LiesAboutPreimage
        | Fault::None
        | Fault::Slow(_) => "settled",
    };
    state.to_owned()
}

impl StoredPayment {
    fn move_money(&self, tx: &Transaction<'_>, hash: &PaymentHash) -> rusqlite::Result<()> {
        let sql = "INSERT INTO payments VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let (amount, fee) = (stored(self.amount), stored(self.fee));
        let row = (
            hash.as_bytes(),
            &self.account,
            amount,
            fee,
            &self.preimage,
            &self.state,
        );
        tx.execute(sql, row)?;
        if self.state == "settled" {
            file::transfer(tx, &self.account, INCOME, self.amount)?;
            file::transfer(tx, &self.account, ROUTING, self.fee)?;
            file::settle(tx, hash, self.amount)
        } else {
            let cost = self.amount.saturating_add(self.fee);
            file::transfer(tx, &self.account, IN_FLIGHT, cost)
        }
    }

    /// Returns the outcome that the payer is told when the payment is made.
    fn first_answer(&self, fault: Fault) -> Payment {
        if fault == Fault::EndsMidPayment {
            let text = "the connection ended in the middle of the payment";
            return Payment::unknown(Error::new(ErrorKind::Unavailable, text));
        }
        self.report()
    }

    /// Returns the outcome that the payer is told afterwards.
    fn report(&self) -> Payment {
        if self.state != "settled" {
            return Payment::unknown(Error::new(
                ErrorKind::Timeout,
                "the payment is still in flight",
            ));
        }
        let preimage = Preimage::from_bytes(self.preimage);
        Payment::Settled {
            preimage,
            paid: self.amount,
            fee: self.fee,
        }
    }

    fn report_to(&self, account: &str) -> Payment {
        // Another account cannot learn the preimage of a payment that it did not make.
        if self.account == account {
            return self.report();
        }
        Payment::failed(rejected(
            "the invoice was already paid from another account of this sandbox",
        ))
    }
}

fn stored_payment(
    connection: &Connection,
    hash: &PaymentHash,
) -> rusqlite::Result<Option<StoredPayment>> {
    let sql = "SELECT account, amount_msat, fee_msat, preimage, state FROM payments \
               WHERE payment_hash = ?1";
    let row = |row: &rusqlite::Row<'_>| {
        Ok(StoredPayment {
            account: row.get(0)?,
            amount: msat(row, 1)?,
            fee: msat(row, 2)?,
            preimage: row.get(3)?,
            state: row.get(4)?,
        })
    };
    connection.query_row(sql, [hash.as_bytes()], row).optional()
}

fn look_up(
    connection: &Connection,
    hash: &PaymentHash,
    account: &str,
) -> rusqlite::Result<Option<Payment>> {
    if let Some(entry) = stored_payment(connection, hash)?.filter(|entry| entry.account == account)
    {
        return Ok(Some(entry.report()));
    }
    let sql = "SELECT reason FROM failures WHERE payment_hash = ?1 AND account = ?2";
    let reason = connection.query_row(sql, (hash.as_bytes(), account), |row| row.get(0));
    Ok(reason
        .optional()?
        .map(|reason: String| Payment::failed(rejected(reason))))
}

fn store_failure(
    tx: &Transaction<'_>,
    hash: &PaymentHash,
    account: &str,
    reason: &str,
) -> rusqlite::Result<()> {
    // An invoice may be tried again after a failure, and the newest reason is told.
    let sql = "INSERT OR REPLACE INTO failures VALUES (?1, ?2, ?3)";
    tx.execute(sql, (hash.as_bytes(), account, reason))
        .map(drop)
}

fn fill(tx: &Transaction<'_>, account: &str, amount: Msat) -> rusqlite::Result<()> {
    let amount = stored(amount);
    tx.execute(
        // Every fill has a row of its own, which `totals` compares with the balances.
        "INSERT INTO fills (account, amount_msat) VALUES (?1, ?2)",
        (account, amount),
    )?;
    let sql = "UPDATE accounts SET balance_msat = balance_msat + ?2 WHERE name = ?1";
    tx.execute(sql, (account, amount)).map(drop)
}

fn check_name(name: &str) -> Result<(), Error> {
    // A buyer on one of these accounts would spend the sellers' income.
    if [INCOME, ROUTING, IN_FLIGHT].contains(&name) {
        return Err(rejected(format!(
            "the account {name} is the sandbox's own; use another"
        )));
    }
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'-' | b'_');
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        return Err(rejected(
            "an account is named with 1 to 64 of a-z, 0-9, - and _",
        ));
    }
    Ok(())
}

fn rejected(text: impl ToString) -> Error {
    Error::new(ErrorKind::Rejected, text.to_string())
}
