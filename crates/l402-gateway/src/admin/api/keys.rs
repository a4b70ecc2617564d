//! The keys of the seller: numbers and states, never the keys themselves.

use l402::{KeyNumber, UnixTime};
use serde::{Deserialize, Serialize};

use super::super::Admin;
use super::super::change::Actor;
use super::super::problem::Problem;
use super::query::{Query, wrong};
use super::{Answered, ok};
use crate::KeyLine;

/// One key number.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct KeyJson {
    /// The number in its tokens.
    number: u16,
    /// The state: `mints`, `waits` (for gateways that lack its key), `good` or `ended`.
    state: &'static str,
    /// The fingerprint of its master key, which says nothing about the key.
    fingerprint: String,
    /// The time since which it mints or waits.
    began: String,
    /// The time from which its tokens are refused.
    until: Option<String>,
    /// True if its key is in this home.
    is_here: bool,
    /// The running gateways that have its key.
    held_by: Vec<String>,
    /// The running gateways that lack its key.
    lacked_by: Vec<String>,
}

/// All key numbers, the lowest first.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct KeysJson {
    keys: Vec<KeyJson>,
}

/// The next key number.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct RotateKey {
    /// True to make a new master key for it, in a new file of the home.
    new_master: bool,
}

/// The end of a key number.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct RetireKey {
    /// The time, as 2026-11-30T12:00:00Z; now, if it is missing.
    until: Option<String>,
}

fn line(line: KeyLine, now: UnixTime) -> KeyJson {
    KeyJson {
        number: line.number.0,
        state: line.state(now),
        fingerprint: line.fingerprint,
        began: line.began.to_rfc3339(),
        until: line.until.map(|until| until.to_rfc3339()),
        is_here: line.is_here,
        held_by: line.held_by,
        lacked_by: line.lacked_by,
    }
}

/// Reads a number in a path.
pub(super) fn number(text: &str) -> Result<KeyNumber, Problem> {
    let number = text.parse().map(KeyNumber);
    number.map_err(|_| wrong("number", "write the number of a key, such as 2"))
}

pub(super) fn list(admin: &Admin, query: &Query) -> Answered {
    query.only(&[])?;
    let now = admin.gateway().clock().wall();
    let lines = admin.gateway().seller_keys().list()?;
    ok(&KeysJson {
        keys: lines.into_iter().map(|one| line(one, now)).collect(),
    })
}

pub(super) fn rotate(body: RotateKey, admin: &Admin, actor: &Actor) -> Answered {
    let begun = admin.rotate_key(body.new_master, actor)?;
    ok(&line(begun, admin.gateway().clock().wall()))
}

pub(super) fn retire(
    number: KeyNumber,
    body: &RetireKey,
    admin: &Admin,
    actor: &Actor,
) -> Answered {
    let until = body.until.as_deref().map(UnixTime::from_rfc3339);
    let until = until
        .transpose()
        .map_err(|error| wrong("until", &error.to_string()))?;
    let retired = admin.retire_key(number, until, actor)?;
    ok(&line(retired, admin.gateway().clock().wall()))
}
