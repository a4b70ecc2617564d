//! Limits at the msat, sums over windows, and the plans of their statements.

use l402::{Msat, UnixTime};
use rusqlite::{Connection, params};
use tempfile::TempDir;

use super::{Budget, BudgetName, Payment, allow, broken_limit, chain};
use crate::journal::step::Store;
use crate::{BudgetLimit, Error, Journal, Limits};

const NOW: u64 = 1_800_000_000;
const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

fn name(text: &str) -> BudgetName {
    text.parse().unwrap()
}

/// A row of the journal.
#[derive(Clone, Copy)]
struct Row {
    state: &'static str,
    origin: &'static str,
    payee: Option<&'static str>,
    budget: Option<&'static str>,
    at: u64,
    msat: u64,
    fee: u64,
}

const ROW: Row = Row {
    state: "served",
    origin: "https://a.example",
    payee: Some("02aa"),
    budget: None,
    at: NOW,
    msat: 1000,
    fee: 0,
};

/// A journal whose rows the test writes itself.
struct Bench {
    journal: Journal,
    rows: u32,
    _folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            journal: Journal::open(folder.path()).unwrap(),
            rows: 0,
            _folder: folder,
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Store) -> rusqlite::Result<T>) -> T {
        self.journal.with(work).unwrap()
    }

    fn add(&mut self, row: Row) {
        self.rows += 1;
        let rows = self.rows;
        self.with(|store| insert(store.db(), rows, row));
    }

    fn set(&self, budget: &str, which: BudgetLimit, msat: u64) {
        let changed = self.journal.change_budget(&name(budget), |budget| {
            budget.limits = budget.limits.with(which, Some(Msat::new(msat)));
            true
        });
        assert!(changed.unwrap());
    }

    /// The fee that a payment to `https://a.example` may cost, or what refuses it.
    fn allow(&self, budget: &str, limits: Limits, amount: u64, now: u64) -> Result<Msat, Error> {
        let payment = Payment {
            amount: Msat::new(amount),
            origin: ROW.origin,
            payee: "02aa",
        };
        self.with(|store| {
            let db = store.db();
            let chain = chain(db, &name(budget))?.unwrap();
            allow(db, &chain, &limits, payment, UnixTime::from_secs(now))
        })
    }

    /// The limit that refuses a payment, and the budget it is stored for.
    fn refused(&self, budget: &str, limits: Limits, amount: u64, now: u64) -> Refusal {
        match self.allow(budget, limits, amount, now) {
            Err(Error::OverBudget {
                which,
                budget,
                spent,
                frees,
                ..
            }) => Refusal {
                which,
                budget,
                spent: spent.msat(),
                frees: frees.map(UnixTime::secs),
            },
            other => panic!("{other:?}"),
        }
    }
}

#[derive(Debug)]
struct Refusal {
    which: BudgetLimit,
    budget: Option<String>,
    spent: u64,
    frees: Option<u64>,
}

fn insert(db: &Connection, id: u32, row: Row) -> rusqlite::Result<()> {
    let mut hash = [0; 32];
    hash[..4].copy_from_slice(&id.to_be_bytes());
    let is_settled = !matches!(row.state, "intent" | "unknown" | "failed");
    db.prepare_cached(
        "INSERT INTO purchase (payment_hash, origin, path, state, amount_msat, paid_msat, fee_msat, \
         created, updated, paid_at, expires, note, network, invoice, scheme, token, live, payee, \
         budget, wallet, fee_limit_msat) VALUES (?1, ?2, '/', ?3, ?4, 0, ?5, ?6, ?6, ?7, 0, '', \
         'regtest', '', 'L402', '', 0, ?8, ?9, 'a wallet', ?5)",
    )?
    .execute(params![
        hash,
        row.origin,
        row.state,
        row.msat,
        row.fee,
        row.at,
        is_settled.then_some(row.at),
        row.payee,
        row.budget,
    ])?;
    Ok(())
}

/// No fee, so that an amount alone meets the limit.
fn bare() -> Limits {
    Limits::default().with_max_fee(0, Msat::ZERO)
}

#[test]
fn only_the_fee_gives_way() {
    let mut bench = Bench::new();
    let limits = Limits::default();
    assert_eq!(
        bench.allow("default", limits, 50_000, NOW).unwrap(),
        Msat::from_sat(10)
    );
    assert_eq!(
        bench.allow("default", limits, 995_000, NOW).unwrap(),
        Msat::from_sat(5)
    );
    assert_eq!(
        bench.allow("default", limits, 1_000_000, NOW).unwrap(),
        Msat::ZERO
    );
    let found = bench.refused("default", limits, 1_000_001, NOW);
    assert_eq!((found.which, found.spent), (BudgetLimit::PerRequest, 0));
    let found = bench.refused("default", limits, u64::MAX, NOW);
    assert_eq!(found.which, BudgetLimit::PerRequest);
    bench.add(Row {
        msat: 9_949_999,
        ..ROW
    });
    assert_eq!(
        bench.allow("default", limits, 50_000, NOW).unwrap(),
        Msat::new(1)
    );
    bench.add(Row { msat: 1, ..ROW });
    assert_eq!(
        bench.allow("default", limits, 50_000, NOW).unwrap(),
        Msat::ZERO
    );
    bench.add(Row {
        msat: 0,
        fee: 1,
        ..ROW
    });
    let found = bench.refused("default", limits, 50_000, NOW);
    assert_eq!(found.which, BudgetLimit::PerDay);
    assert_eq!((found.budget, found.spent), (None, 9_950_001));
}

/// ATTACKS C-25.
#[test]
fn each_limit_alone_holds_to_the_msat_and_counts_fees() {
    for which in BudgetLimit::ALL {
        for stored in [true, false] {
            let mut bench = Bench::new();
            let mut limits = bare();
            if stored {
                bench.set("default", which, 10_000);
            } else {
                limits = limits.with(which, Msat::new(10_000));
            }
            if which != BudgetLimit::PerRequest {
                bench.add(Row {
                    msat: 3000,
                    fee: 400,
                    ..ROW
                });
                bench.add(Row {
                    state: "unknown",
                    msat: 500,
                    fee: 100,
                    ..ROW
                });
            }
            let left = if which == BudgetLimit::PerRequest {
                10_000
            } else {
                6000
            };
            assert!(bench.allow("default", limits, left, NOW).is_ok(), "{which}");
            let found = bench.refused("default", limits, left + 1, NOW);
            assert_eq!(found.which, which);
            assert_eq!(found.spent, 10_000 - left, "{which}");
            assert_eq!(
                found.budget,
                stored.then(|| "default".to_owned()),
                "{which}"
            );
        }
    }
}

/// ATTACKS C-25.
#[test]
fn an_origin_and_a_payee_count_their_own_and_all_others_count_both() {
    let mut bench = Bench::new();
    let other = Row {
        origin: "https://b.example",
        payee: Some("03bb"),
        ..ROW
    };
    bench.add(Row {
        msat: 5000,
        ..other
    });
    bench.add(Row {
        state: "intent",
        msat: 5000,
        ..other
    });
    for which in BudgetLimit::ALL {
        let bare = bare().with(which, Msat::new(10_000));
        match which {
            BudgetLimit::PerOrigin | BudgetLimit::PerPayee | BudgetLimit::PerRequest => {
                assert!(bench.allow("default", bare, 10_000, NOW).is_ok(), "{which}");
            }
            _ => assert_eq!(
                bench.refused("default", bare, 1, NOW).spent,
                10_000,
                "{which}"
            ),
        }
    }
    // The same node behind another server, and the same server with another node.
    bench.add(Row {
        payee: ROW.payee,
        msat: 700,
        ..other
    });
    bench.add(Row {
        payee: other.payee,
        msat: 30,
        ..ROW
    });
    // A row of an older file names no payee.
    bench.add(Row {
        origin: other.origin,
        payee: None,
        msat: 2,
        ..ROW
    });
    bench.add(Row {
        origin: other.origin,
        payee: None,
        state: "unknown",
        msat: 3,
        ..ROW
    });
    let found = bench.refused("default", bare().with_per_payee(Msat::new(705)), 1, NOW);
    assert_eq!(found.spent, 705);
    let found = bench.refused("default", bare().with_per_origin(Msat::new(30)), 1, NOW);
    assert_eq!(found.spent, 30);
}

/// ATTACKS C-25.
#[test]
fn of_two_limits_both_hold() {
    let mut bench = Bench::new();
    bench.add(Row { msat: 1000, ..ROW });
    let other = Row {
        origin: "https://b.example",
        ..ROW
    };
    bench.add(Row { msat: 500, ..other });
    let both = bare()
        .with_per_origin(Msat::new(1500))
        .with_per_day(Msat::new(1999));
    assert!(bench.allow("default", both, 499, NOW).is_ok());
    assert_eq!(
        bench.refused("default", both, 500, NOW).which,
        BudgetLimit::PerDay
    );
    let both = both.with_per_day(Msat::new(2000));
    assert!(bench.allow("default", both, 500, NOW).is_ok());
    assert_eq!(
        bench.refused("default", both, 501, NOW).which,
        BudgetLimit::PerDay
    );
    let both = both.with_per_day(Msat::new(2001));
    assert_eq!(
        bench.refused("default", both, 501, NOW).which,
        BudgetLimit::PerOrigin
    );
}

/// ATTACKS C-24.
#[test]
fn windows_roll_to_the_second_and_end_for_no_clock() {
    for (which, window) in [
        (BudgetLimit::PerHour, HOUR),
        (BudgetLimit::PerDay, DAY),
        (BudgetLimit::Per30Days, 30 * DAY),
        (BudgetLimit::PerOrigin, DAY),
        (BudgetLimit::PerPayee, DAY),
    ] {
        let limits = bare()
            .with(which, Msat::new(1000))
            .with_per_request(Msat::MAX);
        // Within an hour of the sums, at its edges, and some hours apart.
        for at in [
            NOW,
            NOW - NOW % HOUR,
            NOW - NOW % HOUR - 1,
            NOW - NOW % HOUR + 1,
        ] {
            let mut bench = Bench::new();
            bench.add(Row {
                at,
                msat: 600,
                ..ROW
            });
            bench.add(Row {
                at: at + 2 * HOUR,
                msat: 400,
                ..ROW
            });
            let found = bench.refused("default", limits, 1, at + window - 1);
            assert_eq!(found.spent, 1000, "{which} {at}");
            assert_eq!(found.frees, Some(at + window), "{which} {at}");
            let found = bench.refused("default", limits, 601, at + window - 1);
            assert_eq!(found.frees, Some(at + 2 * HOUR + window), "{which} {at}");
            assert!(
                bench.allow("default", limits, 600, at + window).is_ok(),
                "{which} {at}"
            );
            let found = bench.refused("default", limits, 601, at + window);
            assert_eq!(
                (found.spent, found.frees),
                (400, Some(at + 2 * HOUR + window)),
                "{which}"
            );
            // More than the limit is never waited for.
            assert_eq!(bench.refused("default", limits, 1001, at).frees, None);
            // Set back, to the beginning of time: what is dated ahead counts.
            for back in [0, at - 100 * DAY] {
                assert_eq!(
                    bench.refused("default", limits, 1, back).spent,
                    1000,
                    "{which}"
                );
            }
        }
        // What may still go through counts at any age, and frees at no time.
        let mut bench = Bench::new();
        bench.add(Row {
            state: "unknown",
            at: NOW - 1000 * DAY,
            ..ROW
        });
        let found = bench.refused("default", limits, 1, NOW);
        assert_eq!((found.spent, found.frees), (1000, None), "{which}");
    }
}

/// ATTACKS C-25.
#[test]
fn a_child_counts_against_all_its_parents_and_not_against_its_siblings() {
    let mut bench = Bench::new();
    bench.set("default", BudgetLimit::PerDay, 1000);
    bench.set("team", BudgetLimit::PerHour, 800);
    for child in ["ann", "bob"] {
        bench.set(child, BudgetLimit::InAll, 500);
        let moved = bench.journal.change_budget(&name(child), |budget| {
            budget.parent = Some(name("team"));
            true
        });
        assert!(moved.unwrap());
    }
    bench.add(Row {
        budget: Some("ann"),
        msat: 450,
        ..ROW
    });
    assert_eq!(
        bench.refused("ann", bare(), 51, NOW).budget.as_deref(),
        Some("ann")
    );
    assert!(bench.allow("bob", bare(), 350, NOW).is_ok());
    let found = bench.refused("bob", bare(), 351, NOW);
    assert_eq!((found.budget.as_deref(), found.spent), (Some("team"), 450));
    bench.add(Row {
        budget: Some("bob"),
        msat: 300,
        state: "unknown",
        ..ROW
    });
    bench.add(Row { msat: 200, ..ROW });
    assert!(bench.allow("ann", bare(), 50, NOW).is_ok());
    bench.add(Row { msat: 1, ..ROW });
    let found = bench.refused("ann", bare(), 50, NOW);
    assert_eq!(
        (found.budget.as_deref(), found.spent),
        (Some("default"), 951)
    );
    // A budget of its own does not count against `default`, and has the default limits.
    let alone = bench.journal.change_budget(&name("alone"), |budget| {
        budget.parent = None;
        true
    });
    assert!(alone.unwrap());
    assert!(bench.allow("alone", bare(), 1_000_000, NOW).is_ok());
    assert_eq!(bench.refused("alone", bare(), 1_000_001, NOW).budget, None);
}

#[test]
fn a_client_narrows_every_budget_and_widens_none() {
    let mut bench = Bench::new();
    bench.set("default", BudgetLimit::PerDay, 5000);
    bench.set("ann", BudgetLimit::PerDay, 2000);
    bench.add(Row { msat: 1000, ..ROW });
    let most = |msat| bare().with_per_day(Msat::new(msat));
    for budget in ["default", "ann"] {
        let wide = if budget == "ann" { 2000 } else { 4000 };
        assert!(bench.allow(budget, most(1_000_000), wide, NOW).is_ok());
        assert!(bench.allow(budget, most(1_000_000), wide + 1, NOW).is_err());
        // It counts from the root, so that another budget is no way round it.
        assert!(bench.allow(budget, most(1500), 500, NOW).is_ok());
        assert_eq!(bench.refused(budget, most(1500), 501, NOW).budget, None);
    }
    // A limit of a child does not lift the default of its root.
    bench.set("ann", BudgetLimit::PerRequest, 5_000_000);
    bench.set("ann", BudgetLimit::PerDay, 9_000_000);
    bench.set("default", BudgetLimit::PerDay, 9_000_000);
    let found = bench.refused("ann", bare(), 1_000_001, NOW);
    assert_eq!((found.which, found.budget), (BudgetLimit::PerRequest, None));
}

#[test]
fn sums_follow_a_row_and_stay_when_it_is_pruned() {
    let mut bench = Bench::new();
    let spent = |bench: &Bench| {
        bench
            .refused("default", bare().with_in_all(Msat::ZERO), 1, NOW)
            .spent
    };
    bench.add(Row {
        state: "unknown",
        ..ROW
    });
    bench.add(Row {
        state: "failed",
        ..ROW
    });
    assert_eq!(spent(&bench), 1000);
    let run = |bench: &Bench, sql: &str| bench.with(|store| store.db().execute(sql, []));
    for (sql, sum) in [
        (
            "UPDATE purchase SET state = 'paid_no_proof', paid_at = 5000, fee_msat = 7 WHERE state = 'unknown'",
            1007,
        ),
        (
            "UPDATE purchase SET state = 'paid', paid_at = 9000000, paid_msat = 2000, fee_msat = 0 WHERE state = 'paid_no_proof'",
            2000,
        ),
        (
            "UPDATE purchase SET state = 'served', updated = 1 WHERE state = 'paid'",
            2000,
        ),
        ("DELETE FROM purchase", 2000),
    ] {
        run(&bench, sql);
        assert_eq!(spent(&bench), sum, "{sql}");
    }
    let hours = "SELECT group_concat(hour || ' ' || msat, ',') FROM spent WHERE msat <> 0";
    let hours: String = bench.with(|store| store.db().query_row(hours, [], |row| row.get(0)));
    assert_eq!(hours, "-1 2000,2500 2000");
}

#[test]
fn sums_that_are_too_large_refuse_and_break_nothing() {
    let mut bench = Bench::new();
    for _ in 0..9 {
        bench.add(Row {
            msat: Msat::MAX.msat(),
            fee: Msat::MAX.msat(),
            ..ROW
        });
    }
    bench.add(Row {
        state: "unknown",
        msat: Msat::MAX.msat(),
        ..ROW
    });
    for which in BudgetLimit::ALL {
        let limits = bare().with(which, Msat::MAX);
        for amount in [1, u64::MAX] {
            let refused = bench.allow("default", limits, amount, NOW);
            assert!(
                matches!(refused, Err(Error::OverBudget { .. })),
                "{which} {amount}"
            );
        }
    }
    let report = bench
        .journal
        .budget_report(&name("default"), UnixTime::from_secs(NOW));
    assert!(
        report
            .unwrap()
            .limits
            .iter()
            .all(|line| line.left != Some(Msat::MAX))
    );
}

#[test]
fn budgets_form_no_circle_and_no_tower() {
    let bench = Bench::new();
    let under = |child: &str, parent: &str| {
        bench.journal.change_budget(&name(child), |budget| {
            budget.parent = Some(name(parent));
            true
        })
    };
    assert!(matches!(
        under("a", "nobody"),
        Err(Error::UnknownBudget { .. })
    ));
    assert_eq!(bench.journal.budgets().unwrap().len(), 1);
    for (child, parent) in [
        ("a", "default"),
        ("b", "a"),
        ("c", "b"),
        ("d", "c"),
        ("e", "d"),
        ("f", "e"),
        ("g", "f"),
    ] {
        assert!(under(child, parent).unwrap());
    }
    assert_eq!(bench.journal.budget(&name("g")).unwrap().len(), 8);
    for (child, parent) in [("h", "g"), ("a", "g"), ("default", "g"), ("a", "a")] {
        let error = under(child, parent).unwrap_err();
        assert!(
            matches!(error, Error::Store { .. }),
            "{child} under {parent}: {error}"
        );
    }
    under("x", "default").unwrap();
    let error = under("default", "x").unwrap_err();
    assert!(matches!(error, Error::Store { .. }), "{error}");
    // From below as well: a tower on a tower.
    under("y", "x").unwrap();
    assert!(under("x", "f").is_err());
    assert_eq!(
        bench.journal.budget(&name("x")).unwrap()[1].name,
        name("default")
    );
    // A file that was tampered with is no way round a limit.
    bench.with(|store| {
        store
            .db()
            .execute("UPDATE budget SET parent = 'b' WHERE name = 'a'", [])
    });
    assert!(matches!(
        bench.journal.budget(&name("g")),
        Err(Error::Store { .. })
    ));
}

#[test]
fn what_widens_is_known() {
    let old = Budget::new(name("ann"));
    let with = |which, msat: Option<u64>| {
        let mut budget = old.clone();
        budget.limits = budget.limits.with(which, msat.map(Msat::new));
        budget
    };
    for which in BudgetLimit::ALL {
        assert!(!old.is_widened_by(&with(which, Some(5))), "{which}");
        assert!(
            with(which, Some(5)).is_widened_by(&with(which, Some(6))),
            "{which}"
        );
        assert!(with(which, Some(5)).is_widened_by(&old), "{which}");
        assert!(
            !with(which, Some(5)).is_widened_by(&with(which, Some(5))),
            "{which}"
        );
        assert!(
            !with(which, Some(5)).is_widened_by(&with(which, Some(4))),
            "{which}"
        );
    }
    let parent = |parent: Option<&str>| Budget {
        parent: parent.map(name),
        ..old.clone()
    };
    assert!(old.is_widened_by(&parent(None)));
    assert!(old.is_widened_by(&parent(Some("other"))));
    let stopped = Budget {
        stopped: Some(UnixTime::from_secs(1)),
        ..old.clone()
    };
    assert!(stopped.is_widened_by(&old) && !old.is_widened_by(&stopped));
    // A root without limits has the default ones.
    let root = |msat: Option<u64>| {
        let mut budget = Budget::new(BudgetName::default());
        budget.limits = budget.limits.with(BudgetLimit::PerDay, msat.map(Msat::new));
        budget
    };
    assert!(root(None).is_widened_by(&root(Some(10_000_001))));
    assert!(!root(None).is_widened_by(&root(Some(10_000_000))));
    assert!(root(Some(5)).is_widened_by(&root(None)));
}

/// A preference of several wallets is one name, of which any may have paid.
#[test]
fn a_wallet_that_broke_a_limit_is_known_in_every_list() {
    let mut bench = Bench::new();
    bench.add(ROW);
    let broken = |wallet: &str| {
        let now = UnixTime::from_secs(NOW);
        bench.with(|store| Ok(broken_limit(store.db(), wallet, now)?.is_some()))
    };
    let paid_by = |wallet: &str| {
        let sql = "UPDATE purchase SET wallet = ?1, fee_limit_msat = 1, fee_msat = 2";
        bench.with(|store| store.db().execute(sql, [wallet]));
    };
    for (paid, asked, refuses) in [
        ("A", "A", true),
        ("A", "A, then B", true),
        ("A, then B", "A", true),
        ("A, then B", "B", true),
        ("A, then B", "B, then A", true),
        ("A, then B", "C", false),
        ("A", "C, then B", false),
    ] {
        paid_by(paid);
        assert_eq!(broken(asked), refuses, "{paid} | {asked}");
    }
}

/// The statements of a reservation, as they were prepared for it.
fn plans(db: &Connection) -> Vec<String> {
    use std::sync::Mutex;
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    fn note(sql: &str) {
        SEEN.lock().unwrap().push(sql.to_owned());
    }
    SEEN.lock().unwrap().clear();
    let mut traced = Connection::open(db.path().unwrap()).unwrap();
    traced.trace(Some(note));
    let limits = BudgetLimit::ALL
        .into_iter()
        .fold(bare(), |limits, which| limits.with(which, Msat::new(1)));
    let chain = chain(&traced, &name("ann")).unwrap().unwrap();
    let now = UnixTime::from_secs(NOW);
    let payment = |amount| Payment {
        amount: Msat::new(amount),
        origin: ROW.origin,
        payee: "02aa",
    };
    // Once so that every limit is looked at, and once for each that refuses.
    let wide = BudgetLimit::ALL
        .into_iter()
        .fold(bare(), |limits, which| limits.with(which, Msat::MAX));
    allow(&traced, &chain, &wide, payment(1), now)
        .unwrap()
        .unwrap();
    for which in BudgetLimit::ALL {
        let limits = wide.with(which, limits.of(which).unwrap());
        allow(&traced, &chain, &limits, payment(2), now)
            .unwrap()
            .unwrap_err();
    }
    broken_limit(&traced, "a wallet", now).unwrap();
    traced.trace(None);
    SEEN.lock().unwrap().clone()
}

/// Returns the statements that add rows, one each 100 s back from [`NOW`]. The
/// sums are those of an upgrade, for a trigger per row takes long.
fn many(rows: u32) -> String {
    let upgrade = super::budget_upgrade!();
    format!(
        "BEGIN; DROP TRIGGER purchase_settled_new;
         INSERT INTO purchase (payment_hash, origin, path, state, amount_msat, paid_msat, fee_msat, \
         created, updated, paid_at, expires, note, network, invoice, scheme, token, live, payee, \
         wallet, fee_limit_msat)
         WITH RECURSIVE row(id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM row WHERE id < {rows} - 1)
         SELECT CAST(printf('%032d', id) AS BLOB), 'https://a.example', '/', 'served', 2, 0, 0, \
         {NOW} - id * 100, 0, {NOW} - id * 100, 0, '', 'regtest', '', 'L402', '', 0, '02aa', \
         'a wallet', 0 FROM row;
         UPDATE purchase SET fee_limit_msat = -1 WHERE created = (SELECT min(created) FROM purchase);
         {upgrade} COMMIT;"
    )
}

/// A journal of 100,000 rows: no statement of a reservation reads a whole table.
#[test]
fn a_reservation_reads_by_indexes_alone() {
    let bench = Bench::new();
    bench.set("ann", BudgetLimit::PerDay, Msat::MAX.msat());
    bench.with(|store| store.db().execute_batch(&many(100_000)));
    let explained: Vec<(String, String)> = bench.with(|store| {
        let statements = plans(store.db());
        assert!(statements.len() > 20, "{statements:?}");
        let mut found = Vec::new();
        for sql in statements {
            let mut plan = store.db().prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let lines = plan.query_map([], |row| row.get::<_, String>(3))?;
            for line in lines {
                found.push((sql.clone(), line?));
            }
        }
        Ok(found)
    });
    for index in [
        "purchase_spent",
        "purchase_paid_at",
        "purchase_origin_paid",
        "purchase_payee_paid",
        "purchase_broken",
        "PRIMARY KEY",
        "budget_parent",
    ] {
        assert!(
            explained.iter().any(|(_, plan)| plan.contains(index)),
            "{index}: {explained:#?}"
        );
    }
    for (sql, plan) in &explained {
        let is_scan = plan.starts_with("SCAN purchase")
            || plan.starts_with("SCAN spent")
            || plan.starts_with("SCAN budget");
        assert!(!is_scan && !plan.contains("TEMP B-TREE"), "{plan}: {sql}");
    }
    // The oldest row in the window is found by the index, and so is the sum of the hours.
    let found = bench.refused("ann", bare().with_per_day(Msat::new(1)), 1, NOW);
    assert_eq!(found.spent, 2 * DAY / 100);
    let found = bench.refused("ann", bare().with_in_all(Msat::new(1)), 1, NOW);
    assert_eq!(found.spent, 200_000);
}
