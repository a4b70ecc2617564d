//! The page of one listing.

mod buy;
mod content;
mod description;
mod evidence;
mod hidden;
mod observed;
mod ownership;
mod past;
mod review;

pub(super) use content::content;
