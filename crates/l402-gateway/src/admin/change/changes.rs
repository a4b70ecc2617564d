//! What each change does, between its two entries of the audit log.

use std::sync::PoisonError;

use l402::{KeyNumber, UnixTime};
use serde_json::{Value, json};

use super::super::problem::{Problem, ProblemKind};
use super::super::state::Admin;
use super::audit::Actor;
use crate::run::{ToRevoke, TokensEnded, all_revocations, revoke};
use crate::{KeyLine, Reloaded};

/// What is written down of a change.
pub(super) struct Change<'a> {
    pub(super) what: &'static str,
    pub(super) before: Value,
    pub(super) after: Value,
    pub(super) actor: &'a Actor,
}

impl Admin {
    /// Makes a change between two entries of the audit log. Blocks.
    pub(super) fn write_down<T>(
        &self,
        change: &Change<'_>,
        work: impl FnOnce() -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let id = self.audit().begin(change).map_err(|error| {
            let detail = format!("nothing was changed: the audit log cannot be written: {error}");
            Problem::new(ProblemKind::AuditLog, detail)
        })?;
        let done = work();
        let why = done.as_ref().err().map(Problem::summary);
        if let Err(error) = self.audit().end(&id, why.as_deref()) {
            // The begin is on disk, so the change itself is known.
            tracing::error!(%error, "the outcome of a change cannot be written to the audit log");
        }
        done
    }

    /// Makes changes wait for one another.
    pub(super) fn one_at_a_time(&self) -> std::sync::MutexGuard<'_, ()> {
        let changing = self.changing().lock();
        changing.unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the configuration file again, and serves what it says: all of it or nothing. Blocks.
    ///
    /// # Errors
    /// [`Problem`] with all mistakes. Then nothing has changed.
    pub(crate) fn reload(&self, actor: &Actor) -> Result<Reloaded, Problem> {
        let _one = self.one_at_a_time();
        let change = Change {
            what: "reload",
            before: Value::Null,
            after: self.file_name(),
            actor,
        };
        self.write_down(&change, || Ok(self.program().reload(self.gateway())?))
    }

    /// Writes down a reload that nobody asked the API for: of a file that has changed, or by a signal.
    pub(in crate::admin) fn note_reload(&self, why: Option<&str>) {
        let actor = Actor::of_file();
        let change = Change {
            what: "reload",
            before: Value::Null,
            after: self.file_name(),
            actor: &actor,
        };
        // The reload is over, so it cannot be refused if this fails.
        let noted = self
            .audit()
            .begin(&change)
            .and_then(|id| self.audit().end(&id, why));
        if let Err(error) = noted {
            tracing::error!(%error, "a reload cannot be written to the audit log");
        }
    }

    fn file_name(&self) -> Value {
        let file = self.program().file();
        json!({ "file": file.map(|(path, _)| path.display().to_string()) })
    }

    /// Ends tokens before their time. Blocks.
    ///
    /// # Errors
    /// [`Problem`] if the ledger cannot be written. Then nothing was revoked.
    pub(crate) fn revoke(&self, what: &ToRevoke, actor: &Actor) -> Result<TokensEnded, Problem> {
        let _one = self.one_at_a_time();
        let change = Change {
            what: "revoke",
            before: Value::Null,
            after: named(what),
            actor,
        };
        let now = self.gateway().clock().wall();
        self.write_down(&change, || {
            let stores = self.gateway().stores();
            Ok(stores.with_register(|register| revoke(register, what, now))?)
        })
    }

    /// Returns all revocations, the oldest first. Blocks.
    pub(crate) fn revocations(
        &self,
    ) -> Result<Vec<(i64, l402_server::revoked::Revocation)>, Problem> {
        Ok(self.gateway().stores().with_register(all_revocations)?)
    }

    /// Begins the next key number, with a master key of its own if `new_master`. Blocks.
    ///
    /// # Errors
    /// [`Problem`] as `l402 keys rotate` refuses.
    pub(crate) fn rotate_key(&self, new_master: bool, actor: &Actor) -> Result<KeyLine, Problem> {
        let _one = self.one_at_a_time();
        let change = Change {
            what: "keys.rotate",
            before: self.minting(),
            after: json!({ "new_master": new_master }),
            actor,
        };
        let (keys, now) = (self.gateway().seller_keys(), self.gateway().clock().wall());
        self.write_down(&change, || {
            if new_master {
                return Ok(keys.rotate_master(now)?.0);
            }
            Ok(keys.rotate(now)?)
        })
    }

    /// Ends a key number at a time. Blocks.
    ///
    /// # Errors
    /// [`Problem`] as `l402 keys retire` refuses.
    pub(crate) fn retire_key(
        &self,
        number: KeyNumber,
        until: Option<UnixTime>,
        actor: &Actor,
    ) -> Result<KeyLine, Problem> {
        let _one = self.one_at_a_time();
        let until = until.unwrap_or_else(|| self.gateway().clock().wall());
        let change = Change {
            what: "keys.retire",
            before: json!({ "number": number.0 }),
            after: json!({ "number": number.0, "until": until.to_rfc3339() }),
            actor,
        };
        let keys = self.gateway().seller_keys();
        self.write_down(&change, || Ok(keys.retire(number, until)?))
    }

    /// Makes a new token for operators, and ends all sessions of the dashboard. Blocks.
    ///
    /// # Errors
    /// [`Problem`] if the file of the token cannot be written. Then the old token stays.
    pub(crate) fn renew_token(&self, actor: &Actor) -> Result<(), Problem> {
        let _one = self.one_at_a_time();
        let change = Change {
            what: "token.rotate",
            before: Value::Null,
            after: json!({ "file": self.token().path().display().to_string() }),
            actor,
        };
        self.write_down(&change, || {
            // The token first: if it cannot be written, the old one stays, and so do the sessions.
            self.token().renew()?;
            self.page().end_sessions();
            Ok(())
        })
    }

    fn minting(&self) -> Value {
        // Only for the audit log: an error here does not keep anybody from the change.
        let lines = self.gateway().seller_keys().list().unwrap_or_default();
        let mints = lines.iter().find(|line| line.mints);
        json!({ "number": mints.map(|line| line.number.0) })
    }

    /// Ends the program as a signal does: requests under way may end. Returns at once. Blocks for the
    /// audit log.
    ///
    /// # Errors
    /// [`Problem`] if it cannot be written down.
    pub(crate) fn drain(&self, actor: &Actor) -> Result<(), Problem> {
        // Without waiting for another change: one that hangs must not keep the program from ending.
        let change = Change {
            what: "drain",
            before: json!({ "draining": self.is_draining() }),
            after: json!({ "draining": true }),
            actor,
        };
        self.write_down(&change, || {
            // First, so that a balancer that looks now sends nobody here any more.
            self.begin_draining();
            self.program().stop();
            Ok(())
        })
    }
}

/// Names what is ended.
fn named(what: &ToRevoke) -> Value {
    match what {
        ToRevoke::Token(id) => json!({ "token": hex::encode(id.as_bytes()) }),
        ToRevoke::Payment(hash) => json!({ "payment_hash": hex::encode(hash.as_bytes()) }),
        ToRevoke::Minted { before, service } => json!({
            "before": before.to_rfc3339(),
            "service": service.as_ref().map(l402::Service::as_str),
        }),
    }
}
