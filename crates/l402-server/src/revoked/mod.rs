//! The tokens that were ended before their time, in memory.
