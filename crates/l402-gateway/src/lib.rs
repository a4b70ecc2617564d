//! A reverse proxy that puts a price on any HTTP upstream.
//!
//! The gateway accepts HTTP/1.1 and HTTP/2, with and without TLS. It asks `l402-server` if a
//! request is paid, and forwards those that are, streamed in both directions, WebSocket and gRPC
//! included.
//!
//! It does not decide: prices, tokens and uses are `l402-server`'s. It cannot spend: all it knows
//! of Lightning is [`Receive`](l402_lightning::Receive). It buffers no body, follows no redirect,
//! and reads no file of its own accord while it serves: [`Gateway::reload`] takes another
//! [`Config`] over, whole or not at all.
//!
//! ```text
//!   socket ─ framing ─ hyper ─ canonical request ─ paywall ─┬─ refusal ──▶ answer
//!            (accept)                                       │
//!                                                           └─ Granted ─▶ forward ─ pool ─▶ upstream
//! ```
//!
//! Each worker is a thread with a runtime, listeners and upstream connections of its own. The node
//! lives on one control runtime that the workers reach by channels.
//!
//! ```no_run
//! use std::{sync::Arc, time::Duration};
//! use l402_gateway::{Config, Gateway, Home};
//! use l402_host::SystemClock;
//! use l402_lightning::Open;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::quick("http://127.0.0.1:3000", "50 sat".parse()?, "request".parse()?)
//!     .map_err(|mistakes| mistakes[0].to_string())?;
//! let home = Home::at("/var/lib/l402")?;
//! let clock = Arc::new(SystemClock::default());
//! let node = config.node().receiver(Open::new(home.path(), clock.clone())).await?;
//! let serving = tokio::task::spawn_blocking(move || {
//!     let gateway = Gateway::start(config, &home, clock, node.receive)?;
//!     println!("listening on {:?}", gateway.local_addrs());
//!     gateway.shutdown(Duration::from_secs(30));
//!     Ok::<_, l402_gateway::GatewayError>(())
//! });
//! serving.await??;
//! node.lifecycle.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod framing;
mod number;

#[cfg(all(not(fuzzing), feature = "acme"))]
mod acme;
#[cfg(not(fuzzing))]
mod amount;

#[cfg(not(fuzzing))]
mod admin;
#[cfg(not(fuzzing))]
mod certificate;
#[cfg(not(fuzzing))]
mod config;
#[cfg(not(fuzzing))]
mod error;
#[cfg(not(fuzzing))]
mod exchange;
#[cfg(not(fuzzing))]
mod framing_header;
#[cfg(not(fuzzing))]
mod listen;
#[cfg(not(fuzzing))]
mod log;
#[cfg(not(fuzzing))]
mod metrics;
#[cfg(not(fuzzing))]
mod notice;
#[cfg(not(fuzzing))]
mod page;
#[cfg(not(fuzzing))]
mod publish;
#[cfg(not(fuzzing))]
mod run;
#[cfg(not(fuzzing))]
mod share;
#[cfg(not(fuzzing))]
mod table;
#[cfg(not(fuzzing))]
mod timer;
#[cfg(not(fuzzing))]
mod trace;
#[cfg(not(fuzzing))]
mod upstream;
#[cfg(not(fuzzing))]
mod warning;
#[cfg(not(fuzzing))]
mod webhooks;

#[cfg(not(fuzzing))]
pub use admin::{AdminListener, AdminServer, NotReloaded, Program};
#[cfg(not(fuzzing))]
pub use config::{
    Config, ConfigError, Overrides, Presentation, QuickConfig, RouteConfig, Scheme, UpstreamUrl,
    UrlError,
};
#[cfg(not(fuzzing))]
pub use error::{GatewayError, GatewayErrorKind};
#[cfg(not(fuzzing))]
pub use log::Counters;
#[cfg(all(not(fuzzing), feature = "postgres"))]
pub use run::copy_ledger;
#[cfg(not(fuzzing))]
pub use run::{
    Finding, FindingLevel, Gateway, Home, KeyLine, Reloaded, SellerKeys, Stores, ToRevoke,
    TokensEnded, Upgrade, all_revocations, begin_restored, payment_hash_of, revoke, token_id_of,
};
#[cfg(not(fuzzing))]
pub use webhooks::{DeliveryLine, Replay, WebhookDesk, WebhookLine};

// The fuzz targets need the parsers of strangers' bytes and nothing else. Without TLS, SQLite and
// node clients they build in seconds instead of minutes.
#[cfg(fuzzing)]
pub mod fuzzing;
#[cfg(fuzzing)]
mod listen {
    pub(crate) mod proxy_header;
}
#[cfg(fuzzing)]
mod upstream {
    pub(crate) mod http1 {
        pub(crate) mod chunks;
        pub(crate) mod head;
    }
}
