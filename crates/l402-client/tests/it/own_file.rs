//! A file of the caller's own is sent from where it lies, and never as something else than was asked
//! and paid for.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use l402::Msat;
use l402_client::{Body, Error, Event, Progress, Quote, Request, State};

use crate::world::World;

const LEN: usize = 3 * 1024 * 1024;

/// Longer than a file must not have changed to be sent as it lies there.
const REST: Duration = Duration::from_millis(3_100);

type Change = fn(&Path);

/// Changes a file at a moment of the purchase.
struct Changing {
    file: PathBuf,
    before_payment: Option<Change>,
    after_payment: Option<Change>,
    spool: PathBuf,
    spooled: Mutex<bool>,
}

impl Progress for Changing {
    fn event(&self, event: &Event) {
        if let (Event::Paid { .. }, Some(change)) = (event, self.after_payment) {
            change(&self.file);
        }
    }

    fn approve(&self, _: &Quote) -> bool {
        *self.spooled.lock().expect("no panic before") = self.spool.exists();
        if let Some(change) = self.before_payment {
            change(&self.file);
        }
        true
    }
}

/// A buyer with a file that has not changed for a while.
struct Uploader {
    world: World,
    file: PathBuf,
    sum: (usize, u64),
}

impl Uploader {
    async fn new() -> Self {
        let world = World::new().await;
        let file = world.home.path().join("film");
        let bytes: Vec<u8> = (0..=250).cycle().take(LEN).collect();
        fs::write(&file, &bytes).expect("a file");
        let mut sum = DefaultHasher::new();
        sum.write(&bytes);
        let sum = (LEN, sum.finish());
        Self { world, file, sum }
    }

    /// Uploads the file, which changes before or after the payment.
    async fn send(
        &self,
        before_payment: Option<Change>,
        after_payment: Option<Change>,
    ) -> Result<String, Error> {
        let spool = self.world.folder().join("spool");
        let changing = Arc::new(Changing {
            file: self.file.clone(),
            before_payment,
            after_payment,
            spool,
            spooled: Mutex::new(false),
        });
        let client = self.world.builder().progress(changing.clone()).build()?;
        let request = Request::new(Method::POST, self.world.server.url("/joke"));
        let answer = client.send(request.with_body(Body::file(&self.file))).await;
        assert!(
            !*changing.spooled.lock().expect("no panic before"),
            "the file was copied"
        );
        let body = answer?.bytes(1024).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}

/// Several buyers whose files have not changed for a while.
async fn rested<const N: usize>() -> Vec<Uploader> {
    let mut all = Vec::new();
    for _ in 0..N {
        all.push(Uploader::new().await);
    }
    tokio::time::sleep(REST).await;
    all
}

fn write(path: &Path) {
    let file = File::options().write(true).open(path).expect("a file");
    file.write_all_at(b"other", 1024 * 1024).expect("a file");
}

/// The time of the last change is put back, as some programs do.
fn write_unseen(path: &Path) {
    let before = fs::metadata(path)
        .expect("a file")
        .modified()
        .expect("a file");
    write(path);
    let file = File::options().write(true).open(path).expect("a file");
    file.set_modified(before).expect("a file");
    assert_eq!(
        fs::metadata(path)
            .expect("a file")
            .modified()
            .expect("a file"),
        before
    );
}

fn cut(path: &Path) {
    let file = File::options().write(true).open(path).expect("a file");
    file.set_len(LEN as u64 - 1).expect("a file");
}

fn grow(path: &Path) {
    let mut file = File::options().append(true).open(path).expect("a file");
    file.write_all(b"more").expect("a file");
}

fn replace(path: &Path) {
    let other = path.with_extension("new");
    fs::write(&other, vec![0; LEN]).expect("a file");
    fs::rename(other, path).expect("a file");
}

fn touch(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("a file");
    let file = File::options().write(true).open(path).expect("a file");
    file.set_modified(std::time::UNIX_EPOCH).expect("a file");
}

#[tokio::test]
async fn a_file_is_sent_twice_from_where_it_lies() {
    let all = rested::<1>().await;
    let own = &all[0];
    assert_eq!(own.send(None, None).await.unwrap(), "a joke");
    assert_eq!(own.world.server.seen().bodies, [own.sum, own.sum]);
}

/// ATTACKS C-26: whatever became of the file, no money moves for something else than was asked.
#[tokio::test]
async fn a_file_that_changes_before_the_payment_is_not_paid_for() {
    let changes: [(&str, Change); 5] = [
        ("written", write),
        ("written with its time put back", write_unseen),
        ("cut", cut),
        ("grown", grow),
        ("replaced", replace),
    ];
    let all = rested::<5>().await;
    for (own, (what, change)) in all.iter().zip(changes) {
        let error = own.send(Some(change), None).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Body { .. }), "{what}: {text}");
        assert!(text.contains("film has changed"), "{what}: {text}");
        assert!(text.ends_with("no money moved"), "{what}: {text}");
        assert_eq!(own.world.spent().await, Msat::ZERO, "{what}");
        assert_eq!(own.world.states(), [State::Failed], "{what}");
        assert_eq!(own.world.server.seen().presented, 0, "{what}");
    }
}

/// The connection is broken off before the end, so that the server never has the whole of another
/// request. What was paid stays, for the file as it was.
#[tokio::test]
async fn a_file_that_changes_after_the_payment_is_never_sent_whole() {
    let changes: [(&str, Change); 3] = [
        ("written", write),
        ("written with its time put back", write_unseen),
        ("cut", cut),
    ];
    let all = rested::<4>().await;
    for (own, (what, change)) in all.iter().zip(changes) {
        let error = own.send(None, Some(change)).await.unwrap_err();
        let text = error.to_string();
        let stays = matches!(
            error,
            Error::PaidButFailed {
                retry_same_token: true,
                ..
            }
        );
        assert!(stays, "{what}: {text}");
        assert!(text.contains("film has changed"), "{what}: {text}");
        assert_eq!(own.world.states(), [State::Paid], "{what}");
        let second = own.world.server.seen().bodies.get(1).copied();
        assert!(second.is_none_or(|(len, _)| len < LEN), "{what}");
        // The same request again is the one that was paid for.
        let paid = own.world.spent().await;
        let bytes: Vec<u8> = (0..=250).cycle().take(LEN).collect();
        fs::write(&own.file, &bytes).unwrap();
        let request = Request::new(Method::POST, own.world.server.url("/joke"));
        let request = request.with_body(bytes);
        let answer = own.world.client().send(request).await.unwrap();
        assert_eq!(answer.bytes(1024).await.unwrap(), "a joke", "{what}");
        assert_eq!(own.world.spent().await, paid, "{what}");
    }
    // Of what was paid for, the content decides alone.
    let own = &all[3];
    assert_eq!(own.send(None, Some(touch)).await.unwrap(), "a joke");
    assert_eq!(own.world.server.seen().bodies, [own.sum, own.sum]);
}

/// Another change may follow without another time.
#[tokio::test]
async fn a_file_that_changed_just_now_is_copied() {
    let own = Uploader::new().await;
    let request = Request::new(Method::POST, own.world.server.url("/joke"));
    let client = own.world.client();
    let answer = client.send(request.with_body(Body::file(&own.file))).await;
    assert_eq!(answer.unwrap().bytes(1024).await.unwrap(), "a joke");
    assert!(own.world.folder().join("spool").is_dir());
    assert_eq!(own.world.server.seen().bodies, [own.sum, own.sum]);
}
