//! The file: modes, and what is refused and left alone.

use l402::Msat;
use l402_client::{BudgetLimit, BudgetName, Journal, State};
use l402_lightning::sandbox::Fault;
use rusqlite::Connection;

use crate::world::{START, World};

/// ATTACKS C-30.
#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new().await;
    world.fetch(&world.client(), "/joke").await.unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&world.folder()), 0o700);
    assert_eq!(mode(&world.folder().join("locks")), 0o700);
    for entry in std::fs::read_dir(world.folder()).unwrap() {
        let path = entry.unwrap().path();
        assert!(path.is_dir() || mode(&path) == 0o600, "{}", path.display());
    }
}

/// ATTACKS C-30.
#[test]
fn what_is_not_ours_is_refused_and_left_as_it_is() {
    let home = tempfile::TempDir::new().unwrap();
    for (name, sql) in [
        ("newer", "PRAGMA user_version = 4"),
        ("foreign", "CREATE TABLE x (y INTEGER)"),
    ] {
        let folder = home.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join("client.db");
        rusqlite::Connection::open(&file)
            .unwrap()
            .execute_batch(sql)
            .unwrap();
        let before = std::fs::read(&file).unwrap();
        let error = Journal::open(&folder).unwrap_err().to_string();
        assert!(
            error.contains("client.db") && error.contains("no money moved"),
            "{error}"
        );
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }
    let folder = home.path().join("broken");
    drop(Journal::open(&folder).unwrap());
    std::fs::write(
        folder.join("client.db"),
        "this is no database at all, and long enough",
    )
    .unwrap();
    assert_eq!(Journal::open(&folder).unwrap_err().code(), "store");
}

/// FAULTS C10: a payment may be on its way, so an empty journal is not a first run's. Also: with and
/// without the log beside it, and a file that is gone while its log is there.
#[tokio::test]
async fn an_empty_journal_is_refused_by_name() {
    let world = World::new().await;
    world.fault(Fault::Held);
    world.fetch(&world.client(), "/joke").await.unwrap_err();
    let file = world.folder().join("client.db");
    let refused = |name: &str, word: &str| {
        let error = Journal::open(&world.folder()).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.code(), "store");
        for part in [name, word, "no money moved"] {
            assert!(text.contains(part), "{text}");
        }
    };
    for log in ["", "a log"] {
        std::fs::write(&file, "").unwrap();
        let beside = world.folder().join("client.db-wal");
        std::fs::write(&beside, log).unwrap();
        refused("client.db", "empty");
        assert_eq!(std::fs::metadata(&file).unwrap().len(), 0);
        assert_eq!(std::fs::read(&beside).unwrap(), log.as_bytes());
    }
    std::fs::remove_file(&file).unwrap();
    refused("client.db-wal", "gone");
    assert!(!file.exists());
}

/// ATTACKS C-30.
#[cfg(unix)]
#[test]
fn a_link_is_not_followed() {
    let home = tempfile::TempDir::new().unwrap();
    let target = home.path().join("target");
    std::fs::write(&target, "").unwrap();
    std::os::unix::fs::symlink(&target, home.path().join("client.db")).unwrap();
    let error = Journal::open(home.path()).unwrap_err().to_string();
    assert!(error.contains("plain file"), "{error}");
}

/// Takes away what layout 5 has beyond layout 4.
const BACK_TO_4: &str = "
    DROP TABLE agent;
    DROP TABLE mandate;
    DROP TABLE approval;
    DROP TABLE consent;
    DROP TABLE operator;
    DROP TABLE tool_call;
    PRAGMA user_version = 4;
";

/// Takes away what layout 4 has beyond layout 3.
const BACK_TO_3: &str = "
    DROP TRIGGER purchase_settled_new;
    DROP TRIGGER purchase_settled;
    DROP INDEX purchase_broken;
    DROP INDEX purchase_origin_paid;
    DROP INDEX purchase_payee_paid;
    DROP TABLE spent;
    DROP TABLE budget;
    DROP TABLE payee_pin;
    ALTER TABLE purchase DROP COLUMN payee;
    ALTER TABLE purchase DROP COLUMN budget;
    ALTER TABLE purchase DROP COLUMN uses_left;
    ALTER TABLE purchase DROP COLUMN told_until;
    PRAGMA user_version = 3;
";

/// Takes away what layout 3 has beyond layout 2.
const BACK_TO_2: &str = "
    DROP TABLE stopped;
    ALTER TABLE purchase DROP COLUMN host;
    ALTER TABLE purchase DROP COLUMN refusals;
    ALTER TABLE purchase DROP COLUMN accepted;
    ALTER TABLE purchase DROP COLUMN folder;
    PRAGMA user_version = 2;
";

/// Takes away what layout 2 has beyond layout 1, and the word for "asked" with it.
const BACK_TO_1: &str = "
    DROP INDEX purchase_created;
    DROP INDEX purchase_paid_at;
    ALTER TABLE purchase DROP COLUMN wallet;
    ALTER TABLE purchase DROP COLUMN fee_limit_msat;
    ALTER TABLE purchase DROP COLUMN request;
    UPDATE purchase SET state = 'intent', note = '' WHERE state = 'unknown';
    PRAGMA user_version = 1;
";

/// The tables, columns, indexes and triggers of a file.
fn layout(db: &Connection) -> String {
    let sql = "SELECT group_concat(t.name || '.' || c.name || ' ' || c.type) || ' ' || \
               (SELECT group_concat(sql) FROM (SELECT sql FROM sqlite_schema \
               WHERE type IN ('index', 'trigger') ORDER BY name)) \
               FROM pragma_table_list t, pragma_table_info(t.name) c WHERE t.schema = 'main' \
               AND t.name NOT LIKE 'sqlite_%'";
    let found = db.query_row(sql, [], |row| row.get(0));
    found.expect("a layout")
}

/// A kept credential of an older file is used, and not paid for again.
#[tokio::test]
async fn a_file_of_the_second_layout_is_upgraded_with_its_credentials() {
    let world = World::new().await;
    world.server.plan().troubles = vec![crate::server::Trouble::Status(500)];
    world.fetch(&world.client(), "/joke").await.unwrap_err();
    let db = Connection::open(world.folder().join("client.db")).unwrap();
    let fresh = layout(&db);
    db.execute_batch(BACK_TO_4).unwrap();
    db.execute_batch(BACK_TO_3).unwrap();
    db.execute_batch(BACK_TO_2).unwrap();
    assert_ne!(layout(&db), fresh);
    let fetched = world.fetch(&world.client(), "/joke").await.unwrap();
    assert_eq!(fetched.reused, Some(true));
    assert_eq!(layout(&db), fresh);
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

/// The money of an older file counts as before, at once and in all.
#[tokio::test]
async fn a_file_of_the_third_layout_is_upgraded_with_its_sums() {
    let world = World::new().await;
    world.fetch(&world.client(), "/joke").await.unwrap();
    world.fetch(&world.client(), "/joke").await.unwrap();
    let db = Connection::open(world.folder().join("client.db")).unwrap();
    let fresh = layout(&db);
    let sums = |journal: Journal| {
        let report = journal.budget_report(&BudgetName::default(), START);
        let limits = report.unwrap().limits.into_iter();
        limits
            .map(|line| (line.which, line.spent))
            .collect::<Vec<_>>()
    };
    let before = sums(world.journal());
    db.execute_batch(BACK_TO_4).unwrap();
    db.execute_batch(BACK_TO_3).unwrap();
    let after = sums(world.journal());
    assert_eq!(layout(&db), fresh);
    for (which, spent) in before {
        // A row of before names no payee.
        if which != BudgetLimit::PerPayee {
            assert!(after.contains(&(which, spent)), "{which} {spent}");
        }
    }
    assert!(after.contains(&(BudgetLimit::InAll, Msat::from_sat(100))));
}

#[tokio::test]
async fn a_file_of_the_first_layout_is_upgraded_and_its_intents_are_looked_up() {
    let world = World::new().await;
    world.fault(Fault::Held);
    world.fetch(&world.client(), "/joke").await.unwrap_err();
    let db = Connection::open(world.folder().join("client.db")).unwrap();
    let fresh = layout(&db);
    db.execute_batch(BACK_TO_4).unwrap();
    db.execute_batch(BACK_TO_3).unwrap();
    db.execute_batch(BACK_TO_2).unwrap();
    db.execute_batch(BACK_TO_1).unwrap();
    assert_ne!(layout(&db), fresh);

    // Such an intent may have been asked for: it is no dead one.
    assert_eq!(world.states(), [State::Unknown]);
    assert_eq!(layout(&db), fresh);
    let error = world.fetch(&world.client(), "/joke").await.unwrap_err();
    assert_eq!(error.code(), "payment_unknown", "{error}");
    world.fault(Fault::None);
    let fetched = world.fetch(&world.client(), "/joke").await.unwrap();
    assert_eq!(fetched.reused, Some(true));
    assert_eq!(world.spent().await, Msat::from_sat(50));
}
