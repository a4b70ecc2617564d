//! The canonical reading of a request (path, host, credential), and the headers that do not pass to
//! the service.

mod canonical;
mod host;
mod lines;
mod passes;
mod path;
mod readings;
mod trace;
mod withheld;

pub(crate) use canonical::is_grpc;
pub use canonical::{CanonicalRequest, Presented};
pub use host::{canonical_authority, canonical_host, canonical_origin};
pub use passes::PassCookies;
pub(crate) use passes::{DIGITS, FetchSite, MOST, name_of};
pub(crate) use path::{Ambiguity, below, canonical_path, folded, match_key};
pub(crate) use readings::readings;
pub use trace::TraceContext;
pub use withheld::Withheld;
pub(crate) use withheld::is_own;
