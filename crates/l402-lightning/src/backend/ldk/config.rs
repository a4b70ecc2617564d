//! The settings of an embedded node.

use core::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use l402::Network;
use ldk_node::Builder;

use crate::{Error, ErrorKind};

/// The settings of an embedded node. A folder belongs to one network for ever.
#[derive(Clone, Debug)]
pub struct LdkConfig {
    /// The folder of seed, channels and payments; created at the first start, for its owner alone
    /// (mode 0700).
    pub storage: PathBuf,
    /// The network; LDK knows no simnet.
    pub network: Network,
    /// The server that reports blocks and takes transactions.
    pub chain: ChainSource,
    /// The addresses on which other nodes may connect; empty for a node that only connects to
    /// others.
    pub listen: Vec<SocketAddr>,
    /// The name in the public graph, at most 32 bytes. Only a node with a name and an address to
    /// listen on has public channels.
    pub alias: Option<String>,
}

/// A server that reports blocks and takes transactions. `Debug` shows neither password nor address.
#[derive(Clone)]
#[non_exhaustive]
pub enum ChainSource {
    /// bitcoind's JSON-RPC.
    Bitcoind {
        /// `HOST:PORT`.
        address: String,
        /// The user's name.
        user: String,
        /// The user's password.
        password: String,
    },
    /// An Electrum server.
    Electrum {
        /// `tcp://HOST:PORT` or `ssl://HOST:PORT`.
        url: String,
    },
    /// An Esplora server.
    Esplora {
        /// The address of its API, such as `https://HOST/api`.
        url: String,
    },
}

impl fmt::Debug for ChainSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An address may hold a user and a password, too, so it is left out like them.
        f.write_str(match self {
            Self::Bitcoind { .. } => "Bitcoind(..)",
            Self::Electrum { .. } => "Electrum(..)",
            Self::Esplora { .. } => "Esplora(..)",
        })
    }
}

impl ChainSource {
    pub(super) fn set(self, builder: &mut Builder) -> Result<(), Error> {
        match self {
            Self::Bitcoind {
                address,
                user,
                password,
            } => {
                let (host, port) = host_and_port(&address)?;
                builder.set_chain_source_bitcoind_rpc(host, port, user, password);
            }
            Self::Electrum { url } => {
                builder.set_chain_source_electrum(url, None);
            }
            Self::Esplora { url } => {
                builder.set_chain_source_esplora(url, None);
            }
        }
        Ok(())
    }
}

fn host_and_port(address: &str) -> Result<(String, u16), Error> {
    let parts = address.rsplit_once(':');
    let parsed = parts.and_then(|(host, port)| Some((host, port.parse().ok()?)));
    match parsed {
        Some((host, port)) if !host.is_empty() => Ok((host.to_owned(), port)),
        _ => Err(Error::new(
            ErrorKind::Local,
            "the address of bitcoind must be HOST:PORT, such as 127.0.0.1:8332",
        )),
    }
}

/// Returns the network as LDK names it.
pub(super) fn network(network: Network) -> Result<ldk_node::bitcoin::Network, Error> {
    use ldk_node::bitcoin::Network as Theirs;
    match network {
        Network::Bitcoin => Ok(Theirs::Bitcoin),
        Network::Regtest => Ok(Theirs::Regtest),
        Network::Signet => Ok(Theirs::Signet),
        Network::Testnet => Ok(Theirs::Testnet),
        Network::Simnet => Err(Error::new(
            ErrorKind::Local,
            "an embedded LDK node cannot be on simnet; use regtest",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_bitcoind_is_host_and_port() {
        let parsed = |text| host_and_port(text).ok();
        assert_eq!(parsed("127.0.0.1:8332"), Some(("127.0.0.1".into(), 8332)));
        assert_eq!(parsed("[::1]:8332"), Some(("[::1]".into(), 8332)));
        for wrong in ["", "localhost", ":8332", "localhost:", "localhost:99999"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn debug_shows_no_password() {
        let source = ChainSource::Bitcoind {
            address: "127.0.0.1:8332".into(),
            user: "u".into(),
            password: "hunter2".into(),
        };
        assert_eq!(format!("{source:?}"), "Bitcoind(..)");
    }
}
