//! The client against servers that are honest, broken and hostile, with the sandbox as Lightning.

mod budgets;
mod covering;
mod delivering;
mod examining;
mod exchanges;
mod foreign;
mod guarding;
mod journal;
mod odd_wallet;
mod offering;
mod paying;
mod racing;
mod receipts;
mod redirecting;
mod refusals;
mod refusing;
mod resuming;
mod secrecy;
mod sending;
mod server;
mod tokens;
mod waiting;
mod world;
