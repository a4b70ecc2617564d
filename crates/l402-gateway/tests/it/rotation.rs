//! Key numbers that begin and end while gateways serve.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use l402::{Credential, KeyNumber, UnixTime};
use l402_gateway::{Config, GatewayErrorKind, Home, SellerKeys, Stores};
use l402_server::ledger::SqliteLedger;
use l402_server::ledger::register::Register;
use tokio::time::timeout;

use crate::harness::{GatewayUnderTest, QUIET, describe, request, send, serve, start, upstream};

const NOW: UnixTime = l402_testkit::START;

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

fn keys(server: &GatewayUnderTest) -> SellerKeys {
    let home = Home::at(server.home.path()).expect("a home");
    SellerKeys::of(&Config::default(), &home)
}

fn register(server: &GatewayUnderTest) -> Arc<dyn Register> {
    let home = Home::at(server.home.path()).expect("a home");
    let stores = Stores::of(&Config::default(), &home);
    stores.register().expect("the ledger is there")
}

fn minted_by(credential: &str) -> u16 {
    let line = [("authorization", credential.as_bytes())];
    let credential = Credential::from_headers(line).expect("well formed");
    let identifier = credential.expect("one").macaroon().identifier();
    identifier.expect("ours").token_id.key_number().0
}

async fn status(address: SocketAddr, path: &str, credential: &str) -> (u16, String) {
    let answer = send(address, request("GET", path, Some(credential), b"")).await;
    match answer.status() {
        200 => (200, String::new()),
        refused => (refused, answer.code()),
    }
}

/// Waits until a number is said to mint. The time is a time-out alone.
async fn until_mints(server: &GatewayUnderTest, number: u16) {
    let looking = async {
        while !keys(server).line(KeyNumber(number)).expect("known").mints {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let began = timeout(Duration::from_secs(20), looking).await;
    began.expect("the gateways take it up");
}

/// Buys until a token is of this number. The gateway that sells it may hear of it a moment later.
async fn buy_of(server: &GatewayUnderTest, path: &str, number: u16) -> String {
    let buying = async {
        loop {
            let bought = server.buy(path).await;
            if minted_by(&bought) == number {
                return bought;
            }
        }
    };
    let bought = timeout(Duration::from_secs(20), buying).await;
    bought.expect("it is minted with")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_keys_rotate_and_old_tokens_work_to_their_end() {
    let text = shop(upstream(false, describe).await);
    let one = serve(&text).await;
    let other = start(&text, one.home.path(), one.clock.clone()).await;
    let second = other.as_ref().expect("a second gateway").local_addrs()[0];
    let (old, counted) = (one.buy("/hour").await, one.buy("/use").await);
    let done = Arc::new(AtomicBool::new(false));
    let ask = |address: SocketAddr| {
        let (credential, done) = (old.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            while !done.load(Ordering::Relaxed) {
                let answer = status(address, "/hour", &credential).await;
                assert_eq!(answer.0, 200, "{answer:?}");
            }
        })
    };
    let asking = [ask(one.address), ask(second)];

    let line = keys(&one).rotate(NOW).expect("begun");
    assert_eq!((line.number, line.mints), (KeyNumber(2), false));
    until_mints(&one, 2).await;
    let same = buy_of(&one, "/use", 2).await;
    // What one gateway has minted the other one takes, without a moment between.
    assert_eq!(status(second, "/use", &same).await.0, 200);
    let (line, file) = keys(&one).rotate_master(NOW).expect("begun");
    assert_eq!(line.number, KeyNumber(3));
    assert!(file.ends_with("master-3.key"));
    until_mints(&one, 3).await;
    let new = buy_of(&one, "/use", 3).await;
    assert_eq!(status(second, "/use", &new).await.0, 200);
    assert_eq!(
        status(second, "/use", &new).await,
        (402, "consumed".to_owned())
    );
    assert_eq!(status(second, "/use", &counted).await.0, 200);

    done.store(true, Ordering::Relaxed);
    for asked in asking {
        asked.await.expect("every answer was served");
    }
    let lines = keys(&one).list().expect("read");
    let held: Vec<_> = lines.iter().map(|line| line.held_by.len()).collect();
    assert_eq!(held, [2, 2, 2]);
    assert_ne!(lines[1].fingerprint, lines[2].fingerprint);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_minted_by_a_number_whose_key_a_gateway_lacks() {
    let text = shop(upstream(false, describe).await);
    let server = serve(&text).await;
    // A gateway that has the ledger open and has reported nothing, such as one that starts.
    let path = server.home.path().join("gateway.db");
    let starting = tokio::task::spawn_blocking(move || SqliteLedger::open(&path));
    let starting = starting.await.expect("no panic").expect("open");
    let (line, file) = keys(&server).rotate_master(NOW).expect("begun");
    assert!(line.waits && !line.mints);
    let waiting = async {
        // The gateway itself has reported it; the other one has not.
        while keys(&server)
            .line(KeyNumber(2))
            .expect("known")
            .lacked_by
            .len()
            > 1
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), waiting)
        .await
        .expect("reported");
    let line = keys(&server).line(KeyNumber(2)).expect("known");
    assert_eq!(line.lacked_by, ["a gateway that starts"]);
    assert!(line.waits && minted_by(&server.buy("/hour").await) == 1);
    let again = keys(&server).rotate(NOW).expect_err("one waits");
    assert!(again.to_string().contains("key number 2 waits"), "{again}");

    tokio::task::spawn_blocking(move || drop(starting))
        .await
        .expect("closed");
    until_mints(&server, 2).await;
    assert!(file.exists());
}

/// A crash between the file and the row, and a key that comes to this machine later.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_a_number_is_nothing_and_a_number_waits_for_its_file() {
    let text = shop(upstream(false, describe).await);
    let mut server = serve(&text).await;
    let (home, clock) = (server.home.path().to_owned(), server.clock.clone());
    let key = l402::MasterKey::from_hex(
        "8c14e09b6f52d37a1b90c6ef3d4870a2b95d617ce2f30844d9ab1c5e7f026d93",
    );
    let key = key.expect("a key");
    let orphan = home.join("master-2.key");
    let put = |path: &std::path::Path| {
        let made = l402_host::private::create(path, key.to_hex().as_bytes());
        assert!(made.expect("written"));
    };
    put(&orphan);
    server.shutdown(Duration::from_secs(1)).await;
    server.restart(&text).await;
    assert_eq!(minted_by(&server.buy("/hour").await), 1);
    assert_eq!(keys(&server).list().expect("read").len(), 1);
    // Its number is not given to another key.
    assert_eq!(
        keys(&server).rotate(NOW).expect("begun").number,
        KeyNumber(3)
    );
    until_mints(&server, 3).await;

    fs::remove_file(&orphan).expect("gone");
    server.shutdown(Duration::from_secs(1)).await;
    server.restart(&text).await;
    let changed = register(&server)
        .change_keys(&mut |book| book.begin(KeyNumber(4), key.fingerprint(), NOW).is_ok());
    assert_eq!(changed.expect("written").waiting(), Some(KeyNumber(4)));
    let other = start(&text, &home, clock).await.expect("a second gateway");
    let line = keys(&server).line(KeyNumber(4)).expect("known");
    assert!(line.waits && !line.is_here);
    assert_eq!(line.lacked_by.len(), 2);
    assert_eq!(minted_by(&server.buy("/hour").await), 3);
    put(&home.join("master-4.key"));
    until_mints(&server, 4).await;
    drop(tokio::task::spawn_blocking(move || drop(other)));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_whose_key_is_not_here_are_told_to_come_again() {
    let text = shop(upstream(false, describe).await);
    let mut server = serve(&text).await;
    let first = server.buy("/hour").await;
    let (_, file) = keys(&server).rotate_master(NOW).expect("begun");
    until_mints(&server, 2).await;
    let second = buy_of(&server, "/hour", 2).await;
    server.shutdown(Duration::from_secs(1)).await;
    let away = file.with_extension("away");
    fs::rename(&file, &away).expect("moved");
    let started = start(&text, server.home.path(), server.clock.clone()).await;
    let error = started.expect_err("the key that sells is not here");
    assert_eq!(error.kind(), GatewayErrorKind::MasterKey, "{error}");
    assert!(error.to_string().contains("master-2.key"), "{error}");

    // Another key sells: the one that is away is needed for tokens alone.
    fs::rename(&away, &file).expect("moved");
    let (line, _) = keys(&server).rotate_master(NOW).expect("begun");
    assert!(line.mints, "no gateway runs");
    fs::rename(&file, &away).expect("moved");
    server.restart(&text).await;
    assert_eq!(status(server.address, "/hour", &first).await.0, 200);
    let calls = server.node_calls();
    let answer = server.get("/hour", Some(&second)).await;
    assert_eq!(
        (answer.status(), &*answer.code()),
        (503, "store_unavailable")
    );
    assert!(answer.header("retry-after").is_some());
    assert_eq!(answer.json()["retry_with"], "same_token");
    assert_eq!(server.node_calls(), calls, "nobody is asked to buy again");

    fs::rename(&away, &file).expect("moved");
    let coming = async {
        while status(server.address, "/hour", &second).await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), coming)
        .await
        .expect("without a restart");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_number_is_refused_everywhere_and_what_mints_stays() {
    let text = shop(upstream(false, describe).await);
    let mut server = serve(&text).await;
    let old = server.buy("/hour").await;
    let mints = keys(&server)
        .retire(KeyNumber(1), NOW)
        .expect_err("it mints");
    assert!(mints.to_string().contains("rotate first"), "{mints}");
    keys(&server).rotate(NOW).expect("begun");
    until_mints(&server, 2).await;
    let new = buy_of(&server, "/hour", 2).await;
    keys(&server).retire(KeyNumber(1), NOW).expect("retired");
    let ending = async {
        while status(server.address, "/hour", &old).await.0 == 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), ending)
        .await
        .expect("it hears of it");
    let expired = (402, "expired".to_owned());
    assert_eq!(status(server.address, "/hour", &old).await, expired);
    server.shutdown(Duration::from_secs(1)).await;
    server.restart(&text).await;
    assert_eq!(status(server.address, "/hour", &old).await, expired);
    assert_eq!(status(server.address, "/hour", &new).await.0, 200);
}
