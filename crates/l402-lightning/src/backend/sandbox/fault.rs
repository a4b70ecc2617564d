//! Faults on purpose, and how they are written in the file and in the HTTP API.

use core::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::file;

/// What the sandbox does wrong on purpose, for payments made from now on. Kept in the file, so
/// that every process on it sees the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Money moves, then the connection ends: the payer hears nothing, so the outcome is unknown.
    /// A later look-up says settled.
    EndsMidPayment,
    /// Every payment fails; no money moves.
    Fails,
    /// The payment is held: unknown for the payer until [`Fault::None`] is set, then it settles.
    Held,
    /// It settles with a preimage that is not the invoice's.
    LiesAboutPreimage,
    /// Nothing is wrong.
    #[default]
    None,
    /// Money moves, and the answer comes after this long, in whole milliseconds.
    Slow(Duration),
    /// The outcome stays unknown, and look-up says so too.
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
    /// The name in the HTTP API, such as `lies_about_preimage`.
    #[must_use]
    pub fn name(self) -> &'static str {
        let kind = match self {
            Self::Slow(_) => Self::Slow(Duration::ZERO),
            other => other,
        };
        NAMES
            .iter()
            .find(|(fault, _)| *fault == kind)
            .map_or("none", |(_, name)| name)
    }

    /// How long an answer takes, in whole milliseconds: zero unless slow.
    #[must_use]
    pub fn millis(self) -> u64 {
        match self {
            Self::Slow(by) => u64::try_from(by.as_millis()).unwrap_or(u64::MAX),
            _ => 0,
        }
    }

    /// The fault with this name; `None` where there is no such fault. Only `slow` has a duration.
    #[must_use]
    pub fn from_name(name: &str, millis: u64) -> Option<Self> {
        let (fault, _) = NAMES.iter().find(|(_, known)| *known == name)?;
        Some(match fault {
            Self::Slow(_) => Self::Slow(Duration::from_millis(millis)),
            other => *other,
        })
    }
}

/// The fault in force.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Fault> {
    let sql = "SELECT fault, millis FROM faults";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?));
    let found = connection.query_row(sql, [], row).optional()?;
    Ok(found
        .and_then(|(name, millis)| Fault::from_name(&name, millis.try_into().unwrap_or(0)))
        .unwrap_or_default())
}

/// Puts a fault in force. Setting none lets go what was held.
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
