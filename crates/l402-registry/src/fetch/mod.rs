//! Bounded requests to strangers' addresses.
//!
//! ```text
//!   URL ─▶ scheme ─▶ name resolved once ─▶ every address checked ─▶ connected to those alone ─▶ head ─▶ 64 KiB
//!    ▲                                                                                            │ 3xx
//!    └──────────────── at most three times, each checked in the same way ◀────────────────────────┘
//! ```

mod answer;
mod ask;
mod fetcher;
mod hop;
mod pace;

pub use answer::{FetchError, Fetched};
pub use ask::{Ask, Own, Reachable};
pub use fetcher::Fetcher;

pub(crate) use ask::TIMEOUT;
pub(crate) use fetcher::{Arrived, Cut, read};
pub(crate) use pace::Pace;
