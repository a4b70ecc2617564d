//! One HTTP exchange: a request that can be sent twice, its redirects, and the connections.

mod address_check;
mod connection;
mod detour;
mod guard;
mod head;
mod hop;
mod outgoing;
mod own_file;
mod reach;
mod replay;
mod spool;
mod transport;
mod upload;
mod userinfo;
mod watch;
mod withheld;

pub use address_check::{AddressCheck, AddressError};
pub use connection::{is_head_too_large, retry_after};
pub use head::Head;
pub use outgoing::Outgoing;
pub use reach::{AllowedAddress, AllowedAddressError};
pub use watch::{RequestHead, Watch};

pub(crate) use connection::{Http, NoResponse, error_chain};
pub(crate) use guard::{Asks, Guard};
pub(crate) use head::head_of;
pub(crate) use hop::{Hop, reads_own_header};
pub(crate) use reach::Reach;
pub(crate) use replay::response;
pub(crate) use spool::{Spool, Spooled};
#[cfg(any(feature = "reqwest-middleware", feature = "tower"))]
pub(crate) use transport::Transport;
