//! Listens on the gateway's addresses, and serves the connections.
//!
//! `bind` takes an address for this process alone, with one listener for each worker; `accept`
//! takes connections, counts them by peer, and hands their requests to the exchange. `socket` wraps
//! the bytes for hyper: it joins what is written in small pieces (`joined`), checks the framing of HTTP/1.1 before hyper reads a byte, and closes a
//! connection whose client reads nothing any more. `linger` reads what a client still sends after
//! the last answer, so that the close does not take the answer away. Of HTTP/2, `frames` bounds what
//! carries nothing, and `requests` finds out when a connection is idle. `stop` is the signal to end,
//! `tls` the settings of handshakes, for which `certificates` chooses the certificate. Where proxies pass
//! connections on, `proxied` reads the header that they begin with, and `proxy_header` understands it.

mod accept;
mod bind;
mod certificates;
mod frames;
mod joined;
mod linger;
mod peers;
mod proxied;
mod proxy_header;
mod requests;
mod socket;
mod stop;
mod tls;

pub(crate) use accept::{AcceptWarnings, Acceptor, Redirected};
pub(crate) use bind::{AddressLock, Bound, bind, listen};
pub(crate) use certificates::Issued;
pub(crate) use peers::Peers;
pub(crate) use stop::{StopSignal, Stopping};
pub(crate) use tls::{operator_tls, server_tls};
