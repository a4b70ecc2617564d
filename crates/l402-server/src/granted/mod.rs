//! The right to be forwarded.

mod right;

#[cfg(test)]
mod tests;

pub use right::Granted;
