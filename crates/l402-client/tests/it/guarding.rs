//! Money is kept together while wallets, clocks, sellers and callers misbehave.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use l402::{Msat, Problem, UnixTime};
use l402_client::{Client, Error, Limits, Progress, Quote, Request, State};
use l402_lightning::Pay;
use l402_lightning::sandbox::{Fault, SandboxWallet};

use crate::odd_wallet::OddWallet;
use crate::server::Trouble;
use crate::world::{START, Watch, World, fetch};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn a_day_of(sat: u64) -> Limits {
    Limits::default().with_per_day(Msat::from_sat(sat))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_dropped_and_made_again_at_once_pays_once() {
    for round in 0..40 {
        let world = World::new().await;
        world.fault(Fault::Slow(Duration::from_millis(20)));
        let watch = Watch::new(true);
        let client = world.builder().progress(watch.clone()).build().unwrap();
        let (dropped, url) = (client.clone(), world.server.url("/joke"));
        let call = tokio::spawn(async move { fetch(&dropped, url).await });
        while !watch.told().iter().any(|event| event == "Paying") {
            tokio::task::yield_now().await;
        }
        call.abort();
        // On a machine that stood still meanwhile it has been served already.
        if call.await.is_ok() || world.server.seen().presented > 0 {
            continue;
        }
        let again = world.fetch(&client, "/joke").await.unwrap();
        assert_eq!(again.reused, Some(true), "{round}");
        assert_eq!(world.spent().await, Msat::from_sat(50), "{round}");
    }
}

#[tokio::test]
async fn what_a_wallet_was_asked_for_is_not_taken_for_never_begun() {
    let world = World::new().await;
    let wallet = Arc::new(OddWallet {
        forgets: true,
        ..OddWallet::new(&world.wallet, world.journal())
    });
    let client = world.builder().wallet(wallet.clone()).build().unwrap();
    for _ in 0..2 {
        let error = world.fetch(&client, "/joke").await.unwrap_err();
        assert!(matches!(error, Error::PaymentUnknown { .. }), "{error}");
    }
    assert_eq!(*wallet.states.lock().unwrap(), [State::Unknown]);
    assert_eq!(client.reconcile().await.unwrap(), 1);
    // Ten minutes after the invoice's end it can no longer begin.
    world.clock.advance(Duration::from_secs(1201));
    assert_eq!(client.reconcile().await.unwrap(), 0);
    assert_eq!(world.states(), [State::Failed]);
}

/// The record may be that of an earlier attempt, while this one begins. ATTACKS C-19.
#[tokio::test]
async fn the_record_of_a_failure_is_believed_at_once_of_a_wallet_that_vouches_for_it() {
    for vouches in [false, true] {
        let world = World::new().await;
        let wallet = Arc::new(OddWallet {
            forgets: true,
            recalls: Some(vouches),
            ..OddWallet::new(&world.wallet, world.journal())
        });
        let client = world.builder().wallet(wallet).build().unwrap();
        let error = world.fetch(&client, "/joke").await.unwrap_err();
        assert!(matches!(error, Error::PaymentUnknown { .. }), "{error}");
        // As after a restart.
        assert_eq!(client.reconcile().await.unwrap(), usize::from(!vouches));
        world.clock.advance(Duration::from_secs(1201));
        assert_eq!(client.reconcile().await.unwrap(), 0);
        assert_eq!(world.states(), [State::Failed]);
    }
}

#[tokio::test]
async fn only_the_wallet_that_was_asked_can_say_that_it_never_began() {
    let world = World::new().await;
    world.fault(Fault::Held);
    world.fetch(&world.client(), "/joke").await.unwrap_err();
    let other = Arc::new(SandboxWallet::open(&world.sandbox, "other").unwrap());
    let elsewhere = world.builder().wallet(other).build().unwrap();
    for _ in 0..2 {
        let error = world.fetch(&elsewhere, "/joke").await.unwrap_err();
        assert!(matches!(error, Error::PaymentUnknown { .. }), "{error}");
        assert!(error.to_string().contains(&world.wallet.name()), "{error}");
        assert_eq!(elsewhere.reconcile().await.unwrap(), 1);
        // Also where its invoice ended long ago.
        world.clock.advance(DAY);
    }
    world.fault(Fault::None);
    assert_eq!(world.client().reconcile().await.unwrap(), 0);
    assert_eq!(world.states(), [State::Paid]);
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

#[tokio::test]
async fn a_seller_who_calls_a_paid_request_another_one_is_not_paid_again() {
    for problem in [Problem::Insufficient, Problem::WrongService] {
        let world = World::new().await;
        world.server.plan().troubles = vec![Trouble::Status(500), Trouble::Problem(problem)];
        world.fetch(&world.client(), "/joke").await.unwrap_err();
        let error = world.fetch(&world.client(), "/joke").await.unwrap_err();
        let refused = matches!(
            error,
            Error::PaidButFailed {
                retry_same_token: false,
                ..
            }
        );
        assert!(refused, "{error}");
        assert_eq!(world.states(), [State::Refused]);
        assert_eq!(world.spent().await, Msat::from_sat(50));
    }
}

#[tokio::test]
async fn a_path_that_serves_nothing_is_bought_from_three_times() {
    let world = World::new().await;
    let client = world.client();
    let not_this = Trouble::Problem(Problem::Insufficient);
    for bought in 0..3 {
        let mut troubles = vec![not_this; bought];
        troubles.push(Trouble::Status(500));
        world.server.plan().troubles = troubles;
        let path = format!("/joke?of={bought}");
        world.fetch(&client, &path).await.unwrap_err();
    }
    assert_eq!(world.spent().await, Msat::from_sat(150));
    world.server.plan().troubles = vec![not_this; 3];
    let error = world.fetch(&client, "/joke?of=3").await.unwrap_err();
    assert!(error.to_string().contains("never served"), "{error}");
    assert_eq!(world.spent().await, Msat::from_sat(150));
    // A buyer who is served at last may go on.
    for _ in 0..3 {
        let fetched = world.fetch(&client, "/joke?of=0").await.unwrap();
        assert_eq!(fetched.reused, Some(true));
    }
    assert_eq!(world.spent().await, Msat::from_sat(150));
}

/// ATTACKS C-24.
#[tokio::test]
async fn a_day_does_not_begin_anew_where_the_clock_goes_back_and_forth() {
    let world = World::new().await;
    let client = world.builder().limits(a_day_of(100)).build().unwrap();
    let mut served = 0;
    for wall in [START.secs() - 25 * 60 * 60, START.secs()] {
        world.clock.set_wall(UnixTime::from_secs(wall));
        for _ in 0..3 {
            served += u64::from(world.fetch(&client, "/joke").await.is_ok());
        }
    }
    assert_eq!(served, 2);
    assert_eq!(world.spent().await, Msat::from_sat(100));
}

#[tokio::test]
async fn a_run_with_the_clock_set_back_dates_nothing_before_the_last_one() {
    let world = World::new().await;
    let client = || world.builder().limits(a_day_of(100)).build().unwrap();
    world.fetch(&client(), "/joke").await.unwrap();
    let back = UnixTime::from_secs(START.secs() - 25 * 60 * 60);
    world.clock.set_wall(back);
    world.fetch(&client(), "/joke").await.unwrap();
    world.clock.set_wall(START);
    let error = world.fetch(&client(), "/joke").await.unwrap_err();
    assert_eq!(error.code(), "over_budget", "{error}");
    assert!(world.entries().iter().all(|entry| entry.created == START));
}

/// ATTACKS C-21.
#[tokio::test]
async fn a_wallet_that_breaks_the_fee_limit_is_asked_for_nothing_for_a_day() {
    let world = World::new().await;
    let greedy = || OddWallet {
        fee: Some(Msat::from_sat(500)),
        ..OddWallet::new(&world.wallet, world.journal())
    };
    let watch = Watch::new(true);
    let builder = world.builder().wallet(Arc::new(greedy()));
    let client = builder.progress(watch.clone()).build().unwrap();
    world.fetch(&client, "/joke").await.unwrap();
    assert!(watch.told().iter().any(|it| it.contains("FeeOverLimit")));
    let note = &world.entries()[0].note;
    assert!(
        note.contains("500000") && note.contains("10000 msat"),
        "{note}"
    );
    // Another run knows it, too.
    let client = world.builder().wallet(Arc::new(greedy())).build().unwrap();
    let error = world.fetch(&client, "/joke").await.unwrap_err();
    assert!(matches!(error, Error::Wallet { .. }), "{error}");
    assert!(error.to_string().contains("the odd wallet"), "{error}");
    assert_eq!(world.spent().await, Msat::from_sat(50));
    world.fetch(&world.client(), "/joke").await.unwrap();
    world.clock.advance(DAY);
    world.fetch(&client, "/joke").await.unwrap();
}

// FAULTS C11: a wallet that pays more than the invoice asks is told of, remembered and stopped for a
// day, as for fees. The kind: amount, fee and proof are limits of one list; whole satoshi are no fault.
#[tokio::test]
async fn a_wallet_that_pays_more_than_was_asked_is_asked_for_nothing_for_a_day() {
    let world = World::new().await;
    let generous = |msat: u64| {
        let wallet = OddWallet {
            paid: Some(Msat::new(msat)),
            ..OddWallet::new(&world.wallet, world.journal())
        };
        world.builder().wallet(Arc::new(wallet))
    };
    world.server.plan().price = Msat::new(49_001);
    let rounds_up = generous(50_000).build().unwrap();
    for _ in 0..2 {
        world.fetch(&rounds_up, "/joke").await.unwrap();
    }
    let watch = Watch::new(true);
    let client = generous(500_000).progress(watch.clone()).build().unwrap();
    world.fetch(&client, "/joke").await.unwrap();
    assert!(
        watch
            .told()
            .iter()
            .any(|it| it.contains("AmountOverInvoice"))
    );
    let note = &world.entries()[0].note;
    assert!(note.contains("500000") && note.contains("49001"), "{note}");
    // Another run knows it, too.
    let client = generous(50_000).build().unwrap();
    let error = world.fetch(&client, "/joke").await.unwrap_err();
    assert!(matches!(error, Error::Wallet { .. }), "{error}");
    for words in ["the odd wallet", "500 sat", "no money moved"] {
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
    world.fetch(&world.client(), "/joke").await.unwrap();
    world.clock.advance(DAY);
    world.fetch(&client, "/joke").await.unwrap();
}

// FAULTS C12: a wallet that cannot prove its payment is asked once more about it, and for no other one.
#[tokio::test]
async fn a_wallet_that_lies_about_the_preimage_pays_once() {
    let world = World::new().await;
    let wallet = Arc::new(OddWallet::new(&world.wallet, world.journal()));
    wallet.lies.store(u32::MAX, Ordering::SeqCst);
    let client = world.builder().wallet(wallet.clone()).build().unwrap();
    let error = world.fetch(&client, "/joke").await.unwrap_err();
    assert!(matches!(error, Error::PaidWithoutProof { .. }), "{error}");
    assert_eq!(wallet.looked_up.load(Ordering::SeqCst), 1);
    for path in ["/joke", "/other"] {
        let error = world.fetch(&client, path).await.unwrap_err();
        assert!(matches!(error, Error::Wallet { .. }), "{error}");
        assert!(error.to_string().contains("does not prove"), "{error}");
    }
    assert_eq!(world.states(), [State::PaidNoProof]);
    assert_eq!(world.spent().await, Msat::from_sat(50));
    world.fetch(&world.client(), "/joke").await.unwrap();
    world.clock.advance(DAY);
    wallet.lies.store(0, Ordering::SeqCst);
    world.fetch(&client, "/joke").await.unwrap();
}

#[tokio::test]
async fn one_garbled_preimage_is_no_lie() {
    let world = World::new().await;
    let wallet = Arc::new(OddWallet::new(&world.wallet, world.journal()));
    wallet.lies.store(1, Ordering::SeqCst);
    let client = world.builder().wallet(wallet.clone()).build().unwrap();
    for _ in 0..2 {
        world.fetch(&client, "/joke").await.unwrap();
    }
    assert_eq!(wallet.looked_up.load(Ordering::SeqCst), 1);
    assert_eq!(world.states(), [State::Served; 2]);
}

/// Somebody who takes their time to say yes.
struct Ponders(Mutex<Receiver<bool>>);

impl Progress for Ponders {
    fn approve(&self, _: &Quote) -> bool {
        self.0.lock().expect("no panic before").recv() == Ok(true)
    }
}

/// A call that stands before its approval, with the right to buy `/joke`.
async fn undecided(world: &World) -> (Sender<bool>, tokio::task::JoinHandle<bool>) {
    let (decide, decision) = channel();
    let ponders = Arc::new(Ponders(Mutex::new(decision)));
    let client = world.builder().progress(ponders).build().expect("a client");
    let url = world.server.url("/joke");
    let call = tokio::spawn(async move { fetch(&client, url).await.is_ok() });
    while world.states() != [State::Intent] {
        tokio::task::yield_now().await;
    }
    (decide, call)
}

#[tokio::test]
async fn a_wait_for_another_purchase_is_told_and_ends_in_time() {
    let world = World::new().await;
    let (decide, call) = undecided(&world).await;
    for timeout in [100, 1100].map(Duration::from_millis) {
        let watch = Watch::new(true);
        let builder = world.builder().timeout(timeout).progress(watch.clone());
        let error = world
            .fetch(&builder.build().unwrap(), "/joke")
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::Busy { waited } if waited == timeout),
            "{error}"
        );
        assert!(error.to_string().ends_with("no money moved"), "{error}");
        assert_eq!(watch.told(), ["Queued"]);
    }
    decide.send(true).unwrap();
    assert!(call.await.unwrap());
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

#[tokio::test]
async fn an_intent_that_somebody_is_at_is_left_alone() {
    let world = World::new().await;
    let (decide, call) = undecided(&world).await;
    assert_eq!(world.client().reconcile().await.unwrap(), 1);
    assert_eq!(world.states(), [State::Intent]);
    decide.send(true).unwrap();
    assert!(call.await.unwrap());
}

/// Leaves an intent for `/joke` behind, as an end before the wallet was asked does.
async fn abandon(world: &World) {
    world.fault(Fault::Fails);
    world
        .fetch(&world.client(), "/joke")
        .await
        .expect_err("no money");
    world.fault(Fault::None);
    let db = rusqlite::Connection::open(world.folder().join("client.db")).expect("the file");
    let changed = db.execute("UPDATE purchase SET state = 'intent'", []);
    assert_eq!(changed.expect("one statement"), 1);
}

fn without_a_wallet(world: &World) -> Client {
    Client::builder(world.journal())
        .clock(world.clock.clone())
        .build()
        .expect("a client")
}

#[tokio::test]
async fn an_abandoned_intent_needs_no_wallet_to_be_given_up() {
    let world = World::new().await;
    abandon(&world).await;
    let client = without_a_wallet(&world);
    let error = world.fetch(&client, "/joke").await.unwrap_err();
    assert!(matches!(error, Error::PaymentRequired(_)), "{error}");
    assert_eq!(world.states(), [State::Failed]);

    let world = World::new().await;
    abandon(&world).await;
    assert_eq!(without_a_wallet(&world).reconcile().await.unwrap(), 0);
    assert_eq!(world.states(), [State::Failed]);
    world.fault(Fault::Unknown);
    world.fetch(&world.client(), "/joke").await.unwrap_err();
    assert_eq!(without_a_wallet(&world).reconcile().await.unwrap(), 1);
}

#[tokio::test]
async fn an_abandoned_intent_takes_nothing_of_the_day() {
    let world = World::new().await;
    abandon(&world).await;
    let client = world.builder().limits(a_day_of(100)).build().unwrap();
    let fetched = world.fetch(&client, "/other").await.unwrap();
    assert_eq!(fetched.reused, Some(false));
    assert_eq!(world.states(), [State::Served, State::Failed]);
}

#[tokio::test]
async fn no_lock_file_stays_behind() {
    let world = World::new().await;
    let client = world.client();
    for path in ["/free", "/unauthorized", "/joke"] {
        world.fetch(&client, path).await.unwrap();
    }
    let request = Request::get(world.server.url("/unread"));
    drop(client.send(request).await.unwrap());
    let files = std::fs::read_dir(world.folder().join("locks")).unwrap();
    let names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    assert!(names.is_empty(), "{names:?}");
}

/// Panics at an event whose name begins with a word.
struct Panics(&'static str);

impl Progress for Panics {
    fn event(&self, event: &l402_client::Event) {
        assert!(!format!("{event:?}").starts_with(self.0), "on purpose");
    }
}

#[tokio::test]
async fn a_panic_in_the_receiver_of_events_changes_nothing() {
    for at in ["Challenged", "Paying", "Paid", "Retrying"] {
        let world = World::new().await;
        let client = world.builder().progress(Arc::new(Panics(at)));
        let fetched = world
            .fetch(&client.build().unwrap(), "/joke")
            .await
            .unwrap();
        assert_eq!(fetched.body, "a joke", "{at}");
        assert_eq!(world.states(), [State::Served], "{at}");
    }
}

// FAULTS C16: the wallet's own address pays outside of the journal.
// ATTACKS C-36
#[tokio::test]
async fn the_wallets_own_address_is_never_asked() {
    let world = World::new().await;
    let wallet = crate::server::PaidServer::open(&world.sandbox, &world.clock);
    let port = wallet.url("/").port().unwrap();
    let client = world
        .builder()
        .own_addresses([("127.0.0.1".to_owned(), port)])
        .follow_redirects(true)
        .build()
        .unwrap();
    let mut urls = vec![
        world
            .server
            .url(&format!("/to/307?{}", wallet.url("/v1/pay"))),
    ];
    for host in [
        "127.0.0.1",
        "localhost",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "2130706433",
    ] {
        urls.push(format!("http://{host}:{port}/v1/pay").parse().unwrap());
    }
    for url in urls {
        let quoted = client.quote(Request::get(url.clone())).await;
        let error = fetch(&client, url.clone()).await.unwrap_err();
        assert_eq!(error.code(), "own_address", "{url}: {error}");
        assert!(error.to_string().ends_with("no money moved"), "{error}");
        assert_eq!(quoted.unwrap_err().code(), "own_address");
    }
    assert_eq!(wallet.seen().asked, 0);
    // A paid redirect to it is stopped as well, and says that the payment was used up.
    let url = world.server.url(&format!("/leads-on?{}", wallet.url("/")));
    let error = fetch(&client, url).await.unwrap_err();
    assert_eq!(error.code(), "paid_refused", "{error}");
    assert_eq!(wallet.seen().asked, 0);
}
