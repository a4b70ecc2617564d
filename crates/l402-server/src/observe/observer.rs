//! The trait of an observer.

use std::fmt;
use std::time::Duration;

use l402::{Msat, PaymentHash};

use super::{Exchange, Offered, Refused, Settled, Verdict};

/// Somebody who watches what is decided and sold. Every method does nothing by default.
///
/// The methods are called on the threads that serve requests, in the middle of an exchange. One
/// that blocks stops every request of its thread, and one that panics breaks the exchange: hand
/// the work to another thread, and drop what that one cannot take.
///
/// A request that its buyer breaks off before the paywall has granted or refused it ends with
/// `decided`.
pub trait Observe: fmt::Debug + Send + Sync {
    /// Returns true if a request with this decision is to be followed to its end. If not, `counted` is
    /// called instead of every other method, and the request costs next to nothing.
    fn follows(&self, _verdict: Verdict) -> bool {
        true
    }
    /// The decision about a request that is not followed.
    fn counted(&self, _verdict: Verdict) {}
    /// The decision about a request.
    fn decided(&self, _exchange: &Exchange, _verdict: Verdict) {}
    /// An invoice goes out with the answer. `refused` follows.
    fn offered(&self, _exchange: &Exchange, _offered: &Offered) {}
    /// The ledger has answered after this time: a use is reserved, there is none left, or the ledger
    /// has `failed`, for the reason that the text says. Tied to no request.
    fn reserved(&self, _took: Duration, _failed: Option<&str>) {}
    /// The request may be forwarded. If its uses are counted, one is reserved. `settled` follows.
    fn granted(&self, _exchange: &Exchange) {}
    /// The end of a granted request: its use is spent or given back, or nothing was counted.
    fn settled(&self, _exchange: &Exchange, _settled: &Settled) {}
    /// The request is answered without being forwarded.
    fn refused(&self, _exchange: &Exchange, _refused: &Refused) {}
    /// The node was paid. `amount` is what arrived, and may be above the price. The payment may be
    /// for something else than this paywall sells, if the node serves others, too.
    fn settlement(&self, _payment_hash: PaymentHash, _amount: Msat) {}
}
