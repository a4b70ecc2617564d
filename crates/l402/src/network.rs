//! The bitcoin networks that an invoice can belong to.

use core::fmt;
use core::str::FromStr;

/// A bitcoin network. The prefix of an invoice names its network (BOLT 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// Real money: `lnbc…`.
    Bitcoin,
    /// Private chain for tests, also used by the sandbox: `lnbcrt…`.
    Regtest,
    /// Public test network with signed blocks: `lntbs…`.
    Signet,
    /// Simulation network of lnd and btcd: `lnsb…`.
    Simnet,
    /// Public test network: `lntb…`.
    Testnet,
}

/// Each network with its name on the wire (caveats, configuration) and its invoice prefix.
const TABLE: [(Network, &str, &str); 5] = [
    (Network::Bitcoin, "mainnet", "lnbc"),
    (Network::Regtest, "regtest", "lnbcrt"),
    (Network::Signet, "signet", "lntbs"),
    (Network::Simnet, "simnet", "lnsb"),
    (Network::Testnet, "testnet", "lntb"),
];

impl Network {
    /// All networks, in alphabetical order.
    pub const ALL: [Self; 5] = [
        Self::Bitcoin,
        Self::Regtest,
        Self::Signet,
        Self::Simnet,
        Self::Testnet,
    ];

    /// Returns the name that caveats, configuration and the `Payment` scheme use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        // A `const fn` cannot search the table, so each row is named here. A test compares both.
        match self {
            Self::Bitcoin => TABLE[0].1,
            Self::Regtest => TABLE[1].1,
            Self::Signet => TABLE[2].1,
            Self::Simnet => TABLE[3].1,
            Self::Testnet => TABLE[4].1,
        }
    }

    /// Returns the prefix of an invoice on this network, in lower case.
    #[must_use]
    pub const fn invoice_prefix(self) -> &'static str {
        match self {
            Self::Bitcoin => TABLE[0].2,
            Self::Regtest => TABLE[1].2,
            Self::Signet => TABLE[2].2,
            Self::Simnet => TABLE[3].2,
            Self::Testnet => TABLE[4].2,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The error for a name other than `mainnet`, `regtest`, `signet`, `simnet` and `testnet`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkError;

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown network; write mainnet, testnet, signet, simnet or regtest")
    }
}

impl std::error::Error for NetworkError {}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let row = TABLE.iter().find(|(_, name, _)| *name == text);
        row.map(|(network, ..)| *network).ok_or(NetworkError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_networks_go_both_ways() {
        for network in Network::ALL {
            assert_eq!(network.name().parse(), Ok(network));
            let row = TABLE.iter().find(|(n, ..)| *n == network).unwrap();
            assert_eq!((network.name(), network.invoice_prefix()), (row.1, row.2));
        }
        assert_eq!("bitcoin".parse::<Network>(), Err(NetworkError));
    }
}
