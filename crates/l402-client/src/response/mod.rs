//! An answer, and what becomes of a paid one.

mod keep;
mod reading;

use reading::Purchased;
pub use reading::Response;
pub(crate) use reading::UsedUp;
