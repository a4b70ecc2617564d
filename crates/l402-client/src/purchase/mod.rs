//! One purchase, from the first request to the paid answer.

mod fetch;
mod pay;
