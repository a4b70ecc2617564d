//! The caveat vocabulary, and the rule that a caveat may only narrow.
//!
//! A caveat is `condition=value`, split at the first `=`. White space is kept. Each caveat of our
//! vocabulary must stay within the rights that all caveats before it left ([`Rights`]). Any growth
//! makes the token invalid, even if a later caveat narrows again (ATTACKS T-06).
//!
//! ```text
//! all rights           ─ services=api:0    ─▶  api, tier 0
//! api, tier 0          ─ api_policy=uses=5 ─▶  api, tier 0, 5 uses
//! api, tier 0, 5 uses  ─ api_policy=uses=6 ─▶  invalid: 6 uses were never left
//! ```

mod condition;
mod reading;
mod rights;

pub use condition::{Condition, Conditions};
pub(crate) use reading::{Reading, is_capability, read};
pub(crate) use rights::Rights;
