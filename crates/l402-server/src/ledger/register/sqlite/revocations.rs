//! The revocations in the file.

use super::SqliteRegister;
use crate::ledger::register::Revocations;

impl Revocations for SqliteRegister {}
