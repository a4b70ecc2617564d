//! The configuration: limits, the file, reloads, the end, and the audit log.

use serde::Serialize;
use serde_json::Value;

use super::super::Admin;
use super::super::change::{self, Actor, AuditEntryJson, LimitsChange, PriceChange};
use super::super::problem::{Problem, ProblemKind};
use super::query::Query;
use super::routes::{PricesJson, all_prices};
use super::{Answered, ok};
use crate::Reloaded;
use crate::config::masked;

/// The outcome of a reload.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct ReloadedJson {
    /// Always true: a reload that fails is a problem document with all mistakes.
    reloaded: bool,
    /// The keys whose new values wait for a restart.
    waiting_for_restart: Vec<&'static str>,
}

/// The prices after a change.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct PricesSetJson {
    #[serde(flatten)]
    prices: PricesJson,
    /// The keys of the file whose new values wait for a restart.
    waiting_for_restart: Vec<&'static str>,
}

/// The end that was asked for.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct DrainingJson {
    /// Always true.
    draining: bool,
}

/// The new token for operators.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct TokenRotatedJson {
    /// Always true.
    rotated: bool,
    /// The file on the gateway's machine that holds it.
    file: String,
}

/// The configuration file.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct ConfigJson {
    /// The file; null if the gateway was started from the command line.
    file: Option<String>,
    /// The settings of the file as it is now, without comments, and with secrets masked.
    settings: Value,
}

/// Changes, the newest first.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct AuditJson {
    changes: Vec<AuditEntryJson>,
    /// The value of `before` for the next page; null at the end.
    next: Option<String>,
}

fn waiting(reloaded: &Reloaded) -> Vec<&'static str> {
    reloaded.waiting_for_restart().to_vec()
}

pub(super) fn draining() -> DrainingJson {
    DrainingJson { draining: true }
}

pub(super) fn rotate_token(admin: &Admin, actor: &Actor) -> Answered {
    admin.renew_token(actor)?;
    ok(&TokenRotatedJson {
        rotated: true,
        file: admin.token().path().display().to_string(),
    })
}

pub(super) fn reload(admin: &Admin, actor: &Actor) -> Answered {
    let reloaded = admin.reload(actor)?;
    ok(&ReloadedJson {
        reloaded: true,
        waiting_for_restart: waiting(&reloaded),
    })
}

pub(super) fn set_price(body: PriceChange, admin: &Admin, actor: &Actor) -> Answered {
    let reloaded = admin.set_price(&body, actor)?;
    ok(&PricesSetJson {
        prices: all_prices(admin),
        waiting_for_restart: waiting(&reloaded),
    })
}

pub(super) fn limits(admin: &Admin, query: &Query) -> Answered {
    query.only(&[])?;
    ok(&change::limits(&admin.gateway().live()))
}

pub(super) fn set_limits(body: LimitsChange, admin: &Admin, actor: &Actor) -> Answered {
    let reloaded = admin.set_limits(&body, actor)?;
    let mut limits = change::limits(&admin.gateway().live());
    limits["waiting_for_restart"] = waiting(&reloaded).into();
    ok(&limits)
}

pub(super) fn config(admin: &Admin, query: &Query) -> Answered {
    query.only(&[])?;
    let Some((path, _)) = admin.program().file() else {
        return ok(&ConfigJson {
            file: None,
            settings: Value::Null,
        });
    };
    let failed = |why: String| {
        let detail = format!("{} cannot be read: {why}", path.display());
        Problem::new(ProblemKind::Conflict, detail)
    };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    ok(&ConfigJson {
        file: Some(path.display().to_string()),
        settings: masked(&text).map_err(failed)?,
    })
}

pub(super) fn audit(admin: &Admin, query: &Query) -> Answered {
    query.only(&["limit", "before"])?;
    let rows = query.rows()?;
    let changes = admin.audit().entries(rows, query.get("before"));
    let changes = changes.map_err(|error| {
        let detail = format!("the audit log cannot be read: {error}");
        Problem::new(ProblemKind::Unavailable, detail)
    })?;
    let last = changes.last().filter(|_| changes.len() == rows);
    ok(&AuditJson {
        next: last.map(|entry| entry.id.clone()),
        changes,
    })
}
