//! The audit log: who changed what, and what came of it. One JSON object a line.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use http::request::Parts;
use l402_host::{Clock, private};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Change;

/// The size from which a further file begins, in bytes.
const FILE_MAX: u64 = 4 * 1024 * 1024;

/// The number of older files that are kept.
const OLDER: u32 = 3;

/// Who makes a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Actor {
    /// The address of the client, or `unix`.
    peer: String,
    /// The way of the change: `api`, `dashboard` or `file`.
    via: &'static str,
}

/// The address of the client of a request, in its extensions.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Peer(pub(in crate::admin) String);

impl Actor {
    /// Returns who made a request, by the API or by the dashboard.
    pub(crate) fn of(head: &Parts, via: &'static str) -> Self {
        let peer = head.extensions.get::<Peer>();
        Self {
            peer: peer.map_or_else(String::new, |peer| peer.0.clone()),
            via,
        }
    }

    pub(super) fn of_file() -> Self {
        Self {
            peer: String::new(),
            via: "file",
        }
    }
}

/// One change of the audit log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct AuditEntryJson {
    /// The id of the change, the same in each line about it.
    pub(crate) id: String,
    /// The time, in UTC.
    pub(crate) time: String,
    /// The change, such as `price` or `revoke`. Empty in a line that says what came of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) what: String,
    /// What was there before.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(crate) before: Value,
    /// What was to be there after.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(crate) after: Value,
    /// `begun`, `done` or `refused`. A change that only begun ended with the program.
    pub(crate) result: String,
    /// The reason of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    /// The address of the client; `unix` for a socket of Unix, empty for a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<String>,
    /// The way of the change: `api`, `dashboard` or `file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) via: Option<String>,
}

/// The audit log of a home.
pub(crate) struct AuditLog {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    writing: Mutex<()>,
}

impl AuditLog {
    pub(crate) fn at(path: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self {
            path,
            clock,
            writing: Mutex::default(),
        }
    }

    /// Writes that a change begins, durably. Returns its id.
    pub(super) fn begin(&self, change: &Change<'_>) -> io::Result<String> {
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(|error| io::Error::other(error.to_string()))?;
        let id = hex::encode(id);
        self.append(&AuditEntryJson {
            id: id.clone(),
            what: change.what.to_owned(),
            before: change.before.clone(),
            after: change.after.clone(),
            result: "begun".to_owned(),
            peer: Some(change.actor.peer.clone()),
            via: Some(change.actor.via.to_owned()),
            ..self.entry()
        })?;
        Ok(id)
    }

    /// Writes what came of a change: the reason of a refusal, or `None` if it was made.
    pub(super) fn end(&self, id: &str, why: Option<&str>) -> io::Result<()> {
        self.append(&AuditEntryJson {
            id: id.to_owned(),
            result: why.map_or("done", |_| "refused").to_owned(),
            why: why.map(str::to_owned),
            ..self.entry()
        })
    }

    fn entry(&self) -> AuditEntryJson {
        AuditEntryJson {
            time: self.clock.wall().to_rfc3339(),
            ..AuditEntryJson::default()
        }
    }

    fn append(&self, entry: &AuditEntryJson) -> io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        // Opened each time: the file may have been moved away, or be written by another process.
        let found = private::open(&self.path).map_err(io::Error::other)?;
        if found.metadata()?.len().saturating_add(line.len() as u64) > FILE_MAX {
            drop(found);
            self.begin_file()?;
            // The call below makes no file: this one does, and only the owner may read it.
            private::open(&self.path).map_err(io::Error::other)?;
        }
        let mut file = OpenOptions::new().append(true).open(&self.path)?;
        // In one piece, so that lines of two processes do not mix.
        file.write_all(&line)?;
        file.sync_all()
    }

    /// Moves the full file aside, and forgets the oldest one.
    fn begin_file(&self) -> io::Result<()> {
        // The highest first: otherwise a file would replace the next one before that has moved.
        for number in (1..OLDER).rev() {
            match fs::rename(self.older(number), self.older(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, self.older(1))?;
        private::sync_folder(&self.path);
        Ok(())
    }

    fn older(&self, number: u32) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        name.into()
    }

    /// Returns at most `most` changes, the newest first, each with what came of it; those before the
    /// change `before`, if one is named. Lines that nobody can read are left out.
    pub(crate) fn entries(
        &self,
        most: usize,
        before: Option<&str>,
    ) -> io::Result<Vec<AuditEntryJson>> {
        let mut ends: HashMap<String, AuditEntryJson> = HashMap::new();
        let mut found = Vec::new();
        let mut is_reached = before.is_none();
        let older = (1..=OLDER).map(|number| self.older(number));
        for path in std::iter::once(self.path.clone()).chain(older) {
            let text = read(&path)?;
            // Backwards, so that the end of a change is met before its begin, and joined to it.
            for line in text.lines().rev() {
                let Ok(entry) = serde_json::from_str::<AuditEntryJson>(line) else {
                    continue;
                };
                if entry.result != "begun" {
                    ends.insert(entry.id.clone(), entry);
                    continue;
                }
                let entry = ended(entry, &mut ends);
                if is_reached {
                    found.push(entry);
                } else {
                    is_reached = before == Some(&entry.id);
                }
                if found.len() >= most {
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }
}

/// Joins the two lines of a change.
fn ended(mut entry: AuditEntryJson, ends: &mut HashMap<String, AuditEntryJson>) -> AuditEntryJson {
    if let Some(end) = ends.remove(&entry.id) {
        entry.result = end.result;
        entry.why = end.why;
    }
    entry
}

fn read(path: &Path) -> io::Result<String> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use l402_host::ManualClock;
    use serde_json::json;

    use super::*;

    fn change(actor: &Actor, number: usize, size: usize) -> Change<'_> {
        Change {
            what: "price",
            before: json!({ "number": number }),
            after: json!({ "text": "x".repeat(size) }),
            actor,
        }
    }

    #[test]
    fn the_log_is_bounded_and_read_backwards() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(l402::UnixTime::from_secs(1_790_000_000)));
        let log = AuditLog::at(folder.path().join("audit.log"), clock);
        let actor = Actor::of_file();
        assert_eq!(log.entries(9, None).unwrap(), []);
        // Half a file each.
        let size = usize::try_from(FILE_MAX / 2).unwrap() - 1000;
        for number in 0..12 {
            let id = log.begin(&change(&actor, number, size)).unwrap();
            let why = (number % 2 == 1).then_some("no");
            log.end(&id, why).unwrap();
        }
        let files = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 1 + OLDER as usize);
        let all = log.entries(99, None).unwrap();
        let numbers: Vec<_> = all.iter().map(|entry| &entry.before["number"]).collect();
        assert_eq!(numbers, [11, 10, 9, 8, 7, 6, 5, 4]);
        assert_eq!((&*all[0].result, &*all[1].result), ("refused", "done"));
        assert_eq!(all[0].why.as_deref(), Some("no"));
        let next = log.entries(2, Some(&all[1].id)).unwrap();
        assert_eq!(next, all[2..4]);
    }
}
