//! Revocations: what was ended before its time.

use l402::UnixTime;
use l402_server::revoked::{Revocation, Revoke};
use serde::{Deserialize, Serialize};

use super::super::Admin;
use super::super::change::Actor;
use super::super::problem::{Problem, ProblemKind};
use super::query::{Query, wrong};
use super::{Answered, ok};
use crate::run::{ToRevoke, payment_hash_of, token_id_of};

/// One revocation.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct RevocationJson {
    /// The number in the list, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<i64>,
    /// The token that has ended.
    token: Option<String>,
    /// The payment whose tokens have ended.
    payment_hash: Option<String>,
    /// The service whose tokens have ended, if they were minted before `before`.
    service: Option<String>,
    /// The time before which ended tokens were minted.
    before: Option<String>,
    /// Tokens of this key number and above are spared by `before`.
    spares_from_key: Option<u16>,
    /// The time of the revocation.
    revoked: String,
}

/// Revocations, the oldest first.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct RevocationsJson {
    revocations: Vec<RevocationJson>,
    /// The value of `after` for the next page; null at the end.
    next: Option<i64>,
}

/// A revocation that was made.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct RevokedJson {
    revoked: RevocationJson,
    /// False if it was revoked before.
    new: bool,
    /// The time within which every gateway refuses it, in milliseconds.
    known_within_ms: u32,
}

/// Tokens that are to be ended: of a payment, of a service, or minted before a time.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct NewRevocation {
    /// The payment: 64 hex digits. Alone.
    payment_hash: Option<String>,
    /// The service; with or without `before`.
    service: Option<String>,
    /// The time, which has come; now, if a service is named alone.
    before: Option<String>,
}

fn entry(revocation: &Revocation, number: Option<i64>) -> RevocationJson {
    let mut entry = RevocationJson {
        number,
        revoked: revocation.revoked.to_rfc3339(),
        ..RevocationJson::default()
    };
    match &revocation.what {
        Revoke::Token(id) => entry.token = Some(hex::encode(id.as_bytes())),
        Revoke::Payment(hash) => entry.payment_hash = Some(hex::encode(hash.as_bytes())),
        Revoke::Minted {
            before,
            service,
            spares,
        } => {
            entry.service = service.as_ref().map(ToString::to_string);
            entry.before = Some(before.to_rfc3339());
            entry.spares_from_key = spares.map(|number| number.0);
        }
        // A kind that the library adds before it is known here.
        _ => {}
    }
    entry
}

pub(super) fn list(admin: &Admin, query: &Query) -> Answered {
    query.only(&["limit", "after"])?;
    let rows = query.rows()?;
    let after = query.get("after").map(str::parse).transpose();
    let after = after.map_err(|_| wrong("after", "write the number of a revocation"))?;
    let stores = admin.gateway().stores();
    let most = u32::try_from(rows).unwrap_or(u32::MAX);
    let found =
        stores.with_register(|register| register.revoked_after(after.unwrap_or_default(), most))?;
    let last = found.last().filter(|_| found.len() == rows);
    ok(&RevocationsJson {
        next: last.map(|(number, _)| *number),
        revocations: found
            .iter()
            .map(|(number, one)| entry(one, Some(*number)))
            .collect(),
    })
}

pub(super) fn revoke(body: NewRevocation, admin: &Admin, actor: &Actor) -> Answered {
    let what = to_revoke(&body, admin.gateway().clock().wall())?;
    end(&what, admin, actor)
}

fn end(what: &ToRevoke, admin: &Admin, actor: &Actor) -> Answered {
    let ended = admin.revoke(what, actor)?;
    ok(&RevokedJson {
        revoked: entry(&ended.revocation, None),
        new: ended.is_new,
        known_within_ms: 1000,
    })
}

pub(super) fn revoke_token(id: &str, admin: &Admin, actor: &Actor) -> Answered {
    let id = token_id_of(id).map_err(|text| wrong("token", &text))?;
    end(&ToRevoke::Token(id), admin, actor)
}

fn to_revoke(body: &NewRevocation, now: UnixTime) -> Result<ToRevoke, Problem> {
    let bad = |text: String| Problem::new(ProblemKind::BadBody, text);
    match body {
        NewRevocation {
            payment_hash: Some(hash),
            service: None,
            before: None,
        } => {
            let hash =
                payment_hash_of(hash).map_err(|text| bad(format!("payment_hash: {text}")))?;
            Ok(ToRevoke::Payment(hash))
        }
        // One of the two has to be there: an empty body would end all tokens.
        NewRevocation {
            payment_hash: None,
            service,
            before,
        } if service.is_some() || before.is_some() => {
            let service = service.as_deref().map(str::parse).transpose();
            let service =
                service.map_err(|error: l402::ServiceError| bad(format!("service: {error}")))?;
            let before = before.as_deref().map(UnixTime::from_rfc3339).transpose();
            let before = before
                .map_err(|error| bad(format!("before: {error}")))?
                .unwrap_or(now);
            if before > now {
                return Err(bad("before: this time has not come yet".to_owned()));
            }
            Ok(ToRevoke::Minted { before, service })
        }
        _ => Err(bad(
            "name payment_hash alone, or service, before or both".to_owned()
        )),
    }
}
