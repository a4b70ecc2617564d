//! The flags that choose the way of a request and the place of its answer.

use super::parity::Row;

/// The rows of the page, in its order.
pub(super) const ROWS: &[Row] = &[];
