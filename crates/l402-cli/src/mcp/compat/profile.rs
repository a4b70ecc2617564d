//! The wallets whose names are served.

use clap::ValueEnum;

/// A wallet whose names, parameters and result keys are served in place of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// lightning-wallet-mcp, its tools that concern money
    LightningWallet,
    /// Alby's MCP server
    Alby,
    /// lightning-enable-mcp
    LightningEnable,
    /// the MCP server of lnget
    Lnget,
}

impl Profile {
    /// All of them, in the order of the documentation.
    #[cfg(test)]
    pub(super) const ALL: [Self; 4] = [
        Self::LightningWallet,
        Self::Alby,
        Self::LightningEnable,
        Self::Lnget,
    ];

    /// Returns the name for `--compat`.
    #[cfg(test)]
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::LightningWallet => "lightning-wallet",
            Self::Alby => "alby",
            Self::LightningEnable => "lightning-enable",
            Self::Lnget => "lnget",
        }
    }
}
