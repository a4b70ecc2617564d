//! From an address to served connections.
//!
//! `bind` takes an address for this process alone, with one listener for each worker; `accept`
//! takes connections, counts them by peer, and hands their requests to the exchange. `socket` stands
//! between the network and hyper: it checks the framing of HTTP/1.1 before hyper reads a byte, and
//! closes a connection whose client takes nothing any more.

mod accept;
mod bind;
mod peers;
mod socket;
mod stop;
mod tls;

pub(crate) use accept::Acceptor;
pub(crate) use bind::{AddressLock, bind};
pub(crate) use peers::Peers;
pub(crate) use stop::StopSignal;
pub(crate) use tls::server_tls;
