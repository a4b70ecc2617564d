//! Paid answers that were had and not delivered, kept for the same request.
//!
//! A file holds the time at which it was kept, the head as JSON, and the body, each of the first
//! two on a line of its own. Its name is that of the request.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use l402::{PaymentHash, UnixTime};
use l402_host::private;
use serde_json::{Value, json};
use url::Url;

/// The longest body that is kept, in bytes.
pub(crate) const ANSWER_MAX: usize = 16 * 1024 * 1024;

/// The most that all files hold, in bytes. The oldest make way.
const FOLDER_MAX: u64 = 256 * 1024 * 1024;

/// The time for which an answer is kept.
const KEEP_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The most of a head that is read, in bytes.
const HEAD_MAX: u64 = 1024 * 1024;

/// The folder of kept answers, which need not exist.
#[derive(Clone, Debug)]
pub(crate) struct Answers(PathBuf);

/// A whole answer.
pub(crate) struct KeptAnswer {
    pub(crate) payment_hash: PaymentHash,
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) url: Url,
    pub(crate) body: Vec<u8>,
}

impl Answers {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Returns true if nothing is kept, as most of the time.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.read_dir().is_ok_and(|mut it| it.next().is_none()) || !self.0.exists()
    }

    /// Keeps an answer, durable when this returns. Blocks.
    pub(crate) fn keep(&self, name: &str, answer: &KeptAnswer, now: UnixTime) -> io::Result<()> {
        private::create_folder(&self.0).map_err(io::Error::other)?;
        let mut bytes = format!("{}\n{}\n", now.secs(), answer.head()).into_bytes();
        bytes.extend_from_slice(&answer.body);
        self.prune(now, bytes.len() as u64);
        private::replace(&self.0.join(name), &bytes).map_err(io::Error::other)
    }

    /// Returns the answer to a request that was kept within a day. Blocks. A file that cannot be
    /// read is taken away, and counts as none.
    pub(crate) fn find(&self, name: &str, now: UnixTime) -> Option<KeptAnswer> {
        self.prune(now, 0);
        let path = self.0.join(name);
        // Not opened if it is missing, for that would make it.
        path.symlink_metadata().ok()?;
        let read = private::open(&path)
            .map_err(io::Error::other)
            .and_then(read);
        match read {
            Ok(answer) => Some(answer),
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "a kept answer cannot be read");
                self.remove(name);
                None
            }
        }
    }

    /// Takes an answer away that was delivered.
    pub(crate) fn remove(&self, name: &str) {
        // One that stays is delivered once more, and ends with its day.
        let _ = std::fs::remove_file(self.0.join(name));
    }

    /// Takes away what is older than a day, and the oldest beyond the size of the folder less
    /// `needed`.
    fn prune(&self, now: UnixTime, needed: u64) {
        let mut files: Vec<(u64, u64, PathBuf)> = Vec::new();
        for entry in self.0.read_dir().into_iter().flatten().flatten() {
            let size = entry.metadata().map_or(0, |found| found.len());
            files.push((kept_at(&entry.path()), size, entry.path()));
        }
        files.sort_unstable_by(|a, b| b.cmp(a));
        let mut sum = needed;
        for (kept, size, path) in files {
            sum = sum.saturating_add(size);
            let is_old = kept.saturating_add(KEEP_TIME.as_secs()) <= now.secs();
            // Ahead of the clock: it was set back, and the time of such a file says nothing.
            let is_ahead = kept > now.secs().saturating_add(KEEP_TIME.as_secs());
            if is_old || is_ahead || sum > FOLDER_MAX {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

/// Returns the time in the first line of a file, 0 if there is none: a draft of a crash is old.
fn kept_at(path: &Path) -> u64 {
    let read = || {
        let is_file = path.symlink_metadata().ok()?.is_file();
        let mut line = String::new();
        let file = is_file.then(|| File::open(path))?.ok()?;
        BufReader::new(file.take(24)).read_line(&mut line).ok()?;
        line.strip_suffix('\n')?.parse().ok()
    };
    read().unwrap_or(0)
}

fn read(file: File) -> io::Result<KeptAnswer> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidData);
    let mut file = BufReader::new(file);
    let (mut time, mut head) = (String::new(), String::new());
    file.by_ref().take(24).read_line(&mut time)?;
    file.by_ref().take(HEAD_MAX).read_line(&mut head)?;
    let head: Value = serde_json::from_str(&head).map_err(|_| invalid())?;
    let mut body = Vec::new();
    file.take(ANSWER_MAX as u64 + 1).read_to_end(&mut body)?;
    KeptAnswer::of(&head, body).ok_or_else(invalid)
}

impl KeptAnswer {
    /// Returns the head as JSON without a line feed.
    fn head(&self) -> Value {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| json!([name.as_str(), hex::encode(value)]));
        json!({
            "payment_hash": self.payment_hash.to_string(),
            "status": self.status.as_u16(),
            "version": format!("{:?}", self.version),
            "url": self.url.as_str(),
            "headers": headers.collect::<Vec<_>>(),
        })
    }

    fn of(head: &Value, body: Vec<u8>) -> Option<Self> {
        let text = |name: &str| head.get(name)?.as_str();
        let version = text("version")?;
        let versions = [
            Version::HTTP_10,
            Version::HTTP_11,
            Version::HTTP_2,
            Version::HTTP_3,
        ];
        // A name may come several times, so that they are a list of pairs.
        let mut headers = HeaderMap::new();
        for pair in head.get("headers")?.as_array()? {
            let name = HeaderName::try_from(pair.get(0)?.as_str()?).ok()?;
            let value = hex::decode(pair.get(1)?.as_str()?).ok()?;
            headers.append(name, HeaderValue::from_bytes(&value).ok()?);
        }
        let status = u16::try_from(head.get("status")?.as_u64()?).ok()?;
        Some(Self {
            payment_hash: text("payment_hash")?.parse().ok()?,
            status: StatusCode::from_u16(status).ok()?,
            version: versions
                .into_iter()
                .find(|it| format!("{it:?}") == version)?,
            headers,
            url: text("url")?.parse().ok()?,
            body,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    fn answer(body: Vec<u8>) -> KeptAnswer {
        let headers = [("x-a", &b"1"[..]), ("x-a", b"2"), ("x-b", b"\xff")];
        let headers = headers.map(|(name, value)| {
            let value = HeaderValue::from_bytes(value).expect("a value");
            (HeaderName::from_static(name), value)
        });
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        KeptAnswer {
            payment_hash: PaymentHash::from_bytes([7; 32]),
            status: StatusCode::OK,
            version: Version::HTTP_11,
            headers: map,
            url: "https://a.example/x?y".parse().expect("a url"),
            body,
        }
    }

    #[test]
    fn an_answer_comes_back_as_it_was_within_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let answers = Answers::new(folder.path().join("answers"));
        assert!(answers.is_empty());
        let kept = answer(b"two\nlines\n\xff".to_vec());
        answers.keep("name", &kept, NOW).unwrap();
        assert!(!answers.is_empty());
        assert!(answers.find("other", NOW).is_none());
        let last = NOW.saturating_add(KEEP_TIME - Duration::from_secs(1));
        let found = answers.find("name", last).unwrap();
        assert_eq!((found.head(), &found.body), (kept.head(), &kept.body));
        assert!(
            answers
                .find("name", NOW.saturating_add(KEEP_TIME))
                .is_none()
        );
        assert!(answers.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_one() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let answers = Answers::new(folder.path().join("answers"));
        answers.keep("name", &answer(Vec::new()), NOW).unwrap();
        let file = folder.path().join("answers/name");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_oldest_make_way_and_a_draft_of_a_crash_goes() {
        let folder = tempfile::tempdir().unwrap();
        let answers = Answers::new(folder.path().to_owned());
        let at = |secs| NOW.saturating_add(Duration::from_secs(secs));
        for (secs, name) in [(0, "oldest"), (2, "newest"), (1, "older")] {
            answers.keep(name, &answer(vec![0; 10]), at(secs)).unwrap();
        }
        std::fs::write(folder.path().join(".l402-0.draft"), "half").unwrap();
        // As if the folder were full but for two files.
        let size = folder.path().join("oldest").metadata().unwrap().len();
        answers.prune(at(3), FOLDER_MAX - 2 * size);
        let left = |name: &str| answers.find(name, at(3)).is_some();
        assert_eq!(
            [left("oldest"), left("older"), left("newest")],
            [false, true, true]
        );
        assert_eq!(folder.path().read_dir().unwrap().count(), 2);
    }

    #[test]
    fn a_broken_file_counts_as_none_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let answers = Answers::new(folder.path().to_owned());
        for text in ["", "1800000000\n", "1800000000\n{}\nbody", "x\ny\nz"] {
            std::fs::write(folder.path().join("name"), text).unwrap();
            assert!(answers.find("name", NOW).is_none(), "{text}");
            assert!(answers.is_empty(), "{text}");
        }
    }
}
