//! The caveat vocabulary and its narrowing.
//!
//! A caveat reads `condition=value`, split at the first `=`, with no white space taken off. Each
//! one of our vocabulary must stay within what all the ones before it left ([`Rights`]); any
//! growth refuses the token, even where a later caveat would shrink it again (ATTACKS T-06).

mod condition;
mod reading;
mod rights;

pub use condition::{Condition, Conditions};
pub(crate) use reading::{Reading, is_capability, read};
pub(crate) use rights::Rights;
