//! The work of `l402 admin`: a client of the listener for operators of a running gateway.
//!
//! `place` finds listener and token, `client` asks, `refusal` turns problem documents into errors, `table` and `show`
//! have the words for people, `renew` makes a new token, and `browser` opens the dashboard.

mod browser;
mod client;
mod place;
mod refusal;
mod renew;
mod show;
mod table;

pub(crate) use browser::open;
pub(crate) use client::{AdminCall, AdminClient};
pub(crate) use place::ReachArgs;
pub(crate) use renew::renew;
pub(crate) use show::{
    audit, config, drained, health, keys, limits, one_key, one_token, payments, prices, reloaded,
    renewed, revocations, revoked, routes, sales, services, tokens,
};
