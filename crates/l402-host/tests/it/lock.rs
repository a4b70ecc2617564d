//! Locks: one holder, and nothing left behind.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use l402_host::FileLock;

fn count(folder: &Path) -> usize {
    folder.read_dir().expect("a folder").count()
}

#[test]
fn one_holder_at_a_time_though_each_takes_the_file_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    let busy = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut held = 0;
                while held < 50 {
                    let Some(lock) = FileLock::try_take(&path).unwrap() else {
                        std::thread::yield_now();
                        continue;
                    };
                    assert!(!busy.swap(true, Ordering::SeqCst));
                    held += 1;
                    busy.store(false, Ordering::SeqCst);
                    drop(lock);
                }
            });
        }
    });
    assert_eq!(count(folder.path()), usize::from(cfg!(not(unix))));
}

#[test]
fn a_lock_is_abandoned_once_its_holder_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("owner.lock");
    assert!(FileLock::is_abandoned(&path), "none ever was");
    let lock = FileLock::create(&path).unwrap();
    assert!(!FileLock::is_abandoned(&path));
    assert!(FileLock::try_take(&path).unwrap().is_none());
    drop(lock);
    assert!(FileLock::is_abandoned(&path));
    std::fs::write(&path, "").unwrap();
    assert!(FileLock::is_abandoned(&path), "a crash has left it");
    assert_eq!(count(folder.path()), 0);
}
