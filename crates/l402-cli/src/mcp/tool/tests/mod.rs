//! The tools over the sandbox, with a shop in the same process.

mod bounds;
mod buying;
mod pending;
mod reports;
mod shop;
