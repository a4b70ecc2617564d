//! The request that the present task decides about.

use l402_server::TraceContext;
use tokio::task_local;

task_local! {
    static PRESENT: Option<TraceContext>;
}

/// Does work for a request, so that the spans of what it calls become children of the request's.
pub(crate) async fn within<F: Future>(context: Option<TraceContext>, work: F) -> F::Output {
    let sampled = context.filter(|context| context.sampled);
    PRESENT.scope(sampled, work).await
}

/// Returns the place of the present request in its trace; `None` if its spans are not recorded.
pub(super) fn present() -> Option<TraceContext> {
    PRESENT.try_with(|present| *present).ok().flatten()
}
