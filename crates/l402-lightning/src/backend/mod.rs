//! All backends, one folder each: `receive.rs` is the half that is paid, and `pay.rs` (feature
//! `pay`) the half that spends.
//!
//! `docs/design/backends.md` says how to add one.

#[cfg(feature = "cln")]
pub(crate) mod cln;
#[cfg(any(feature = "lnbits", feature = "phoenixd"))]
mod http_wallet;
#[cfg(feature = "ldk")]
pub mod ldk;
#[cfg(feature = "lnbits")]
pub(crate) mod lnbits;
#[cfg(feature = "lnd")]
pub(crate) mod lnd;
#[cfg(feature = "lnurl")]
pub(crate) mod lnurl;
#[cfg(any(
    feature = "cln",
    feature = "lnbits",
    feature = "lnd",
    feature = "nwc",
    feature = "phoenixd"
))]
mod named_file;
#[cfg(feature = "nwc")]
pub(crate) mod nwc;
#[cfg(all(
    feature = "pay",
    any(
        feature = "cln",
        feature = "ldk",
        feature = "lnbits",
        feature = "lnd",
        feature = "nwc",
        feature = "phoenixd"
    )
))]
#[cfg_attr(
    not(all(feature = "cln", feature = "lnd", feature = "nwc")),
    allow(
        dead_code,
        unused_imports,
        reason = "each backend uses the part that its wallet needs"
    )
)]
mod once;
#[cfg(feature = "phoenixd")]
pub(crate) mod phoenixd;
#[cfg(feature = "sandbox")]
pub mod sandbox;
#[cfg(feature = "pay")]
pub(crate) mod sandbox_http;
#[cfg(any(
    feature = "cln",
    feature = "lnbits",
    feature = "lnd",
    feature = "nwc",
    feature = "phoenixd"
))]
mod spending;
#[cfg(any(feature = "cln", feature = "lnd", feature = "nwc"))]
mod tls;
