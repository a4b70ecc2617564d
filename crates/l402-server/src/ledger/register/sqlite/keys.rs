//! The states of the keys in the file.

use super::SqliteRegister;
use crate::ledger::register::KeyStates;

impl KeyStates for SqliteRegister {}
