//! JSON over HTTP, as far as the interfaces of all nodes agree.
//!
//! Each call has a deadline and each answer a size limit. Each `Failure` tells if the node may have
//! seen the request, and what its refusal proves, which decides if a payment certainly failed or is
//! unknown. Error texts are
//! worded by the backend, through [`Peer`].

mod call;
mod failure;
#[cfg(feature = "lnd")]
mod line;
mod peer;
mod text;

#[cfg(any(feature = "lnbits", feature = "phoenixd"))]
pub(crate) use call::secret_header;
pub(crate) use call::{Transport, client};
#[cfg(any(
    feature = "cln",
    feature = "lnurl",
    all(
        feature = "pay",
        any(feature = "lnbits", feature = "lnd", feature = "phoenixd")
    )
))]
pub(crate) use failure::Failure;
pub(crate) use failure::Proof;
#[cfg(any(feature = "cln", feature = "lnd", feature = "phoenixd"))]
pub(crate) use failure::permitted;
#[cfg(feature = "lnd")]
pub(crate) use line::Lines;
pub(crate) use peer::Peer;
pub(crate) use text::plain;
#[cfg(any(feature = "lnd", feature = "lnurl"))]
pub(crate) use text::root_cause;
#[cfg(any(
    feature = "cln",
    feature = "lnbits",
    feature = "lnd",
    feature = "phoenixd"
))]
pub(crate) use text::unanswered;
