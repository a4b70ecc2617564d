//! One purchase, from the first request to the paid answer.
//!
//! ```text
//!   call ──▶ fetch ──▶ queue ──▶ recover ──▶ kept ──▶ present        a credential that was bought before
//!                                   │          │ none fits
//!                                   │          └──▶ offer ──▶ pay ──▶ record ──▶ present
//!                                   └─ unknown: nothing is bought
//! ```

mod buyer;
mod call;
mod fetch;
mod kept;
mod pay;
mod present;
mod queue;
mod record;
mod recover;

pub(crate) use buyer::Buyer;
