//! A reverse proxy that puts a price on any HTTP upstream.
//!
//! It accepts HTTP/1.1 and HTTP/2, with and without TLS; decides with `l402-server` whether a
//! request is paid; and forwards what is, streamed both ways, WebSocket and gRPC included.
//!
//! It does not decide: prices, tokens and uses are `l402-server`'s. It cannot spend: all it knows
//! of Lightning is [`Receive`](l402_lightning::Receive). It buffers no body, follows no redirect,
//! and reads its configuration once, before a port is bound.
//!
//! ```text
//!   socket ─ framing ─ hyper ─ canonical request ─ paywall ─┬─ refusal ──▶ answer
//!            (accept)                                       │
//!                                                           └─ Granted ─▶ forward ─ pool ─▶ upstream
//! ```
//!
//! Each worker is a thread with a runtime, listeners and upstream connections of its own. Node,
//! ledger and reload live on one control runtime that the workers reach by channels. An access log and
//! [`Counters`] show what is sold.
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
mod run;
#[cfg(not(fuzzing))]
mod table;
#[cfg(not(fuzzing))]
mod timer;
#[cfg(not(fuzzing))]
mod upstream;

#[cfg(not(fuzzing))]
pub use config::{Config, ConfigError, Overrides, RouteConfig, Scheme, UpstreamUrl, UrlError};
#[cfg(not(fuzzing))]
pub use error::GatewayError;
#[cfg(not(fuzzing))]
pub use log::Counters;
#[cfg(not(fuzzing))]
pub use run::{Gateway, Home};

// The fuzz targets need the parsers of strangers' bytes and nothing else. Without TLS, SQLite and
// node clients they build in seconds instead of minutes.
#[cfg(fuzzing)]
pub mod fuzzing;
#[cfg(fuzzing)]
mod upstream {
    pub(crate) mod http1 {
        pub(crate) mod chunks;
        pub(crate) mod head;
    }
}
