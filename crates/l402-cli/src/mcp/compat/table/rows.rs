//! The table of a profile.

use super::{alby, lightning_enable, lightning_wallet, lnget};
use crate::mcp::compat::profile::Profile;
use crate::mcp::compat::row::Row;

impl Profile {
    /// Returns the tools that are served, in the order of their list.
    pub(in crate::mcp::compat) const fn rows(self) -> &'static [Row] {
        match self {
            Self::LightningWallet => lightning_wallet::ROWS,
            Self::Alby => alby::ROWS,
            Self::LightningEnable => lightning_enable::ROWS,
            Self::Lnget => lnget::ROWS,
        }
    }
}
