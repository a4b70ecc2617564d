//! Revocations in the ledger of two gateways.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use l402::{Credential, Identifier, UnixTime};
use l402_gateway::{Config, GatewayErrorKind, Home, Stores};
use l402_server::ledger::register::{Register, begin_next_number};
use l402_server::revoked::{Revocation, Revoke};
use tokio::time::timeout;

use crate::harness::{GatewayUnderTest, QUIET, describe, request, send, serve, start, upstream};

/// Two services before one upstream: `/three` sells three answers, `/hour` an hour.
fn shop(upstream: SocketAddr) -> String {
    let route = |path: &str, policy: &str| {
        format!(
            "[[route]]\npath = \"/{path}\"\nupstream = \"http://{upstream}\"\nprice = \"50 sat\"\n\
             service = \"{path}\"\npolicy = \"{policy}\"\n"
        )
    };
    QUIET.to_owned() + &route("three", "uses=3") + &route("hour", "time=1h")
}

fn identifier(credential: &str) -> Identifier {
    let line = [("authorization", credential.as_bytes())];
    let credential = Credential::from_headers(line).expect("well formed");
    let credential = credential.expect("one");
    credential.macaroon().identifier().expect("ours")
}

/// The register, as a command opens it.
fn register(server: &GatewayUnderTest) -> Arc<dyn Register> {
    let home = Home::at(server.home.path()).expect("a home");
    let stores = Stores::of(&Config::default(), &home);
    stores.register().expect("the ledger is there")
}

fn revoke(server: &GatewayUnderTest, what: Revoke) {
    let revocation = Revocation::new(what, UnixTime::from_secs(1));
    let added = register(server).revoke(&[revocation]).expect("written");
    assert_eq!(added, [true]);
}

async fn status(address: SocketAddr, path: &str, credential: &str) -> (u16, String) {
    let answer = send(address, request("GET", path, Some(credential), b"")).await;
    match answer.status() {
        200 => (200, String::new()),
        refused => (refused, answer.code()),
    }
}

fn is_revoked(answer: &(u16, String)) -> bool {
    *answer == (402, "revoked".to_owned())
}

/// Asks until a gateway refuses the credential as revoked. The time is a time-out alone.
async fn until_revoked(address: SocketAddr, path: &str, credential: &str) {
    let asking = async {
        while !is_revoked(&status(address, path, credential).await) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let heard = timeout(Duration::from_secs(20), asking).await;
    heard.expect("the gateway hears of it");
}

/// ATTACKS T-24.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_is_refused_by_every_gateway_and_after_a_restart() {
    let text = shop(upstream(false, describe).await);
    let mut one = serve(&text).await;
    let other = start(&text, one.home.path(), one.clock.clone()).await;
    let other = other.expect("a second gateway in the home");
    let second = other.local_addrs()[0];
    let (token, payment, kept) = (
        one.buy("/hour").await,
        one.buy("/hour").await,
        one.buy("/hour").await,
    );
    for address in [one.address, second] {
        for credential in [&token, &payment, &kept] {
            assert_eq!(status(address, "/hour", credential).await.0, 200);
        }
    }

    revoke(&one, Revoke::Token(identifier(&token).token_id));
    revoke(&one, Revoke::Payment(identifier(&payment).payment_hash));
    for address in [one.address, second] {
        for credential in [&token, &payment] {
            until_revoked(address, "/hour", credential).await;
        }
        assert_eq!(status(address, "/hour", &kept).await.0, 200);
    }
    // A reload makes other routes, with the same set.
    assert!(one.reload(&text).is_ok());
    assert!(is_revoked(&status(one.address, "/hour", &token).await));

    one.shutdown(Duration::from_secs(1)).await;
    one.restart(&text).await;
    // The first request of all: it was known before the gateway listened.
    assert!(is_revoked(&status(one.address, "/hour", &token).await));
    assert!(is_revoked(&status(one.address, "/hour", &payment).await));
    assert_eq!(status(one.address, "/hour", &kept).await.0, 200);
}

/// Two homes, as on two machines: the database alone is common to them, and the master key.
#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_is_refused_by_every_gateway_of_a_database() {
    use l402_testkit::postgres::PostgresServer;

    let database = PostgresServer::start();
    let ledger = format!("[ledger]\nurl = \"{}\"\n", database.url());
    let text = shop(upstream(false, describe).await) + &ledger;
    let mut one = serve(&text).await;
    let home = tempfile::tempdir().expect("a home");
    let key = |folder: &std::path::Path| folder.join("master.key");
    std::fs::copy(key(one.home.path()), key(home.path())).expect("a copy");
    let other = start(&text, home.path(), one.clock.clone()).await;
    let other = other.expect("a gateway on another machine");
    let second = other.local_addrs()[0];
    let (token, kept) = (one.buy("/hour").await, one.buy("/hour").await);
    let three = one.buy("/three").await;
    for address in [one.address, second] {
        assert_eq!(status(address, "/hour", &token).await.0, 200);
        assert_eq!(status(address, "/three", &three).await.0, 200);
    }

    let config = Config::from_toml(&text, "test.toml").expect("a sound configuration");
    let stores = Stores::of(&config, &Home::at(home.path()).expect("a home"));
    let revoke = move || {
        stores.with_register(|register| {
            let tokens = [&three, &token].map(|credential| {
                let what = Revoke::Token(identifier(credential).token_id);
                Revocation::new(what, UnixTime::from_secs(1))
            });
            assert_eq!(register.revoke(&tokens)?, [true; 2]);
            Ok((token, three))
        })
    };
    let revoked = tokio::task::spawn_blocking(revoke).await.expect("no panic");
    let (token, three) = revoked.expect("written");
    for address in [one.address, second] {
        until_revoked(address, "/hour", &token).await;
        // Taken over in their order.
        assert!(is_revoked(&status(address, "/three", &three).await));
        assert_eq!(status(address, "/hour", &kept).await.0, 200);
    }
    one.shutdown(Duration::from_secs(1)).await;
    one.restart(&text).await;
    assert!(is_revoked(&status(one.address, "/hour", &token).await));
    assert_eq!(status(one.address, "/hour", &kept).await.0, 200);
    tokio::task::spawn_blocking(move || drop(other))
        .await
        .expect("no panic");
}

/// Nobody pays for a token that is dead at once: the number that begins with the revocation is free of
/// it, and a gateway that does not mint by it yet sells nothing of the service.
#[tokio::test(flavor = "multi_thread")]
async fn by_time_other_services_go_on_and_the_next_number_is_free_of_it() {
    let text = shop(upstream(false, describe).await);
    let mut server = serve(&text).await;
    let (three, hour) = (server.buy("/three").await, server.buy("/hour").await);
    let mark = server.buy("/hour").await;
    assert_eq!(status(server.address, "/three", &three).await.0, 200);

    let next = begin_next_number(&*register(&server), UnixTime::from_secs(1));
    let spares = next.expect("written");
    assert!(spares.is_some());
    let three_until_now = Revoke::Minted {
        before: l402_testkit::START,
        service: Some("three".parse().expect("a service")),
        spares,
    };
    revoke(&server, three_until_now);
    // Taken over in their order: what was revoked before is known too.
    revoke(&server, Revoke::Token(identifier(&mark).token_id));
    until_revoked(server.address, "/hour", &mark).await;
    let refused = status(server.address, "/three", &three).await;
    assert!(is_revoked(&refused) || refused.0 == 503, "{refused:?}");
    assert_eq!(status(server.address, "/hour", &hour).await.0, 200);

    server.shutdown(Duration::from_secs(1)).await;
    server.restart(&text).await;
    let refused = server.get("/three", Some(&three)).await;
    assert_eq!((refused.status(), &*refused.code()), (402, "revoked"));
    assert_eq!(refused.header("l402-use"), Some("kept"));
    let new = server.pay(&refused).await;
    assert_eq!(status(server.address, "/three", &new).await.0, 200);
    assert_eq!(status(server.address, "/hour", &hour).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_it_is_refused_for_good_and_no_other_request_fails() {
    let text = shop(upstream(false, describe).await);
    let server = serve(&text).await;
    let (token, kept) = (server.buy("/hour").await, server.buy("/hour").await);
    let (address, done) = (server.address, Arc::new(AtomicBool::new(false)));
    let ask = |credential: &str, may_end: bool| {
        let (credential, done) = (credential.to_owned(), Arc::clone(&done));
        tokio::spawn(async move {
            let (mut served, mut refused) = (0, 0);
            while !done.load(Ordering::Relaxed) || served + refused == 0 {
                let answer = status(address, "/hour", &credential).await;
                match answer.0 {
                    200 if refused == 0 => served += 1,
                    402 if may_end && is_revoked(&answer) => refused += 1,
                    _ => panic!("{answer:?} after {refused} refused"),
                }
            }
            (served, refused)
        })
    };
    let asking = [
        ask(&token, true),
        ask(&token, true),
        ask(&kept, false),
        ask(&kept, false),
    ];
    revoke(&server, Revoke::Token(identifier(&token).token_id));
    until_revoked(address, "/hour", &token).await;
    done.store(true, Ordering::Relaxed);
    for asked in asking {
        let (served, refused) = asked.await.expect("no answer was wrong");
        assert!(served + refused > 0);
    }
}

/// A gateway must not serve what it cannot know to be good.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_cannot_read_what_was_revoked_is_refused() {
    let text = shop(upstream(false, describe).await);
    let mut server = serve(&text).await;
    server.shutdown(Duration::from_secs(1)).await;
    let ledger = server.home.path().join("gateway.db");
    let raw = rusqlite::Connection::open(&ledger).expect("a database");
    let sql = "INSERT INTO revocations (kind, subject, before, revoked) VALUES (9, x'00', 0, 0)";
    raw.execute(sql, []).expect("a row");
    let started = start(&text, server.home.path(), server.clock.clone()).await;
    let error = started.expect_err("it is refused");
    assert_eq!(error.kind(), GatewayErrorKind::Ledger, "{error}");
    raw.execute("DELETE FROM revocations", []).expect("a row");
    server.restart(&text).await;
}

#[test]
fn a_command_in_the_wrong_folder_makes_no_ledger() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = Home::at(folder.path()).expect("a home");
    let stores = Stores::of(&Config::default(), &home);
    let error = stores.register().expect_err("there is none");
    assert_eq!(error.kind(), GatewayErrorKind::Ledger);
    assert!(error.to_string().contains("L402_HOME"), "{error}");
    assert!(!folder.path().join("gateway.db").exists());
}
