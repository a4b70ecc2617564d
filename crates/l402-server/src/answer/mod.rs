//! Answers: refusals that the paywall makes, and the service's own answers, which are cleaned, and
//! watched until their use is settled.

mod body;
mod clean;
mod cors;
mod event_stream;
mod head;
mod lapse;
mod redirect;
mod refusal;
mod reserved_use;
mod stall;
mod use_report;
mod watch;

pub use body::SettleBody;
pub(crate) use clean::{make_private, strip, vary_by_cookie};
pub(crate) use cors::allow_origin;
pub use event_stream::is_event_stream;
pub use head::take_body;
pub(crate) use redirect::{Origin, leads_on, next_path};
pub use refusal::Refusal;
pub use reserved_use::Blame;
pub(crate) use reserved_use::ReservedUse;
pub use use_report::UseReport;
pub(crate) use use_report::UseState;
pub(crate) use watch::{RequestKind, Watch};
