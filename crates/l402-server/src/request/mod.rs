//! The one reading of a request: path, host, credential, and the headers that stay behind.

mod canonical;
mod host;
mod lines;
mod path;
mod withheld;

pub(crate) use canonical::is_grpc;
pub use canonical::{CanonicalRequest, Presented};
pub(crate) use path::{canonical_path, match_key};
pub(crate) use withheld::is_own;
pub use withheld::{HOP_BY_HOP, Withheld};
