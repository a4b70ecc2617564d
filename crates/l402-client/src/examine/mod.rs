//! The rules that an unpaid answer is held against.

pub(crate) mod crosscheck;
