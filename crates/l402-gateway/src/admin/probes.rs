//! Health and metrics, for programs that watch the gateway.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use tokio::time::timeout;

use super::answer::{answer, json, text};
use super::{Admin, AdminAnswer};

/// The longest wait for an upstream that was found to be down.
const UPSTREAM_TIME: Duration = Duration::from_secs(1);

/// Answers `/healthz`: one word, by which a supervisor decides on a restart.
pub(super) fn healthz(_admin: &Admin) -> AdminAnswer {
    // That this thread answers says that the process lives. A gateway that drains lives, too.
    text(StatusCode::OK, "ok\n")
}

/// The state of one part that the gateway needs.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct PartJson {
    /// The part: `gateway`, `ledger`, `node`, or `upstream` with its address.
    pub(crate) name: String,
    /// True if it can be used.
    pub(crate) ready: bool,
    /// The reason why it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
}

/// The state of the gateway and of what it needs.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct HealthJson {
    /// True if every part is ready.
    pub(crate) ready: bool,
    /// True once the gateway takes no further requests.
    pub(crate) draining: bool,
    /// The parts.
    pub(crate) parts: Vec<PartJson>,
}

/// Returns the state of the gateway and of what it needs. May take some seconds, if the ledger is slow.
pub(crate) async fn health(admin: &Arc<Admin>) -> HealthJson {
    let mut parts = vec![ledger(admin).await, node(admin)];
    parts.extend(upstreams(admin).await);
    let draining = admin.is_draining();
    HealthJson {
        ready: !draining && parts.iter().all(|part| part.ready),
        draining,
        parts,
    }
}

/// Asks the ledger, as a request that is paid would have to, or takes an answer of some seconds ago.
async fn ledger(admin: &Arc<Admin>) -> PartJson {
    let own = Arc::clone(admin);
    let look = move || {
        let stores = own.gateway().stores();
        let looked = stores.with_register(|register| register.key_book().map(drop));
        looked.map_err(|error| error.to_string())
    };
    let why = admin.ledger_probe().why_not(admin.gateway().clock(), look);
    let why = why.await;
    PartJson {
        name: "ledger".to_owned(),
        ready: why.is_none(),
        why,
    }
}

/// Returns the state of the node, as the last calls show it.
fn node(admin: &Admin) -> PartJson {
    let health = admin.gateway().node_health();
    PartJson {
        name: "node".to_owned(),
        ready: health.up,
        why: health.last_error.filter(|_| !health.up),
    }
}

/// Returns the state of the upstreams of each route: one that is there is enough for its route.
async fn upstreams(admin: &Admin) -> Vec<PartJson> {
    let table = admin.gateway().table();
    let mut parts: Vec<PartJson> = Vec::new();
    for target in &table.targets {
        let names: Vec<_> = target.upstreams.all().map(ToString::to_string).collect();
        let name = format!("upstream {}", names.join(", "));
        if parts.iter().any(|part| part.name == name) {
            continue;
        }
        // Asks one that is down again, at most once a second. A short time: one that hangs is for buyers
        // to find out.
        let available = timeout(UPSTREAM_TIME, target.upstreams.is_available(true)).await;
        let ready = available.unwrap_or(false);
        parts.push(PartJson {
            name,
            ready,
            why: (!ready).then(|| "it accepts no connections".to_owned()),
        });
    }
    parts
}

/// Answers `/readyz`, by which a balancer sends requests here or elsewhere.
pub(super) async fn readyz(admin: &Arc<Admin>) -> AdminAnswer {
    let health = health(admin).await;
    let status = if health.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    json(status, &health)
}

/// Answers `/metrics`.
pub(super) fn metrics(admin: &Admin) -> AdminAnswer {
    let text = admin.gateway().metrics_text();
    answer(StatusCode::OK, crate::metrics::CONTENT_TYPE, text)
}
