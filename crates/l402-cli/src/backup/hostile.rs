//! Archives that somebody has changed, and homes that are in use.

use std::fs;
use std::path::{Path, PathBuf};

use super::list::{self, File, Files};
use super::{pack, restore};

/// A folder with a home and a backup of it.
struct World {
    folder: tempfile::TempDir,
    home: PathBuf,
    tar: PathBuf,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [home, tar] = ["home", "a.tar"].map(|name| folder.path().join(name));
        for name in ["wallets", "attempts/my-wal", "client/locks"] {
            fs::create_dir_all(home.join(name)).unwrap();
        }
        fs::write(home.join("master.key"), [7; 700]).unwrap();
        fs::write(home.join("wallets/a.toml"), [8; 1500]).unwrap();
        Self { folder, home, tar }
    }

    fn pack(&self) {
        pack(&self.home, &self.tar, "2026-12-01T00:00:00Z").unwrap();
    }

    fn to(&self) -> PathBuf {
        self.folder.path().join("new")
    }

    fn restore(&self) -> Result<(), String> {
        let to = self.to();
        restore(&self.tar, &to, false, |_| Ok(()))
            .map(drop)
            .map_err(|error| error.to_string())
    }

    /// Asserts that a restore is refused, and that nothing is there beside what was.
    fn refuses(&self, why: &str) {
        assert!(self.restore().is_err(), "{why}");
        assert!(!self.to().exists(), "{why}");
        assert_eq!(self.left_over(), 0, "{why}");
        assert!(!self.folder.path().join("evil").exists(), "{why}");
    }

    fn left_over(&self) -> usize {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        entries
            .filter(|e| {
                e.as_ref()
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .starts_with('.')
            })
            .count()
    }
}

fn entry(archive: &mut tar::Builder<fs::File>, path: &str, kind: tar::EntryType, bytes: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o600);
    header.set_entry_type(kind);
    // Written by hand, since the crate refuses such paths itself.
    header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
    if kind.is_symlink() || kind.is_hard_link() {
        header.set_link_name("../evil").unwrap();
    }
    header.set_cksum();
    archive.append(&header, bytes).unwrap();
}

fn archive(path: &Path, listed: &[(&str, u64)], entries: &[(&str, tar::EntryType, &[u8])]) {
    use sha2::{Digest as _, Sha256};
    let mut files = Files::new();
    for (name, size) in listed {
        let bytes = entries
            .iter()
            .find(|e| e.0 == *name)
            .map_or(&b""[..], |e| e.2);
        let sha256 = hex::encode(Sha256::digest(bytes));
        files.insert(
            (*name).to_owned(),
            File {
                size: *size,
                sha256,
            },
        );
    }
    let mut archive = tar::Builder::new(fs::File::create(path).unwrap());
    let list = list::write(&files, "2026-12-01T00:00:00Z");
    entry(&mut archive, list::NAME, tar::EntryType::Regular, &list);
    for (name, kind, bytes) in entries {
        entry(&mut archive, name, *kind, bytes);
    }
    archive.finish().unwrap();
}

#[test]
fn a_backup_comes_back_as_it_was() {
    let world = World::new();
    world.pack();
    world.restore().unwrap();
    assert_eq!(fs::read(world.to().join("master.key")).unwrap(), [7; 700]);
    assert_eq!(
        fs::read(world.to().join("wallets/a.toml")).unwrap(),
        [8; 1500]
    );
    assert_eq!(world.left_over(), 0);
}

#[test]
fn a_backup_that_is_cut_or_changed_is_refused() {
    let world = World::new();
    world.pack();
    let whole = fs::read(&world.tar).unwrap();
    // Behind the last file stand two empty blocks, which say nothing.
    let last = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for at in (0..last).step_by(512).chain([last - 1]) {
        fs::write(&world.tar, &whole[..at]).unwrap();
        world.refuses(&format!("cut at {at} of {last}"));
    }
    for at in (0..last).step_by(97) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&world.tar, &changed).unwrap();
        // What a change of the mode or of an owner says is not read; contents and names are held.
        if world.restore().is_ok() {
            assert_eq!(
                fs::read(world.to().join("master.key")).unwrap(),
                [7; 700],
                "{at}"
            );
            assert_eq!(
                fs::read(world.to().join("wallets/a.toml")).unwrap(),
                [8; 1500],
                "{at}"
            );
            fs::remove_dir_all(world.to()).unwrap();
        }
        assert_eq!(world.left_over(), 0, "{at}");
    }
}

#[test]
fn hostile_archives_are_refused() {
    use tar::EntryType as T;
    let world = World::new();
    for path in ["../evil", "/evil", "a/../../evil", ".."] {
        archive(&world.tar, &[(path, 1)], &[(path, T::Regular, b"x")]);
        world.refuses(path);
        archive(&world.tar, &[], &[(path, T::Regular, b"x")]);
        world.refuses(path);
    }
    for kind in [
        T::Symlink,
        T::Link,
        T::Char,
        T::Block,
        T::Fifo,
        T::Directory,
        T::GNUSparse,
    ] {
        archive(&world.tar, &[("a", 0)], &[("a", kind, b"")]);
        world.refuses(&format!("{kind:?}"));
    }
    archive(&world.tar, &[("a", u64::MAX)], &[("a", T::Regular, b"x")]);
    world.refuses("a size of nonsense");
    archive(&world.tar, &[("a", 1)], &[("a", T::Regular, b"xx")]);
    world.refuses("longer than its list says");
    archive(
        &world.tar,
        &[("a", 1)],
        &[("a", T::Regular, b"x"), ("a", T::Regular, b"x")],
    );
    world.refuses("twice");
    archive(
        &world.tar,
        &[("a", 1)],
        &[("a", T::Regular, b"x"), ("b", T::Regular, b"x")],
    );
    world.refuses("more than its list");
    archive(
        &world.tar,
        &[("a", 1), ("b", 1)],
        &[("a", T::Regular, b"x")],
    );
    world.refuses("fewer than its list");
    archive(
        &world.tar,
        &[("a", 1), ("a/b", 1)],
        &[("a", T::Regular, b"x"), ("a/b", T::Regular, b"x")],
    );
    world.refuses("a file that is a folder");
}

#[test]
fn a_wallet_whose_name_ends_as_a_log_does_keeps_its_attempts() {
    let world = World::new();
    fs::write(world.home.join("attempts/my-wal/ab"), "x").unwrap();
    world.pack();
    world.restore().unwrap();
    assert!(world.to().join("attempts/my-wal/ab").exists());
}

#[test]
fn a_lock_of_a_buyer_is_no_part_of_a_backup() {
    let world = World::new();
    fs::write(world.home.join("client/locks/ab.use"), "").unwrap();
    world.pack();
    world.restore().unwrap();
    assert!(!world.to().join("client/locks/ab.use").exists());
}

#[test]
fn a_backup_in_its_home_is_no_part_of_the_next_one() {
    let world = World::new();
    let first = world.home.join("first.tar");
    if pack(&world.home, &first, "2026-12-01T00:00:00Z").is_ok() {
        world.pack();
        world.restore().unwrap();
        assert!(!world.to().join("first.tar").exists());
    }
}

#[test]
fn a_home_of_a_buyer_who_buys_is_in_use() {
    let world = World::new();
    world.pack();
    let lock = world.home.join("client/locks/ab.use");
    let _held = l402_host::FileLock::try_take(&lock).unwrap().unwrap();
    let refused = restore(&world.tar, &world.home, true, |_| Ok(()));
    assert!(refused.is_err());
}
