//! All of the register.

use std::fmt;

use super::{Identify, KeyStates, Revocations};

/// All of a ledger but the units.
pub trait Register: Identify + KeyStates + Revocations + fmt::Debug + Send + Sync {}

impl<T: Identify + KeyStates + Revocations + fmt::Debug + Send + Sync> Register for T {}
