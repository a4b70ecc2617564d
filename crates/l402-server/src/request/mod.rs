//! The canonical reading of a request (path, host, credential), and the headers that do not pass to
//! the service.

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
