//! A process that is killed while it writes, and copies that are made while others write.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use l402_registry::{ListingId, Query, SqliteStore, Store};
use rusqlite::Connection;

use crate::store_fixture::{World, at, seen_up, submitted, url};

/// Tells a process of this test to which file it writes.
const FILE: &str = "L402_REGISTRY_KILLED";

/// Begins a line of the process that is killed, about a listing that was kept.
const KEPT: &str = "kept ";

/// Returns the address of a listing by its number.
fn address(number: u64) -> String {
    format!("https://x.example/joke{number}")
}

/// Returns what SQLite says of a file.
fn integrity(file: &Path) -> String {
    let connection = Connection::open(file).expect("the file");
    let words = "INSERT INTO found (found) VALUES ('integrity-check')";
    connection.execute_batch(words).expect("the index of words");
    connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("a word of SQLite")
}

/// Returns the file that this process was told to write to, if it is one to be killed.
#[expect(
    clippy::disallowed_methods,
    reason = "the test starts itself, and a test has no other arguments"
)]
fn told() -> Option<String> {
    std::env::var(FILE).ok()
}

/// Adds listings with a probe of each, several at once so that they share transactions, and names each one
/// that is kept.
async fn write_until_killed(store: SqliteStore) {
    let begin = store.totals(at(0)).await.expect("totals").listings;
    for first in (begin..).step_by(8) {
        let mut tasks = tokio::task::JoinSet::new();
        for number in first..first + 8 {
            let store = store.clone();
            tasks.spawn(async move {
                add_with_a_probe(&store, number).await;
                let line = format!("\n{KEPT}{number}\n");
                let written = std::io::stdout().write_all(line.as_bytes());
                written.expect("the other process listens");
            });
        }
        tasks.join_all().await;
    }
}

async fn add_with_a_probe(store: &SqliteStore, number: u64) {
    let new = vec![submitted(&address(number))];
    let added = store.add(new, at(number)).await.expect("it is added");
    let probe = seen_up(number, 1000);
    let recorded = store.record(added[0].id(), probe).await;
    recorded.expect("it is recorded");
}

/// Starts this test as a process that writes, and kills it when it has kept so many listings. Returns the
/// numbers of all that it said.
fn kept_until_killed(file: &Path, count: usize) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "--nocapture"])
        .arg("store_crash::what_was_kept_outlives_every_kill")
        .env(FILE, file)
        .stdout(Stdio::piped())
        .spawn()
        .expect("another process");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut numbers = lines.map_while(Result::ok).filter_map(|line| {
        let number = line.strip_prefix(KEPT)?;
        number.parse::<u64>().ok()
    });
    let mut kept: Vec<u64> = numbers.by_ref().take(count).collect();
    child.kill().expect("it is killed");
    // What it had said before it ended counts as well.
    kept.extend(numbers);
    child.wait().expect("its end");
    kept
}

#[test]
fn what_was_kept_outlives_every_kill() {
    let world = World::new();
    if let Some(file) = told() {
        let store = SqliteStore::open(file.as_ref()).expect("the store");
        return world.wait(write_until_killed(store));
    }
    let file = world.folder.path().join("registry.db");
    let mut kept: Vec<u64> = Vec::new();
    for count in [20, 27, 40] {
        kept.extend(kept_until_killed(&file, count));
        assert_eq!(integrity(&file), "ok");
        let again = world.again();
        for number in &kept {
            let id = ListingId::of(&url(&address(*number)));
            let listing = world.done(again.listing(id)).expect("it is kept");
            assert_eq!(listing.health.last_probe, Some(at(*number)));
            let past = world.done(again.history(id, at(*number)));
            assert_eq!((past.points.len(), past.hours.len()), (1, 1));
        }
        let totals = world.done(again.totals(at(0)));
        let found = world.done(again.search(Query {
            text: "joke".to_owned(),
            ..Query::default()
        }));
        assert_eq!(found.total, totals.listings);
        assert!(totals.listings >= kept.len() as u64);
    }
    assert!(kept.len() >= 20 + 27 + 40);
}

#[test]
fn a_copy_that_is_made_while_others_write_is_of_one_moment() {
    let world = World::new();
    let (store, other) = (world.store.clone(), world.again());
    world.wait(async {
        let write = |store: SqliteStore, begin: u64| {
            tokio::spawn(async move {
                for number in begin..begin + 100 {
                    add_with_a_probe(&store, number).await;
                }
            })
        };
        let (one, two) = (write(store.clone(), 0), write(other, 1000));
        for number in 0..3 {
            let copy = world.folder.path().join(format!("copy{number}.db"));
            let before = store.totals(at(0)).await.expect("totals").listings;
            store.backup(&copy).await.expect("a copy");
            let after = store.totals(at(0)).await.expect("totals").listings;
            let copied = SqliteStore::open(&copy).expect("the copy");
            let totals = copied.totals(at(0)).await.expect("totals");
            assert!((before..=after).contains(&totals.listings));
            let found = copied
                .search(Query {
                    text: "joke".to_owned(),
                    ..Query::default()
                })
                .await;
            assert_eq!(found.expect("a search").total, totals.listings);
            assert_eq!(integrity(&copy), "ok");
        }
        one.await.expect("it has written");
        two.await.expect("it has written");
    });
    assert_eq!(world.done(world.store.totals(at(0))).listings, 200);
}
