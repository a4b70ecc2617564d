//! Keys by number, and the ledger that goes with them.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use l402::{KeyNumber, UnixTime};
use l402_gateway::{Config, Gateway, GatewayError, GatewayErrorKind, Home};
use l402_host::Clock;
use l402_lightning::{Node, Open};
use l402_server::ledger::register::{SqliteRegister, identify};
use l402_server::ledger::{LedgerId, LedgerIdentity};

use crate::harness::{GatewayUnderTest, QUIET, describe, serve, upstream};

/// Two routes before one upstream: `/use` sells one answer, `/hour` an hour.
fn shop(upstream: SocketAddr) -> String {
    let route = |path: &str, policy: &str| {
        format!(
            "[[route]]\npath = \"/{path}\"\nupstream = \"http://{upstream}\"\nprice = \"50 sat\"\n\
             service = \"{path}\"\npolicy = \"{policy}\"\n"
        )
    };
    QUIET.to_owned() + &route("use", "request") + &route("hour", "time=1h")
}

/// Starts a gateway in the home, with `--new-ledger` if `anew`.
async fn start(
    text: &str,
    home: &Path,
    clock: Arc<dyn Clock>,
    anew: bool,
) -> Result<Gateway, GatewayError> {
    let text = format!("listen = [\"127.0.0.1:0\"]\nworkers = 1\n{text}");
    let mut config = Config::from_toml(&text, "test.toml").expect("a sound configuration");
    if anew {
        config = config.with_new_ledger();
    }
    let home = Home::at(home).expect("a home");
    let open = Open::new(home.path(), clock.clone());
    let receiver = Node::Sandbox.receiver(open).await.expect("a node");
    let start = move || Gateway::start(config, &home, clock, receiver.receive);
    tokio::task::spawn_blocking(start).await.expect("no panic")
}

/// Starts once in the home, and stops. Returns the error of a start that is refused.
async fn start_once(text: &str, server: &GatewayUnderTest, anew: bool) -> Option<GatewayError> {
    let home = server.home.path();
    match start(text, home, server.clock.clone(), anew).await {
        Ok(gateway) => {
            let stop = move || gateway.shutdown(Duration::from_secs(1));
            tokio::task::spawn_blocking(stop).await.expect("no panic");
            None
        }
        Err(error) => Some(error),
    }
}

/// Asserts that a start is refused with exit status 26's kind, and names the way out.
async fn refused(text: &str, server: &GatewayUnderTest, word: &str) {
    let error = start_once(text, server, false)
        .await
        .expect("it is refused");
    assert_eq!(error.kind(), GatewayErrorKind::OtherLedger, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("--new-ledger") && text.contains(word),
        "{text}"
    );
}

/// Returns status and code of a request.
async fn tried(server: &GatewayUnderTest, path: &str, credential: &str) -> (u16, String) {
    let answer = server.get(path, Some(credential)).await;
    let code = if answer.status() == 200 {
        String::new()
    } else {
        answer.code()
    };
    (answer.status(), code)
}

fn refusal(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

const SERVED: (u16, String) = (200, String::new());

async fn stop(server: &mut GatewayUnderTest) {
    server.shutdown(Duration::from_secs(1)).await;
}

/// Reads or changes what the ledger of a home says of itself.
fn identity(home: &Path, change: impl FnOnce(&mut LedgerIdentity)) -> LedgerIdentity {
    let change = |known: &mut LedgerIdentity| {
        change(known);
        Ok::<_, std::convert::Infallible>(())
    };
    let known = identify(
        &SqliteRegister::at(&home.join("gateway.db")),
        UnixTime::from_secs(1),
        change,
    );
    let Ok(known) = known.expect("the ledger opens");
    known
}

/// A way to lose a ledger: the word for it in the error, and what is done to the ledger with the help
/// of a copy from before.
type Loss = (&'static str, fn(&Path, &Path));

const LOSSES: [Loss; 5] = [
    ("missing", |ledger, _| {
        fs::remove_file(ledger).expect("it is there")
    }),
    ("empty", |ledger, _| {
        fs::write(ledger, "").expect("it is there")
    }),
    ("older", put_back),
    ("not the one", |ledger, _| {
        drop(identity(ledger.parent().expect("a home"), |known| {
            known.id = Some(LedgerId::from_bytes([9; 16]));
        }));
    }),
    ("older", |ledger, _| {
        let statement = "UPDATE ledger SET epoch = 0, number = NULL, id = randomblob(16)";
        let raw = rusqlite::Connection::open(ledger).expect("a database");
        raw.execute(statement, []).expect("a row");
    }),
];

fn put_back(ledger: &Path, before: &Path) {
    fs::copy(before, ledger).expect("a copy");
}

/// FAULTS S7: a ledger that is deleted, emptied, or restored from before a sale. Also: another
/// home's ledger, and a ledger of a program that knew no ids.
/// ATTACKS R-18.
#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_has_lost_uses_is_refused_and_ends_the_counted_tokens() {
    let shop = shop(upstream(false, describe).await);
    for (word, lose) in LOSSES {
        let mut server = serve(&shop).await;
        let home = server.home.path().to_owned();
        let (ledger, before) = (home.join("gateway.db"), home.join("before.db"));
        stop(&mut server).await;
        fs::copy(&ledger, &before).unwrap();
        server.restart(&shop).await;
        let (once, hour) = (server.buy("/use").await, server.buy("/hour").await);
        let unused = server.buy("/use").await;
        assert_eq!(tried(&server, "/use", &once).await, SERVED);
        assert_eq!(tried(&server, "/hour", &hour).await, SERVED);
        stop(&mut server).await;
        lose(&ledger, &before);

        refused(&shop, &server, word).await;
        refused(&shop, &server, word).await;
        let error = start_once(&shop, &server, true).await;
        assert!(error.is_none(), "{word}: {error:?}");
        server.restart(&shop).await;
        for token in [&once, &unused] {
            assert_eq!(
                tried(&server, "/use", token).await,
                refusal(402, "revoked"),
                "{word}"
            );
        }
        assert_eq!(tried(&server, "/hour", &hour).await, SERVED);
        sells_once(&server).await;
        stop(&mut server).await;
        // Nothing is wrong any more, so a flag that was left in a script does nothing.
        assert!(start_once(&shop, &server, true).await.is_none());
        let known = identity(&home, |_| {});
        assert_eq!(
            (known.number.unwrap().0, known.uses_from.0),
            (2, 2),
            "{word}"
        );
        put_back(&ledger, &before);
        refused(&shop, &server, "older").await;
    }
}

/// Asserts that a new token for one answer is good for one.
async fn sells_once(server: &GatewayUnderTest) {
    let token = server.buy("/use").await;
    assert_eq!(tried(server, "/use", &token).await, SERVED);
    assert_eq!(
        tried(server, "/use", &token).await,
        refusal(402, "consumed")
    );
}

/// FAULTS S7: the key is there, and nothing else; then each number is another one. Also: the key is
/// gone and the rest is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_a_ledger_and_a_ledger_without_its_key_are_refused() {
    let shop = shop(upstream(false, describe).await);
    let mut server = serve(&shop).await;
    let home = server.home.path().to_owned();
    let spent = server.buy("/use").await;
    assert_eq!(tried(&server, "/use", &spent).await, SERVED);
    stop(&mut server).await;
    let mut numbers = vec![1];
    for _ in 0..2 {
        fs::remove_file(home.join("gateway.db")).unwrap();
        fs::remove_file(home.join("ledger.id")).unwrap();
        refused(&shop, &server, "missing").await;
        assert!(
            !home.join("gateway.db").exists(),
            "a refused start makes none"
        );
        assert!(start_once(&shop, &server, true).await.is_none());
        numbers.push(identity(&home, |_| {}).number.unwrap().0);
    }
    numbers.dedup();
    assert!(
        numbers.len() == 3 && numbers[1..].iter().all(|n| *n >= 1024),
        "{numbers:?}"
    );
    server.restart(&shop).await;
    assert_eq!(
        tried(&server, "/use", &spent).await,
        refusal(402, "revoked")
    );
    stop(&mut server).await;

    fs::rename(home.join("master.key"), home.join("kept.key")).unwrap();
    refused(&shop, &server, "master.key is missing").await;
    assert!(!home.join("master.key").exists());
    assert!(start_once(&shop, &server, true).await.is_none());
    server.restart(&shop).await;
    assert_eq!(
        tried(&server, "/use", &spent).await,
        refusal(401, "invalid_token")
    );
    stop(&mut server).await;
    fs::rename(home.join("kept.key"), home.join("master.key")).unwrap();
    refused(&shop, &server, "another one than before").await;
}

/// A number that is drawn without `ledger.id` is above all that may have sold: those that are named,
/// and that of a ledger from earlier or of another home.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_drawn_is_above_those_that_are_named() {
    let shop = shop(upstream(false, describe).await);
    let keys = tempfile::tempdir().unwrap();
    let key = keys.path().join("own.key");
    l402_host::private::create_hex_key(&key).unwrap();
    for lost in [&["gateway.db", "ledger.id"][..], &["ledger.id"]] {
        let mut server = serve(&shop).await;
        let home = server.home.path().to_owned();
        stop(&mut server).await;
        let shop = format!("[[keys]]\n[[keys]]\nnumber = 65278\nfile = {key:?}\n{shop}");
        server.restart(&shop).await;
        let spent = server.buy("/use").await;
        assert_eq!(tried(&server, "/use", &spent).await, SERVED);
        stop(&mut server).await;
        gone(&home, lost);
        if lost.len() == 1 {
            // Another home's, which has sold with another key and a low number.
            gone(&home, &["gateway.db"]);
            let other = [9; 16];
            identity(&home, |known| {
                (known.id, known.epoch) = (Some(LedgerId::from_bytes(other)), 5);
                known.number = Some(KeyNumber(1));
                known.fingerprints.insert(KeyNumber(1), other);
            });
        }
        assert!(start_once(&shop, &server, true).await.is_none());
        server.restart(&shop).await;
        let again = tried(&server, "/use", &spent).await;
        assert_eq!(again, refusal(402, "revoked"), "{lost:?}");
    }
}

/// `ledger.id` is damaged, and the ledger was put back from a copy: the start that is told to begin a
/// new ledger does so, since nothing else tells that uses are lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_id_and_a_ledger_from_earlier_begin_a_new_number() {
    let shop = shop(upstream(false, describe).await);
    let mut server = serve(&shop).await;
    let home = server.home.path().to_owned();
    let (ledger, before) = (home.join("gateway.db"), home.join("before.db"));
    stop(&mut server).await;
    fs::copy(&ledger, &before).unwrap();
    server.restart(&shop).await;
    let spent = server.buy("/use").await;
    assert_eq!(tried(&server, "/use", &spent).await, SERVED);
    stop(&mut server).await;
    put_back(&ledger, &before);
    fs::write(home.join("ledger.id"), "{").unwrap();
    refused(&shop, &server, "ledger.id").await;
    assert!(start_once(&shop, &server, true).await.is_none());
    server.restart(&shop).await;
    let again = tried(&server, "/use", &spent).await;
    assert_eq!(again, refusal(402, "revoked"));
    sells_once(&server).await;
    stop(&mut server).await;
    // The flag that was left in a script does nothing.
    let number = identity(&home, |_| {}).number;
    assert!(start_once(&shop, &server, true).await.is_none());
    assert_eq!(identity(&home, |_| {}).number, number);
}

/// FAULTS S7: a ledger that was copied while it was in use, one minute or more before it is put back.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_from_a_minute_ago_is_older() {
    let shop = shop(upstream(false, describe).await);
    let mut server = serve(&shop).await;
    let home = server.home.path().to_owned();
    let mut copies = Vec::new();
    for minute in 0..3 {
        let token = server.buy("/use").await;
        assert_eq!(tried(&server, "/use", &token).await, SERVED);
        let copy = home.join(format!("copy-{minute}.db"));
        let raw = rusqlite::Connection::open(home.join("gateway.db")).unwrap();
        raw.execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
            .unwrap();
        copies.push(copy);
        server.clock.advance(Duration::from_secs(60));
    }
    stop(&mut server).await;
    let right = fs::read(home.join("gateway.db")).unwrap();
    for copy in copies {
        fs::copy(copy, home.join("gateway.db")).unwrap();
        refused(&shop, &server, "older").await;
    }
    fs::write(home.join("gateway.db"), right).unwrap();
    assert!(start_once(&shop, &server, false).await.is_none());
}

/// FAULTS S7: of several first starts at once one makes key, ledger and id, and the others use them.
#[tokio::test(flavor = "multi_thread")]
async fn first_starts_at_once_make_one_key_and_one_ledger() {
    let shop = shop(upstream(false, describe).await);
    let home = tempfile::tempdir().unwrap();
    let clock = l402_testkit::clock();
    let open = Open::new(home.path(), clock.clone());
    let node = Node::Sandbox.receiver(open).await.unwrap().receive;
    let (shop, path, go) = (
        Arc::new(shop),
        home.path().to_owned(),
        Arc::new(Barrier::new(3)),
    );
    let starts: Vec<_> = (0..3)
        .map(|_| {
            let (shop, path, go) = (Arc::clone(&shop), path.clone(), Arc::clone(&go));
            let (clock, node) = (clock.clone(), Arc::clone(&node));
            tokio::task::spawn_blocking(move || {
                let text = format!("listen = [\"127.0.0.1:0\"]\nworkers = 1\n{shop}");
                let config = Config::from_toml(&text, "test.toml").expect("sound");
                go.wait();
                Gateway::start(config, &Home::at(path).expect("a home"), clock, node)
            })
        })
        .collect();
    let mut gateways = Vec::new();
    for start in starts {
        gateways.push(start.await.unwrap().expect("each of them starts"));
    }
    let known = identity(&path, |_| {});
    assert_eq!(
        (
            known.epoch,
            known.number.unwrap().0,
            known.fingerprints.len()
        ),
        (3, 1, 1)
    );
    let mark = fs::read_to_string(path.join("ledger.id")).unwrap();
    assert!(mark.contains(&known.id.unwrap().to_string()), "{mark}");
    assert!(!path.join("start.lock").exists());
    tokio::task::spawn_blocking(move || drop(gateways))
        .await
        .unwrap();
}

/// What a start had written when it ended, if the key that has sold was among it, and how a home is
/// brought back to that point.
type Ended = (&'static str, bool, fn(&Path));

const ENDED: [Ended; 6] = [
    ("nothing", false, |home| {
        gone(home, &["master.key", "ledger.id", "gateway.db"])
    }),
    ("an empty ledger", false, |home| {
        gone(home, &["master.key", "ledger.id", "gateway.db"]);
        rewind(home, 0);
    }),
    ("the fingerprint", false, |home| {
        rewind(home, 0);
        gone(home, &["master.key", "ledger.id"]);
    }),
    ("the key", true, |home| {
        rewind(home, 0);
        gone(home, &["ledger.id"]);
    }),
    ("epoch 1", true, |home| gone(home, &["ledger.id"])),
    ("a later epoch", true, |home| rewind(home, 99)),
];

fn gone(home: &Path, names: &[&str]) {
    for name in names {
        fs::remove_file(home.join(name)).expect("it is there");
    }
}

fn rewind(home: &Path, epoch: u64) {
    identity(home, |known| known.epoch = epoch);
}

/// FAULTS S7: a first start, and a later one, that end between two writes. The next start works.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_ended_half_way_is_taken_up_again() {
    let shop = shop(upstream(false, describe).await);
    let mut whole = serve(&shop).await;
    let paid = whole.buy("/use").await;
    stop(&mut whole).await;
    for (written, same_key, end) in ENDED {
        let mut server = serve(&shop).await;
        stop(&mut server).await;
        let home = server.home.path().to_owned();
        for name in ["master.key", "ledger.id", "gateway.db"] {
            fs::copy(whole.home.path().join(name), home.join(name)).unwrap();
        }
        end(&home);
        server.restart(&shop).await;
        let outcome = if same_key {
            SERVED
        } else {
            refusal(401, "invalid_token")
        };
        assert_eq!(tried(&server, "/use", &paid).await, outcome, "{written}");
        sells_once(&server).await;
        stop(&mut server).await;
        let known = identity(&home, |_| {});
        assert_eq!(known.number.unwrap().0, 1, "{written}");
        let error = start_once(&shop, &server, false).await;
        assert!(error.is_none(), "{written}: {error:?}");
    }
}

/// FAULTS S7: a home of an earlier program starts, and what is spent stays spent.
#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_from_before_there_were_ids_is_taken_once() {
    let shop = shop(upstream(false, describe).await);
    let mut server = serve(&shop).await;
    let home = server.home.path().to_owned();
    let spent = server.buy("/use").await;
    assert_eq!(tried(&server, "/use", &spent).await, SERVED);
    stop(&mut server).await;
    let raw = rusqlite::Connection::open(home.join("gateway.db")).unwrap();
    // As it was before there was a log: the use that the log tells of stands in the table.
    raw.execute_batch(
        "INSERT OR REPLACE INTO payments SELECT substr(entries, 10, 32), 1, 0, 0, 4000000000, 0 \
             FROM log WHERE substr(entries, 1, 1) = x'01';
         DROP TABLE log; ALTER TABLE payments DROP COLUMN folded;
         CREATE TABLE reservations (id INTEGER PRIMARY KEY);
         DROP TABLE ledger; DROP TABLE keys; DROP TABLE gateways; DROP TABLE revocations; PRAGMA user_version = 2",
    )
    .unwrap();
    drop(raw);
    let earlier = fs::read(home.join("gateway.db")).unwrap();
    fs::remove_file(home.join("ledger.id")).unwrap();
    server.restart(&shop).await;
    assert_eq!(
        tried(&server, "/use", &spent).await,
        refusal(402, "consumed")
    );
    stop(&mut server).await;
    assert_eq!(identity(&home, |_| {}).number.unwrap().0, 1);
    fs::write(home.join("gateway.db"), earlier).unwrap();
    refused(&shop, &server, "older").await;
}

/// FAULTS S9: a new key with a number of its own, and an end for the old one. ATTACKS T-23.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_key_is_good_until_its_end() {
    let shop = shop(upstream(false, describe).await);
    let mut server = serve(&shop).await;
    let home = server.home.path().to_owned();
    let (spent, unused) = (server.buy("/use").await, server.buy("/use").await);
    let hour = server.buy("/hour").await;
    assert_eq!(tried(&server, "/use", &spent).await, SERVED);
    stop(&mut server).await;
    let second = home.join("second.key");
    l402_host::private::create_hex_key(&second).unwrap();
    let until = server.clock.wall().saturating_add(Duration::from_secs(600));
    let keys = |until: &str| {
        format!(
            "[[keys]]\nnumber = 1\nuntil = {until}\n[[keys]]\nnumber = 2\nfile = {:?}\n{shop}",
            second.to_str().unwrap()
        )
    };
    let ending = keys(&until.to_rfc3339());
    server.restart(&ending).await;
    assert_eq!(
        tried(&server, "/use", &spent).await,
        refusal(402, "consumed")
    );
    assert_eq!(tried(&server, "/use", &unused).await, SERVED);
    let (new, new_hour) = (server.buy("/use").await, server.buy("/hour").await);
    assert_eq!(tried(&server, "/hour", &hour).await, SERVED);
    server.clock.advance(Duration::from_secs(601));
    for (path, token) in [("/hour", &hour), ("/use", &spent)] {
        assert_eq!(tried(&server, path, token).await, refusal(402, "expired"));
    }
    assert_eq!(tried(&server, "/hour", &new_hour).await, SERVED);
    assert_eq!(tried(&server, "/use", &new).await, SERVED);
    stop(&mut server).await;
    // Without its entry the old key is unknown.
    let alone = format!(
        "[[keys]]\nnumber = 2\nfile = {:?}\n{shop}",
        second.to_str().unwrap()
    );
    server.restart(&alone).await;
    assert_eq!(
        tried(&server, "/hour", &hour).await,
        refusal(401, "invalid_token")
    );
    assert_eq!(tried(&server, "/hour", &new_hour).await, SERVED);
    stop(&mut server).await;
    // A key that is exchanged under its number would turn all its tokens away.
    fs::remove_file(&second).unwrap();
    l402_host::private::create_hex_key(&second).unwrap();
    refused(&alone, &server, "number 2").await;
}

/// FAULTS S9: each mistake names its key; today's form with one table stays.
#[test]
fn entries_that_are_wrong_are_named() {
    let route = "[[route]]\npath = \"/a\"\nupstream = \"http://127.0.0.1:1\"\nprice = \"1 sat\"\n";
    let read = |keys: &str| Config::from_toml(&format!("{keys}\n{route}"), "shop.toml");
    let two = "[[keys]]\nfile = \"a\"\n[[keys]]\nfile = \"b\"";
    for (keys, key, word) in [
        (two, "keys[1].number", "twice"),
        ("[[keys]]\nnumber = 2", "keys[0].file", "missing"),
        ("[[keys]]\nnumber = 0", "keys[0].number", "from 1 to 65535"),
        ("[[keys]]\nuntil = \"soon\"", "keys[0].until", "not a time"),
        (
            "[[keys]]\nuntil = 2027-01-01",
            "keys[0].until",
            "not a time",
        ),
        (
            "[[keys]]\nfiles = \"a\"",
            "keys[0].files",
            "did you mean file",
        ),
        ("keys = 1", "keys", "[[keys]]"),
    ] {
        let mistakes = read(keys).expect_err(keys);
        let found = mistakes.iter().find(|mistake| mistake.key() == key);
        let text = found.map(ToString::to_string).unwrap_or_default();
        assert!(text.contains(word), "{keys}: {mistakes:?}");
    }
    let today = read("[keys]\nfile = \"a.key\"").unwrap();
    assert_eq!(
        today,
        read("[[keys]]\nnumber = 1\nfile = \"a.key\"").unwrap()
    );
    assert_eq!(read("").unwrap(), read("[[keys]]").unwrap());
}

/// FAULTS S9: the key that sells has no end.
#[tokio::test(flavor = "multi_thread")]
async fn the_key_that_sells_cannot_end() {
    let shop = shop(upstream(false, describe).await);
    let home = tempfile::tempdir().unwrap();
    let text = format!("[[keys]]\nuntil = \"2027-01-01T00:00:00Z\"\n{shop}");
    let error = start(&text, home.path(), l402_testkit::clock(), false)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), GatewayErrorKind::Configuration);
    assert!(error.to_string().contains("remove until"), "{error}");
}

/// A key that has ended also has for the numbers without an entry that share it: a thief of it
/// could write any of them into a token.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_key_is_that_of_every_number_that_has_it() {
    let shop = shop(upstream(false, describe).await);
    let mut server = serve(&shop).await;
    let home = server.home.path().to_owned();
    stop(&mut server).await;
    // Number 2, with the key of number 1.
    fs::remove_file(home.join("gateway.db")).unwrap();
    assert!(start_once(&shop, &server, true).await.is_none());
    server.restart(&shop).await;
    let hour = server.buy("/hour").await;
    stop(&mut server).await;
    let ended = "[[keys]]\nuntil = \"2020-01-01T00:00:00Z\"\n";
    let error = start_once(&format!("{ended}{shop}"), &server, false).await;
    assert!(error.unwrap().to_string().contains("remove until"));
    let second = home.join("second.key");
    l402_host::private::create_hex_key(&second).unwrap();
    let text = format!("{ended}[[keys]]\nnumber = 3\nfile = {second:?}\n{shop}");
    server.restart(&text).await;
    assert_eq!(
        tried(&server, "/hour", &hour).await,
        refusal(402, "expired")
    );
}

/// FAULTS S8: the clock is behind the ledger: counted uses wait, and nothing else does.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_far_stops_counted_uses_alone() {
    let shop = shop(upstream(false, describe).await);
    let mut server = serve(&shop).await;
    let right = server.clock.wall();
    stop(&mut server).await;
    let ahead = right.saturating_add(Duration::from_secs(400 * 86_400));
    server.clock.set_wall(ahead);
    server.restart(&shop).await;
    let early = server.buy("/use").await;
    assert_eq!(tried(&server, "/use", &early).await, SERVED);
    server.clock.set_wall(right);
    let (once, hour) = (server.buy("/use").await, server.buy("/hour").await);
    assert_eq!(tried(&server, "/hour", &hour).await, SERVED);
    for _ in 0..2 {
        let answer = server.get("/use", Some(&once)).await;
        let document = answer.json();
        assert_eq!(
            (answer.status(), answer.code()),
            (503, "store_unavailable".to_owned())
        );
        assert_eq!(
            (&document["paid"], &document["retry_with"]),
            (&true.into(), &"same_token".into())
        );
        stop(&mut server).await;
        server.restart(&shop).await;
    }
    // Steps of some seconds, and of half an hour, stop nothing.
    let near = UnixTime::from_secs(ahead.secs() - 1800);
    server.clock.set_wall(near);
    let now = server.buy("/use").await;
    assert_eq!(tried(&server, "/use", &now).await, SERVED);
    stop(&mut server).await;
    // If the ledger is the one that is wrong, the way out is a new one.
    server.clock.set_wall(right);
    assert!(start_once(&shop, &server, true).await.is_none());
    server.restart(&shop).await;
    assert_eq!(tried(&server, "/use", &once).await, refusal(402, "revoked"));
    let fresh = server.buy("/use").await;
    assert_eq!(tried(&server, "/use", &fresh).await, SERVED);
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).expect("a file").permissions())
        & 0o777
}

#[cfg(unix)]
fn widen(path: &Path, mode: u32) {
    let wide = std::os::unix::fs::PermissionsExt::from_mode(mode);
    fs::set_permissions(path, wide).expect("ours");
}

/// FAULTS S13: what the program alone writes is narrowed.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn files_of_ours_that_lie_open_are_closed_by_a_start() {
    let shop = shop(upstream(false, describe).await);
    let mut server = serve(&shop).await;
    server.buy("/use").await;
    stop(&mut server).await;
    let home = server.home.path();
    let files = ["gateway.db", "ledger.id", "sandbox/sandbox.db"].map(|name| home.join(name));
    let folders = [home.to_owned(), home.join("sandbox")];
    files.iter().for_each(|path| widen(path, 0o644));
    folders.iter().for_each(|path| widen(path, 0o777));
    assert!(start_once(&shop, &server, false).await.is_none());
    assert_eq!(files.map(|path| mode(&path)), [0o600; 3]);
    assert_eq!(folders.map(|path| mode(&path)), [0o700; 2]);
}

/// FAULTS S13: what others could have read or chosen is refused, with the way to fix it.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_lie_open_and_links_are_refused() {
    let shop = shop(upstream(false, describe).await);
    let mut server = serve(&shop).await;
    stop(&mut server).await;
    let home = server.home.path();
    let other = tempfile::tempdir().unwrap();
    crate::tls::certificate(other.path());
    let at = |name: &str| other.path().join(name).display().to_string();
    let open = other.path().join("open");
    fs::create_dir(&open).unwrap();
    widen(&open, 0o777);
    fs::copy(home.join("master.key"), open.join("a.key")).unwrap();
    std::os::unix::fs::symlink(home.join("master.key"), other.path().join("link.key")).unwrap();
    widen(&other.path().join("key.pem"), 0o644);
    let key = |name: &str| format!("[keys]\nfile = \"{}\"\n{shop}", at(name));
    let (certificate, tls) = (at("cert.pem"), at("key.pem"));
    let tls = format!("[tls]\ncertificate = \"{certificate}\"\nkey = \"{tls}\"\n{shop}");
    for (text, fix) in [
        (key("open/a.key"), "chmod go-w"),
        (key("link.key"), "master.key"),
        (tls, "chmod 640"),
    ] {
        let error = start_once(&text, &server, false)
            .await
            .expect("it is refused");
        assert_eq!(error.kind(), GatewayErrorKind::UnsafeFile, "{error}");
        assert!(error.to_string().contains(fix), "{error}");
    }
    // A ledger that is a link, to a file that everybody can write.
    let ledger = home.join("gateway.db");
    fs::rename(&ledger, other.path().join("real.db")).unwrap();
    widen(&other.path().join("real.db"), 0o666);
    std::os::unix::fs::symlink(other.path().join("real.db"), &ledger).unwrap();
    let error = start_once(&shop, &server, false)
        .await
        .expect("it is refused");
    assert_eq!(error.kind(), GatewayErrorKind::UnsafeFile, "{error}");
}
