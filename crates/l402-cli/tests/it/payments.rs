//! `l402 payments`.

use rusqlite::{Connection, params};

use crate::program::Home;

/// Writes served purchases of 1 sat into the journal of this home.
fn bought(home: &Home, count: u32) {
    home.run(&["payments"]).expect(0);
    let file = home.path().join("home/client/client.db");
    let mut db = Connection::open(file).expect("the journal");
    let tx = db.transaction().expect("a transaction");
    for row in 0..count {
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&row.to_be_bytes());
        let sql = "INSERT INTO purchase (payment_hash, origin, path, state, amount_msat, paid_msat, \
                   fee_msat, created, updated, paid_at, expires, note, network, invoice, scheme, \
                   token, live) VALUES (?1, 'https://a.example', '/x', 'served', 1000, 1000, 0, ?2, \
                   ?2, ?2, ?2, '', 'regtest', 'i', 'L402', 't', 0)";
        tx.execute(sql, params![hash, 1_790_000_000 + row])
            .expect("a row");
    }
    tx.commit().expect("rows");
}

// FAULTS T1: the sum over the rows of a list is the sum of all.
#[test]
fn a_program_gets_all_rows_and_a_part_is_marked() {
    let home = Home::new();
    bought(&home, 120);
    let sum = |args: &[&str]| {
        let ran = home.run(args).expect(0);
        let rows = ran.json();
        let rows = rows.as_array().expect("rows").iter();
        let sum: u64 = rows
            .map(|row| row["paid_msat"].as_u64().expect("msat"))
            .sum();
        (sum, ran.stderr)
    };
    for args in [
        &["payments"][..],
        &["payments", "--json"],
        &["payments", "--all"],
        &["payments", "--state", "served"],
        &["payments", "--limit", "120"],
    ] {
        assert_eq!(sum(args), (120_000, String::new()), "{args:?}");
    }
    // Who asks for a part is told that it is one.
    for args in [
        &["payments", "--limit", "7"][..],
        &["payments", "--json", "--limit", "7"],
        &["payments", "--limit", "7", "--state", "served"],
    ] {
        let (sum, told) = sum(args);
        assert_eq!(sum, 7000, "{args:?}");
        assert!(told.contains("newest 7 of 120"), "{args:?}: {told}");
    }
    home.run(&["payments", "--limit", "7", "--all"]).expect(64);
}
