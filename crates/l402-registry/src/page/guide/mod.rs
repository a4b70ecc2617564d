//! Pages that explain: how the registry checks, how sellers own a listing, how programs ask.

mod about;
mod api;
mod owner;

pub(super) use about::about;
pub(super) use api::api;
pub(super) use owner::owner;
