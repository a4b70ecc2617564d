//! The choice of the passes that a browser has to give up, since it has too many.

use http::header::HeaderMap;
use l402::{UnixTime, VerifyError};

use super::sealed::Contents;
use crate::request::{MOST, PassCookies};
use crate::table::Snapshot;

/// The most bytes of passes in a request: with the cookies of a service, they have to fit into the 8 KiB that
/// many servers take of a header.
const MOST_BYTES: usize = 6 * 1024;

/// What a buyer loses with a pass. The least goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    /// It has ended, or opens nothing.
    Nothing,
    /// One answer at one place, which was probably given.
    Page,
    /// Some uses, or nobody can say here.
    Uses,
    /// All of a service until its end.
    Service,
}

/// Returns the names of the passes of a request that have to go, so that with the new one, of this name and
/// value, there are no more than are looked at and none that a header has no room for. Of equal ones the oldest
/// go, which a browser sends first.
pub(crate) fn surplus(
    headers: &HeaderMap,
    (name, value): (&str, &str),
    snapshot: &Snapshot,
    now: UnixTime,
) -> Vec<String> {
    let size = |name: &str, value: &str| name.len() + value.len() + "=; ".len();
    let others = PassCookies::named(headers).into_iter();
    let mut others: Vec<_> = others
        // The new one takes its place.
        .filter(|(other, _)| other != name)
        .map(|(name, value)| (worth(&value, snapshot, now), size(&name, &value), name))
        .collect();
    let (mut count, mut bytes) = (others.len() + 1, size(name, value));
    bytes += others.iter().map(|(_, size, _)| size).sum::<usize>();
    others.sort_by_key(|(worth, ..)| *worth);
    let mut gone = Vec::new();
    for (_, size, name) in others {
        if count <= MOST && bytes <= MOST_BYTES {
            break;
        }
        (count, bytes) = (count - 1, bytes - size);
        gone.push(name);
    }
    gone
}

fn worth(value: &str, snapshot: &Snapshot, now: UnixTime) -> Worth {
    let pass = match Contents::open(value, snapshot.keys(), now) {
        Ok(pass) => pass,
        Err(VerifyError::KeyMissing) => return Worth::Uses,
        Err(_) => return Worth::Nothing,
    };
    let token = pass.proven.token();
    let Some(service) = token.minted_service() else {
        return Worth::Nothing;
    };
    if snapshot.has_revoked_token(token, &service) {
        return Worth::Nothing;
    }
    let policy = token.minted_policy(&service);
    match policy.map(|policy| policy.uses().is_some()) {
        _ if pass.place.is_some() => Worth::Page,
        Some(false) => Worth::Service,
        _ => Worth::Uses,
    }
}
