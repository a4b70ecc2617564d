//! The books: sums, seals, corrections, and what a restart finds.

use std::collections::HashMap;
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use l402::{Msat, PaymentHash, UnixTime};
use l402_host::{Clock, ManualClock, PostgresUrl, SystemClock};
use l402_lightning::{Settlement, SettlementIndex};
use l402_server::Ledger as _;
use l402_server::books::{
    Books, BooksObserver, By, Counts, Entry, Kind, Listed, PostgresBooks, Report, SqliteBooks,
    Terms, Totals, begin_at, each_account, each_use, note_settlement, payment, recover, sales,
    verify,
};
use l402_server::ledger::{PostgresCounts, PostgresLedger, Settle, SqliteCounts, SqliteLedger};
use l402_testkit::postgres::{Cut, CutProxy, PostgresServer};

use crate::world::World;

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

fn hash(number: u64) -> PaymentHash {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    PaymentHash::from_bytes(bytes)
}

fn node() -> Arc<str> {
    "sandbox".into()
}

fn terms(service: &str, units: u64, ends: UnixTime) -> Terms {
    Terms {
        service: service.into(),
        route: format!("/{service}").into(),
        price: Msat::new(1000),
        units,
        ends,
    }
}

fn settlement(number: u64, msat: u64) -> Settlement {
    Settlement {
        payment_hash: hash(number),
        paid: Msat::new(msat),
        index: SettlementIndex(number),
    }
}

fn used(number: u64, terms: &Terms, spent: i64, fault: i64, time: UnixTime) -> Entry {
    let mut entry = Entry::new(Kind::Use, time);
    entry.payment_hash = Some(hash(number));
    entry.token_id = Some([3; 32]);
    entry.terms = Some(terms.clone());
    (entry.spent, entry.fault) = (spent, fault);
    entry
}

/// Opens the books of a place, as one more process would.
type Open = dyn Fn() -> Arc<dyn Books> + Sync;

fn open(folder: &Path) -> Arc<dyn Books> {
    Arc::new(SqliteBooks::open(&folder.join("books.db")).expect("books"))
}

fn verified(books: &dyn Books) -> Report {
    verify(books, None, None, &ManualClock::new(NOW)).expect("readable")
}

/// The counts of a ledger, as a test sets them.
struct Counted(HashMap<PaymentHash, u64>);

impl Counts for Counted {
    fn spent(&mut self, payment: PaymentHash) -> Result<Option<u64>, Box<dyn Display>> {
        Ok(self.0.get(&payment).copied())
    }
}

/// A clock whose monotonic time passes with each look, so that no wait takes long.
#[derive(Debug)]
struct Hasty(ManualClock);

impl Clock for Hasty {
    fn wall(&self) -> UnixTime {
        self.0.wall()
    }

    fn monotonic(&self) -> Duration {
        self.0.advance(Duration::from_secs(1));
        self.0.monotonic()
    }
}

fn hasty() -> Hasty {
    Hasty(ManualClock::new(NOW))
}

/// Random numbers that are the same at each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

#[derive(Default)]
struct Sold {
    msat: u64,
    units: u64,
    spent: u64,
    ends: u64,
    is_known: bool,
}

/// Computes the sums of the model on a way of its own.
fn expected(model: &HashMap<u64, Sold>, now: UnixTime) -> Totals {
    let mut totals = Totals::default();
    for sold in model.values() {
        if !sold.is_known {
            totals.unattributed_payments += 1;
            totals.unattributed += sold.msat;
            continue;
        }
        // Unit by unit, as each use is charged.
        let at = |units: u64| sold.msat * units / sold.units;
        let spent: u64 = (1..=sold.spent).map(|k| at(k) - at(k - 1)).sum();
        totals.payments += 1;
        totals.sold += sold.msat;
        totals.spent += spent;
        let left = sold.msat - spent;
        if sold.ends <= now.secs() {
            totals.expired += left;
        } else {
            totals.unspent += left;
        }
    }
    totals
}

fn money(totals: &Totals) -> [u64; 7] {
    [
        totals.payments,
        totals.sold,
        totals.spent,
        totals.unspent,
        totals.expired,
        totals.unattributed_payments,
        totals.unattributed,
    ]
}

/// Random sales, uses, restarts and prunes; the sums stay those of a model that knows no entries.
fn random_sales_add_up_to_the_millisatoshi(fresh: &dyn Fn() -> Box<Open>, seeds: u64) {
    for seed in 1..=seeds {
        let open = fresh();
        let mut dice = Dice(seed * 7919);
        let mut books = open();
        let mut model: HashMap<u64, Sold> = HashMap::new();
        let mut now = NOW.secs();
        for number in 1..120 {
            now += dice.below(3000);
            let time = UnixTime::from_secs(now);
            let (units, msat) = (1 + dice.below(7), 1 + dice.below(10_000));
            let ends = now + dice.below(100_000);
            let terms = terms("joke", units, UnixTime::from_secs(ends));
            let is_known = dice.below(3) > 0;
            let known = is_known.then(|| terms.clone());
            note_settlement(&*books, &node(), &settlement(number, msat), known, time)
                .expect("written");
            let sold = Sold {
                msat,
                units,
                ends,
                is_known,
                spent: 0,
            };
            model.insert(number, sold);
            // Uses of this payment or of an earlier one that still lives.
            for _ in 0..dice.below(4) {
                let of = 1 + dice.below(number);
                let sold = model.get_mut(&of).expect("a payment");
                if sold.ends <= now {
                    continue;
                }
                let is_spent = dice.below(4) > 0 && sold.spent < sold.units;
                let of_it = self::terms("joke", sold.units, UnixTime::from_secs(sold.ends));
                let fault = if is_spent { 0 } else { 2 };
                books
                    .append(&[used(of, &of_it, i64::from(is_spent), fault, time)])
                    .expect("written");
                sold.spent += u64::from(is_spent);
                sold.is_known = true;
            }
            match dice.below(20) {
                0 => books = open(),
                1 => {
                    let before = UnixTime::from_secs(now.saturating_sub(60_000));
                    books.prune(before, time).expect("pruned");
                }
                _ => {}
            }
            if number % 20 == 0 {
                let clock = ManualClock::new(time);
                let report = verify(&*books, None, None, &clock).expect("readable");
                assert_eq!(report.findings, [], "seed {seed}, payment {number}");
                // What was pruned had ended, so it has not changed since.
                assert_eq!(money(&report.totals), money(&expected(&model, time)));
                let all: u64 = model.values().map(|sold| sold.msat).sum();
                assert_eq!(report.received, all);
            }
        }
    }
}

/// A few entries of every kind, after a prune, by two writers.
fn filled(open: &Open) {
    let books = open();
    let old = UnixTime::from_secs(NOW.secs() - 1_000_000);
    let ended = terms("song", 2, UnixTime::from_secs(old.secs() + 10));
    begin_at(&*books, &node(), SettlementIndex(0), old).expect("written");
    note_settlement(&*books, &node(), &settlement(1, 999), Some(ended), old).expect("written");
    note_settlement(&*books, &node(), &settlement(2, 5), None, old).expect("written");
    books
        .append(&[used(2, &terms("joke", 3, NOW), 1, 0, NOW)])
        .expect("written");
    assert!(
        books
            .prune(UnixTime::from_secs(old.secs() + 5), NOW)
            .expect("pruned")
            > 0
    );
    let books = open();
    let live = terms("joke", 3, UnixTime::from_secs(NOW.secs() + 500));
    note_settlement(
        &*books,
        &node(),
        &settlement(3, 1000),
        Some(live.clone()),
        NOW,
    )
    .expect("written");
    let uses = [used(3, &live, 1, 0, NOW), used(3, &live, 0, 2, NOW)];
    books.append(&uses).expect("written");
    let mut correction = Entry::new(Kind::Correction, NOW);
    (correction.payment_hash, correction.spent) = (Some(hash(3)), 1);
    let mut missed = Entry::new(Kind::Missed, NOW);
    missed.spent = 1;
    books.append(&[correction, missed]).expect("written");
}

const ENTRIES: [&str; 17] = [
    "writer",
    "number",
    "kind",
    "time",
    "payment_hash",
    "token_id",
    "service",
    "route",
    "price",
    "units",
    "ends",
    "msat",
    "spent",
    "fault",
    "node",
    "place",
    "seal",
];
const WRITERS: [&str; 5] = ["writer", "base", "base_seal", "newest", "newest_seal"];

/// Each field of each row of each table, changed by hand, and each row removed.
#[test]
fn a_change_by_hand_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_owned();
    filled(&move || self::open(&path));
    let report = verified(&*open(folder.path()));
    assert_eq!(report.findings, []);
    let db = rusqlite::Connection::open(folder.path().join("books.db")).expect("the file");
    l402_host::sqlite::copy(
        &folder.path().join("books.db"),
        &folder.path().join("copy.db"),
    )
    .expect("copied");
    let books = open(folder.path());
    let mut tried = 0;
    for (table, columns) in [("entries", &ENTRIES[..]), ("writers", &WRITERS[..])] {
        let keys = if table == "entries" {
            "writer, number"
        } else {
            "writer, newest"
        };
        let sql = format!("SELECT {keys} FROM {table}");
        let mut query = db.prepare(&sql).expect("SQL");
        let rows = query
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .expect("rows");
        let rows: Vec<(i64, i64)> = rows.map(|row| row.expect("a row")).collect();
        let (first, second) = keys.split_once(", ").expect("two");
        for (writer, number) in &rows {
            let at = format!("WHERE {first} = {writer} AND {second} = {number}");
            let changes = columns.iter().map(|column| {
                let change = match *column {
                    "payment_hash" | "token_id" => {
                        format!(
                            "iif({column} IS NULL, zeroblob(32), x'{}')",
                            "ab".repeat(32)
                        )
                    }
                    "seal" | "base_seal" | "newest_seal" => format!("x'{}'", "ab".repeat(32)),
                    "service" | "route" | "node" => format!("ifnull({column}, '') || 'x'"),
                    "kind" => "kind % 7 + 1".to_owned(),
                    "writer" | "number" => format!("{column} + 1000"),
                    _ => format!("ifnull({column}, 0) + 1"),
                };
                format!("UPDATE {table} SET {column} = {change} {at}")
            });
            for sql in changes.chain([format!("DELETE FROM {table} {at}")]) {
                db.execute_batch("BEGIN").expect("SQL");
                // A second payment entry of one hash cannot even be written.
                let is_done = db.execute(&sql, []).is_ok();
                db.execute_batch(if is_done { "COMMIT" } else { "ROLLBACK" })
                    .expect("SQL");
                if is_done {
                    tried += 1;
                    assert_ne!(verified(&*books).findings, [], "{sql}");
                    restore(&db, folder.path());
                }
            }
        }
    }
    assert!(tried > 150, "{tried}");
    assert_eq!(verified(&*books).findings, []);
}

/// Puts everything back from the copy.
fn restore(db: &rusqlite::Connection, folder: &Path) {
    let copy = folder.join("copy.db");
    db.execute("ATTACH ?1 AS copy", [copy.to_str().expect("UTF-8")])
        .expect("attached");
    db.execute_batch(
        "BEGIN; DELETE FROM main.entries; DELETE FROM main.writers;
         INSERT INTO main.entries SELECT * FROM copy.entries;
         INSERT INTO main.writers SELECT * FROM copy.writers; COMMIT; DETACH copy",
    )
    .expect("restored");
}

fn a_restart_goes_on_after_the_last_settlement(open: &Open) {
    let index = |books: &dyn Books| {
        let mut index = None;
        books
            .view(&mut |view| {
                index = view.settlement_index("sandbox")?;
                assert_eq!(view.settlement_index("other")?, None);
                Ok(())
            })
            .expect("readable");
        index
    };
    let books = open();
    assert_eq!(index(&*books), None);
    begin_at(&*books, &node(), SettlementIndex(4), NOW).expect("written");
    assert_eq!(index(&*books), Some(SettlementIndex(4)));
    let paid = settlement(5, 70);
    note_settlement(&*books, &node(), &paid, None, NOW).expect("written");
    drop(books);
    let books = open();
    assert_eq!(index(&*books), Some(SettlementIndex(5)));
    // Told again by another gateway, and once more at a later place.
    note_settlement(&*books, &node(), &paid, None, NOW).expect("written");
    let moved = Settlement {
        index: SettlementIndex(9),
        ..paid
    };
    note_settlement(&*books, &node(), &moved, None, NOW).expect("written");
    assert_eq!(index(&*books), Some(SettlementIndex(9)));
    let report = verified(&*books);
    assert_eq!((report.received, report.findings.len()), (70, 0));
}

fn two_writers_write_one_row_a_payment(open: &Open) {
    open();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let books = open();
                let live = terms("joke", 100, UnixTime::from_secs(NOW.secs() + 500));
                for number in 1..=40 {
                    let paid = settlement(number, 300);
                    note_settlement(&*books, &node(), &paid, None, NOW).expect("written");
                    books
                        .append(&[used(number, &live, 1, 0, NOW)])
                        .expect("written");
                }
            });
        }
    });
    let report = verified(&*open());
    assert_eq!(report.findings, []);
    let totals = report.totals;
    assert_eq!((totals.payments, totals.uses), (40, 80));
    assert_eq!((totals.sold, totals.spent), (12_000, 240));
}

fn what_a_crash_has_lost_comes_back_from_the_ledger(open: &Open) {
    let books = open();
    let live = terms("joke", 3, UnixTime::from_secs(NOW.secs() + 500));
    for number in 1..=5 {
        let known = (number != 5).then(|| live.clone());
        note_settlement(&*books, &node(), &settlement(number, 1000), known, NOW).expect("written");
    }
    books
        .append(&[
            used(2, &live, 1, 0, NOW),
            used(3, &live, 1, 0, NOW),
            used(4, &live, 1, 0, NOW),
        ])
        .expect("written");
    // 1 was used twice, 3 not at all, 4 as the books say, 5 by nobody knows whom; 2 is unknown.
    let counts = HashMap::from([(hash(1), 2), (hash(3), 0), (hash(4), 1), (hash(5), 1)]);
    let mut counts = Counted(counts);
    assert_eq!(recover(&*books, &mut counts, &hasty()).expect("written"), 4);
    assert_eq!(recover(&*books, &mut counts, &hasty()).expect("written"), 0);
    let spent = |number| {
        payment(&*books, hash(number))
            .expect("readable")
            .expect("known")
            .spent
    };
    assert_eq!([1, 2, 3, 4, 5].map(spent), [2, 1, 0, 1, 1]);
    let report = verify(&*books, Some(&mut counts), None, &hasty()).expect("readable");
    assert_eq!((report.findings, report.corrected), (vec![], 0));
    assert_eq!(report.totals.spent, 666 + 333 + 333 + 1000);
    // The next use of 5 tells what was bought.
    books.append(&[used(5, &live, 1, 0, NOW)]).expect("written");
    let account = payment(&*books, hash(5)).expect("readable").expect("known");
    assert_eq!((account.units(), account.spent_msat()), (3, Msat::new(666)));
}

fn a_payment_spent_beyond_what_it_bought_is_found(open: &Open) {
    let books = open();
    let live = terms("joke", 1, UnixTime::from_secs(NOW.secs() + 500));
    note_settlement(&*books, &node(), &settlement(1, 1000), None, NOW).expect("written");
    books
        .append(&[used(1, &live, 1, 0, NOW), used(1, &live, 1, 0, NOW)])
        .expect("written");
    let findings = verified(&*books).findings;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].to_string().contains("2 of 1 units are spent"));
}

fn the_nodes_own_list_has_to_agree(open: &Open) {
    let books = open();
    begin_at(&*books, &node(), SettlementIndex(1), NOW).expect("written");
    let note = |number| {
        note_settlement(&*books, &node(), &settlement(number, 10), None, NOW).expect("written");
    };
    [2, 3, 5].into_iter().for_each(note);
    // 1 was before the beginning, 4 is missing, 5 unknown to the node, 6 not read yet.
    let listed = [(1, 10), (2, 10), (3, 11), (4, 10), (6, 10)];
    let listed = listed.map(|(number, msat)| settlement(number, msat));
    let found = || {
        let mut listed = listed.clone().into_iter();
        let listed = Listed {
            node: "sandbox",
            up_to: SettlementIndex(5),
            settlements: &mut listed,
        };
        let report =
            verify(&*books, None, Some(listed), &SystemClock::default()).expect("readable");
        let found = report.findings.iter().map(ToString::to_string);
        let mut found: Vec<String> = found.collect();
        found.sort();
        found
    };
    let first = found();
    assert_eq!(first.len(), 3, "{first:?}");
    assert!(first[0].contains("10 msat in the books, 11 msat at the node"));
    assert!(first[1].contains("the books do not have it"));
    assert!(first[2].contains("the node does not list it"));
    // What a gateway writes after the list was read is not in it.
    [6, 8].into_iter().for_each(note);
    assert_eq!(found(), first);
}

/// Three payments: two of three units used, an hour that was begun, and one of nobody knows what.
fn sold(open: &Open) -> Arc<dyn Books> {
    let books = open();
    let ends = UnixTime::from_secs(NOW.secs() + 500);
    let (joke, hour) = (terms("joke", 3, ends), terms("hour", 1, ends));
    note_settlement(
        &*books,
        &node(),
        &settlement(1, 1000),
        Some(joke.clone()),
        NOW,
    )
    .expect("written");
    note_settlement(
        &*books,
        &node(),
        &settlement(2, 500),
        Some(hour.clone()),
        NOW,
    )
    .expect("written");
    note_settlement(&*books, &node(), &settlement(3, 7), None, NOW).expect("written");
    // Two processes have seen the hour begin; it is spent once.
    let begun = used(2, &hour, 0, 0, NOW);
    let uses = [
        used(1, &joke, 1, 0, NOW),
        used(1, &joke, 0, 1, NOW),
        used(1, &joke, 1, 0, NOW),
    ];
    books.append(&uses).expect("written");
    books.append(&[begun.clone(), begun]).expect("written");
    books
}

fn sales_are_grouped_by_what_and_when(open: &Open) {
    let books = sold(open);
    let all = UnixTime::from_secs(0)..UnixTime::from_secs(u64::MAX);
    let rows = sales(&*books, &all, By::Service, NOW).expect("readable");
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.key.as_str(),
                row.totals.sold,
                row.totals.spent,
                row.totals.unattributed,
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("hour", 500, 500, 0),
            ("joke", 1000, 666, 0),
            ("unattributed", 0, 0, 7)
        ]
    );
    let days = sales(&*books, &all, By::Day, NOW).expect("readable");
    assert_eq!(
        (days.len(), days[0].key.as_str()),
        (1, "2026-09-21T00:00:00Z")
    );
}

fn each_use_has_its_price(open: &Open) {
    let books = sold(open);
    let mut costs = Vec::new();
    let mut unserved = Vec::new();
    books
        .view(&mut |view| {
            each_use(view, &mut |_, entry, msat| {
                if entry.kind == Kind::Use {
                    costs.push(msat);
                }
                Ok(())
            })?;
            each_account(view, &mut |account| {
                if account.is_unserved() {
                    unserved.push(account.payment_hash);
                }
                Ok(())
            })
        })
        .expect("readable");
    assert_eq!(costs, [333, 0, 333, 500, 0]);
    assert_eq!(unserved, [Some(hash(3))]);
}

/// Runs all promises, each on a store of its own.
fn promises(fresh: &dyn Fn() -> Box<Open>, seeds: u64) {
    random_sales_add_up_to_the_millisatoshi(fresh, seeds);
    a_restart_goes_on_after_the_last_settlement(&*fresh());
    two_writers_write_one_row_a_payment(&*fresh());
    what_a_crash_has_lost_comes_back_from_the_ledger(&*fresh());
    a_payment_spent_beyond_what_it_bought_is_found(&*fresh());
    the_nodes_own_list_has_to_agree(&*fresh());
    sales_are_grouped_by_what_and_when(&*fresh());
    each_use_has_its_price(&*fresh());
}

#[test]
fn sqlite_keeps_its_promises() {
    let fresh = || -> Box<Open> {
        let folder = tempfile::tempdir().expect("a folder");
        Box::new(move || open(folder.path()))
    };
    promises(&fresh, 6);
}

fn in_database(server: &PostgresServer) -> Box<Open> {
    server.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    let url: PostgresUrl = server.url().parse().expect("an address");
    Box::new(move || Arc::new(PostgresBooks::open(&url).expect("books")))
}

#[test]
fn postgres_keeps_its_promises() {
    let server = PostgresServer::start();
    promises(&|| in_database(&server), 2);
}

/// Each column of each table, changed by hand, and a row removed.
#[test]
fn a_change_by_hand_is_found_in_postgres() {
    let server = PostgresServer::start();
    let open = in_database(&server);
    filled(&*open);
    let books = open();
    assert_eq!(verified(&*books).findings, []);
    for (table, columns) in [("entries", &ENTRIES[..]), ("writers", &WRITERS[..])] {
        let table = format!("l402_books_{table}");
        server.sql(&format!("CREATE TABLE kept AS TABLE {table}"));
        let changes = columns.iter().map(|column| {
            let change = match *column {
                "payment_hash" | "token_id" | "seal" | "base_seal" | "newest_seal" => {
                    format!("sha256({column})")
                }
                "service" | "route" | "node" => format!("{column} || 'x'"),
                "kind" => "8".to_owned(),
                _ => format!("{column} + 1000"),
            };
            // Of one row that has it.
            let one = format!("SELECT max(ctid) FROM {table} WHERE {column} IS NOT NULL");
            format!("UPDATE {table} SET {column} = {change} WHERE ctid = ({one})")
        });
        let gone = format!("DELETE FROM {table} WHERE ctid = (SELECT max(ctid) FROM {table})");
        for sql in changes.chain([gone]) {
            server.sql(&sql);
            assert_ne!(verified(&*books).findings, [], "{sql}");
            server.sql(&format!(
                "DELETE FROM {table}; INSERT INTO {table} TABLE kept"
            ));
        }
        server.sql("DROP TABLE kept");
    }
    assert_eq!(verified(&*books).findings, []);
}

/// The answer to a commit is lost: what was written is not written again, and what was not is not lost.
#[test]
fn a_use_whose_commit_is_not_answered_is_written_once() {
    let server = PostgresServer::start();
    drop(in_database(&server)());
    let proxy = CutProxy::before(&server.socket());
    let books = PostgresBooks::open(&proxy.url().parse().expect("an address")).expect("books");
    let live = terms("joke", 9, UnixTime::from_secs(NOW.secs() + 500));
    note_settlement(&books, &node(), &settlement(1, 900), None, NOW).expect("written");
    for cut in [Cut::Before, Cut::After] {
        let uses = [used(1, &live, 1, 0, NOW), used(1, &live, 1, 0, NOW)];
        proxy.arm("COMMIT", cut);
        books.append(&uses).expect_err("nobody knows");
        // Another thread writes in between.
        note_settlement(&books, &node(), &settlement(1, 900), None, NOW).expect("written");
        books.append(&uses).expect("written");
    }
    assert_eq!(proxy.cuts(), 2);
    let report = verified(&books);
    assert_eq!((report.findings, report.totals.uses), (vec![], 4));
}

/// The counts that the verification reads, and the books beside them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_are_compared_with_a_ledger_in_postgres() {
    let server = PostgresServer::start();
    let url: PostgresUrl = server.url().parse().expect("an address");
    let clock = Arc::new(SystemClock::default());
    let ledger = PostgresLedger::open(&url, clock, |_| ()).expect("a ledger");
    let request = crate::contract::several(1, 2, 3);
    let payment_hash = request.allowance().payment_hash();
    let held = ledger.reserve(request).await.expect("granted");
    ledger.settle(held, Settle::Commit { units: 2 });
    drop(ledger);
    let compared = std::thread::spawn(move || {
        assert!(PostgresBooks::find(&url).expect("readable").is_none());
        drop(PostgresBooks::open(&url).expect("books"));
        let books = PostgresBooks::find(&url).expect("readable").expect("books");
        let paid = Settlement {
            payment_hash,
            paid: Msat::new(300),
            index: SettlementIndex(1),
        };
        let live = terms("joke", 3, UnixTime::from_secs(NOW.secs() + 500));
        note_settlement(&books, &node(), &paid, Some(live), NOW).expect("written");
        let mut counts = PostgresCounts::at(&url).expect("an address");
        assert!(matches!(counts.spent(hash(9)), Ok(None)));
        assert_eq!(recover(&books, &mut counts, &hasty()).expect("written"), 2);
        let report = verify(&books, Some(&mut counts), None, &hasty()).expect("readable");
        assert_eq!((report.findings, report.totals.spent), (vec![], 200));
    });
    compared.join().expect("no panic");
}

/// From the request to the books, and from the ledger to books that have lost everything.
#[tokio::test]
async fn what_is_sold_stands_in_the_books() {
    let folder = tempfile::tempdir().expect("a folder");
    let books = open(folder.path());
    let clock = Arc::new(ManualClock::new(crate::world::NOW));
    let observer = BooksObserver::start(Arc::clone(&books), clock).expect("a thread");
    let observer = Arc::new(observer);
    let ledger = folder.path().join("ledger.db");
    let world = World::with(|builder, _| {
        let ledger = SqliteLedger::open(&ledger).expect("a ledger");
        builder.observer(observer.clone()).ledger(Arc::new(ledger))
    });
    let three = world.buy("/three").await;
    for _ in 0..2 {
        assert_eq!(world.get_with("/three", &three).await.status, 200);
    }
    let hour = world.buy("/hour").await;
    for _ in 0..3 {
        assert_eq!(world.get_with("/hour", &hour).await.status, 200);
    }
    assert!(observer.flush(Duration::from_secs(60)));
    let mut found = Vec::new();
    books
        .view(&mut |view| {
            each_account(view, &mut |account| {
                found.push(account.clone());
                Ok(())
            })
        })
        .expect("readable");
    found.sort_by_key(|account| account.uses);
    let [hour, three] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!(
        (hour.uses, hour.spent, three.uses, three.spent),
        (1, 1, 2, 2)
    );
    assert_eq!(three.units(), 3);
    let payment_hash = three.payment_hash.expect("a payment");
    // The offer and the token say the same of what was sold.
    assert_eq!(observer.offered_terms(&payment_hash), three.terms);
    let paid = Settlement {
        payment_hash,
        paid: Msat::new(1000),
        index: SettlementIndex(1),
    };
    observer.note_settlement(&node(), &paid).expect("written");
    let mut counts = SqliteCounts::open(&ledger).expect("a ledger");
    let report = verify(&*books, Some(&mut counts), None, &hasty()).expect("readable");
    assert_eq!((report.findings, report.corrected), (vec![], 0));
    assert_eq!(
        (report.totals.spent, report.totals.unsettled_payments),
        (666, 1)
    );
    let lost = SqliteBooks::open(&folder.path().join("new.db")).expect("books");
    note_settlement(&lost, &node(), &paid, three.terms.clone(), NOW).expect("written");
    assert_eq!(recover(&lost, &mut counts, &hasty()).expect("written"), 2);
    assert_eq!(verified(&lost).totals.spent, 666);
}
