//! Our reading of answers beside that of hyper's client, on the same bytes.
//!
//! If both accept an answer, they must read it alike. If one refuses what the other accepts, it is
//! for a reason that `verdict` names. `answers` makes answers, `readers` reads them both ways.

mod answers;
mod readers;
mod tests;
mod verdict;
