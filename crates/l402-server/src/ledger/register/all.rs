//! All of the register.

use std::fmt;

use super::{Changes, Identify, KeyStates, Revocations};

/// All of a ledger but the units.
pub trait Register:
    Changes + Identify + KeyStates + Revocations + fmt::Debug + Send + Sync
{
}

impl<T> Register for T where
    T: Changes + Identify + KeyStates + Revocations + fmt::Debug + Send + Sync
{
}
