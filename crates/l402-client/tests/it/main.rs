//! The client against servers that are honest, broken and hostile, with the sandbox as Lightning.

mod beside;
mod breaking;
mod budgets;
mod charging;
mod cookies;
mod covering;
mod delivering;
mod examining;
mod exchanges;
mod foreign;
mod guarding;
mod hooking;
mod invoices;
mod journal;
mod late_wallet;
mod layering;
mod odd_wallet;
mod offering;
#[cfg(unix)]
mod own_file;
mod owning;
mod payees;
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
mod unverified;
mod waiting;
mod world;
