//! Whose turn it is in the exchange that a task serves.
//!
//! hyper polls the body of an answer when it can send more. While a client takes nothing, nobody
//! polls, so no timer of the body can run. This module looks from outside, at the task that hyper
//! serves the answer in:
//!
//! ```text
//!   poll of the task
//!      |-- the body is polled: a piece is ready ------> Buyer, until it is polled again
//!      |                       nothing is ready ------> Upstream
//!      |                       its last piece --------> Last
//!      '-- the task waits. If it is the buyer's turn, that time is noted, and limited over HTTP/2
//! ```
//!
//! The clock is read only if a task waits for its buyer: an answer that goes out in one go costs
//! none.

use core::cell::Cell;
use core::future::poll_fn;
use core::pin::Pin;
use std::time::Duration;

use tokio::task_local;
use tokio::time::Instant;

task_local! {
    /// The turn of the answer that the present task serves.
    static PRESENT: Cell<State>;
}

/// The side that an answer waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The client is to take a piece that was handed over.
    Buyer,
    /// The client is to take the last piece.
    Last,
    /// There is no answer yet, or none any more.
    #[default]
    Nobody,
    /// The upstream is to send more.
    Upstream,
}

#[derive(Clone, Copy, Default)]
struct State {
    turn: Turn,
    /// The moment since which the task waits for its buyer.
    since: Option<Instant>,
}

/// Notes whose turn it is from now on.
pub(crate) fn set(turn: Turn) {
    // Outside of a connection's task nobody asks.
    let _ = PRESENT.try_with(|present| present.set(State { turn, since: None }));
}

/// Returns the time for which the task has waited for its buyer up to now.
pub(crate) fn held() -> Duration {
    let since = PRESENT.try_with(|present| present.get().since);
    since
        .ok()
        .flatten()
        .map_or(Duration::ZERO, |since| since.elapsed())
}

/// Returns the moment since which the task waits for its buyer, if it is the buyer's turn. `last`
/// is true if the last piece counts, too. Called when the task has nothing more to do.
pub(super) fn waits_since(last: bool) -> Option<Instant> {
    let waits = |present: &Cell<State>| {
        let mut state = present.get();
        let buyers = state.turn == Turn::Buyer || (last && state.turn == Turn::Last);
        if !buyers {
            return None;
        }
        let since = *state.since.get_or_insert_with(Instant::now);
        present.set(state);
        Some(since)
    };
    PRESENT.try_with(waits).ok().flatten()
}

/// Runs what serves one answer at a time: a connection of HTTP/1.1, or a stream of HTTP/2.
pub(crate) async fn noted<F: Future>(serving: F) -> F::Output {
    PRESENT.scope(Cell::default(), serving).await
}

/// Polls a connection of HTTP/1.1, inside of [`noted`]. It has no deadline here: a client that takes
/// nothing is disconnected by its socket.
pub(crate) async fn polled<F: Future + Unpin>(mut connection: F) -> F::Output {
    poll_fn(|cx| {
        let polled = Pin::new(&mut connection).poll(cx);
        if polled.is_pending() {
            let _ = waits_since(false);
        }
        polled
    })
    .await
}
