//! The changes that an operator makes by a form: the same functions as those of the admin API, and the same
//! audit log.

use std::sync::Arc;

use http::StatusCode;
use http::request::Parts;

use super::configuration::Outcome;
use super::payments::Ending;
use super::request::Parameters;
use super::session::SessionId;
use super::{gather, notice, response};
use crate::admin::change::Actor;
use crate::admin::problem::{Problem, ProblemKind};
use crate::admin::{Admin, AdminAnswer};
use crate::run::ToRevoke;

/// The name by which the audit log knows the dashboard.
const VIA: &str = "dashboard";

/// Revokes what the form names.
pub(super) async fn revoke(
    admin: &Arc<Admin>,
    session: &SessionId,
    head: &Parts,
    form: &Parameters,
) -> AdminAnswer {
    let Some(ending) = Ending::read(form.get("token"), form.get("payment")) else {
        let text = "The form names nothing that can be revoked.";
        return notice(session, StatusCode::BAD_REQUEST, text);
    };
    let what = match ending {
        Ending::Token(id) => ToRevoke::Token(id),
        Ending::Payment(hash) => ToRevoke::Payment(hash),
    };
    let (owned, actor) = (Arc::clone(admin), Actor::of(head, VIA));
    match change(admin, move || owned.revoke(&what, &actor)).await {
        Ok(_) => response::see("/tokens?done=1"),
        Err(problem) => notice(session, StatusCode::SERVICE_UNAVAILABLE, &problem.summary()),
    }
}

/// Reads the file again.
pub(super) async fn reload(admin: &Arc<Admin>, session: &SessionId, head: &Parts) -> AdminAnswer {
    let (owned, actor) = (Arc::clone(admin), Actor::of(head, VIA));
    let Err(problem) = change(admin, move || owned.reload(&actor)).await else {
        return response::see("/configuration?done=1");
    };
    let mut lines: Vec<String> = problem.mistakes.iter().map(ToString::to_string).collect();
    if lines.is_empty() {
        lines.push(problem.summary());
    }
    gather::configuration(admin, session, Some(Outcome::Refused(lines))).await
}

/// Changes something on a thread that may block. It goes on to its end if nobody waits for it any more.
async fn change<T: Send + 'static>(
    admin: &Admin,
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let done = admin.threads().change(work).await;
    done.unwrap_or_else(|_| {
        Err(Problem::new(
            ProblemKind::Internal,
            "the change broke off; the audit log says how far it came",
        ))
    })
}
