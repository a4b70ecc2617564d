//! One purchase, from the first request to the paid answer.
//!
//! ```text
//!   call ──▶ fetch ──▶ queue ──▶ recover ──▶ kept ──▶ present        a credential that was bought before
//!                                   │          │ none fits
//!                                   │          └──▶ offer ──▶ other paths ──▶ pay ──▶ record ──▶ present
//!                                   └─ unknown: nothing is bought
//! ```
//!
//! The steps of a purchase, each with the state of its row afterwards. Every change of the row is
//! synced to disk before the next step begins.
//!
//! ```text
//!   step              outcome                                      row in the journal
//!
//!   ask               not 402: that is the answer                  none
//!    │                402: examined, and refused if unsound        none
//!    ▼
//!   reserve           over a limit: nothing is bought              none
//!    │                within the limits                            intent
//!    ▼
//!   last_word         denied by the hook, declined, expired, or
//!    │                the caller is gone                           failed
//!    │                approved                                     intent
//!    ▼
//!   record_asked      from here on only the wallet knows           unknown
//!    │
//!    ▼
//!   wallet.pay        failed                                       failed
//!    │ (once)         no outcome in time                           unknown
//!    │                a preimage that proves nothing               paid_no_proof
//!    │                settled and proven                           paid, with the preimage
//!    ▼
//!   present           refused for good                             refused
//!    │                no answer: the next call presents it again   paid
//!    │                an answer
//!    ▼
//!   read to its end                                                served
//! ```
//!
//! After a crash the row alone says how to go on: an `intent` has failed, since no wallet was asked;
//! of an `unknown` the wallet is asked; a `paid` purchase is presented.

mod buyer;
mod call;
mod consent;
mod fetch;
mod invoice;
mod kept;
mod other_paths;
mod pauses;
mod pay;
mod present;
mod queue;
mod record;
mod recover;
mod relay;
mod resume;
mod verdict;
mod wallet;

pub(crate) use buyer::Buyer;
pub(crate) use consent::HOOK_TIME;
pub use invoice::{InvoicePayment, PaidInvoice};
pub(crate) use queue::AHEAD_MAX;
pub(crate) use relay::PAYING_MAX;
pub use relay::Unrelayed;
pub(crate) use wallet::Wallet;
pub use wallet::WalletSource;
