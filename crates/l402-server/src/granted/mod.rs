//! The right of a request to be forwarded, and the settlement of its use.

mod right;

#[cfg(test)]
mod tests;

pub use right::Granted;
