//! The client against servers that are honest, broken and hostile, with the sandbox as Lightning.

mod beside;
mod breaking;
mod charging;
mod covering;
mod delivering;
mod examining;
mod exchanges;
mod foreign;
mod guarding;
mod hooking;
mod journal;
mod odd_wallet;
mod offering;
mod payees;
mod paying;
mod racing;
mod redirecting;
mod refusals;
mod refusing;
mod resuming;
mod secrecy;
mod sending;
mod server;
mod unverified;
mod waiting;
mod world;
