//! Deliberate faults, and their names in the file and in the HTTP API.

use core::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::file;

/// A deliberate fault, which applies to payments made from now on. Stored in the sandbox's file, so
/// that every process on that sandbox behaves alike.
///
/// ```
/// # #[cfg(all(feature = "pay", feature = "sandbox"))]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::{sync::Arc, time::Duration};
/// use l402::Msat;
/// use l402_host::SystemClock;
/// use l402_lightning::sandbox::{Fault, Sandbox, SandboxWallet};
/// use l402_lightning::{InvoiceRequest, Pay, PayRequest, Payment, Receive};
///
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// let sandbox = Sandbox::open(home, Arc::new(SystemClock::default()))?;
/// let wallet = SandboxWallet::open(&sandbox, "default")?;
/// let request = InvoiceRequest::new(Msat::from_sat(50), Duration::from_secs(600), String::new());
/// let invoice = sandbox.create_invoice(request).await?;
/// let payment = PayRequest::new(invoice.bolt11().to_owned(), Msat::ZERO, Duration::from_secs(10));
///
/// sandbox.set_fault(Fault::Held)?;
/// assert!(matches!(wallet.pay(payment).await, Payment::Unknown(_)));
///
/// // Without the fault the held payment settles.
/// sandbox.set_fault(Fault::None)?;
/// let outcome = wallet.lookup(invoice.payment_hash()).await?;
/// assert!(matches!(outcome, Some(Payment::Settled { .. })));
/// # Ok(())
/// # }
/// # #[cfg(not(all(feature = "pay", feature = "sandbox")))]
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Money moves, then the connection ends: the outcome is unknown to the payer. A later look-up
    /// reports settled.
    EndsMidPayment,
    /// Every payment fails; no money moves.
    Fails,
    /// The payment is held: unknown to the payer until [`Fault::None`] is set, and settled then.
    Held,
    /// The payment settles with a preimage that does not belong to the invoice.
    LiesAboutPreimage,
    /// No fault; the default.
    #[default]
    None,
    /// Money moves at once, and the answer comes after this time, in whole milliseconds.
    Slow(Duration),
    /// The outcome stays unknown, also in a look-up.
    Unknown,
}

/// Every fault and its name, written once; the duration of `slow` stands beside the name.
const NAMES: [(Fault, &str); 7] = [
    (Fault::EndsMidPayment, "ends_mid_payment"),
    (Fault::Fails, "fails"),
    (Fault::Held, "held"),
    (Fault::LiesAboutPreimage, "lies_about_preimage"),
    (Fault::None, "none"),
    (Fault::Slow(Duration::ZERO), "slow"),
    (Fault::Unknown, "unknown"),
];

impl Fault {
    /// Returns the name in the HTTP API, such as `lies_about_preimage`.
    #[must_use]
    pub fn name(self) -> &'static str {
        // The table has one row for `slow`, whatever its duration.
        let kind = match self {
            Self::Slow(_) => Self::Slow(Duration::ZERO),
            other => other,
        };
        NAMES
            .iter()
            .find(|(fault, _)| *fault == kind)
            .map_or("none", |(_, name)| name)
    }

    /// Returns the delay of an answer in whole milliseconds: zero for every fault but `slow`.
    #[must_use]
    pub fn millis(self) -> u64 {
        match self {
            Self::Slow(by) => u64::try_from(by.as_millis()).unwrap_or(u64::MAX),
            _ => 0,
        }
    }

    /// Returns the fault with this name, or `None` if there is none. The duration applies to `slow`
    /// alone.
    #[must_use]
    pub fn from_name(name: &str, millis: u64) -> Option<Self> {
        let (fault, _) = NAMES.iter().find(|(_, known)| *known == name)?;
        Some(match fault {
            Self::Slow(_) => Self::Slow(Duration::from_millis(millis)),
            other => *other,
        })
    }
}

/// Reads the fault in force.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Fault> {
    let sql = "SELECT fault, millis FROM faults";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?));
    let found = connection.query_row(sql, [], row).optional()?;
    Ok(found
        .and_then(|(name, millis)| Fault::from_name(&name, millis.try_into().unwrap_or(0)))
        .unwrap_or_default())
}

/// Puts a fault in force. [`Fault::None`] also settles the payments that are held.
pub(super) fn write(tx: &Transaction<'_>, fault: Fault) -> rusqlite::Result<()> {
    let millis = i64::try_from(fault.millis()).unwrap_or(i64::MAX);
    tx.execute(
        "UPDATE faults SET fault = ?1, millis = ?2",
        (fault.name(), millis),
    )?;
    if fault == Fault::None {
        file::release_held(tx)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_faults_go_both_ways() {
        for (fault, name) in NAMES {
            assert_eq!(fault.name(), name);
            assert_eq!(Fault::from_name(name, 0), Some(fault));
        }
        let slow = Fault::Slow(Duration::from_millis(500));
        assert_eq!((slow.name(), slow.millis()), ("slow", 500));
        assert_eq!(Fault::from_name("slow", 500), Some(slow));
        assert_eq!(Fault::from_name("Held", 0), None);
    }
}
