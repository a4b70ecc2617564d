//! The state of each key number.

/// Reads and changes the states of the keys.
pub trait KeyStates {}
