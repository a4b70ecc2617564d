//! The promises of every backend.
//!
//! A test of a backend implements [`Bench`] and calls [`keeps_every_promise`];
//! `docs/design/backends.md` has the recipe.
//!
//! [`keeps_every_promise`] shows these cases of `docs/backends.md`: `pay`, `expired`, `already_paid`,
//! `cancellation`, `deadline`, `msat` (if [`Bench::finest`] is one), `preimage_proven`,
//! `once_per_hash`; `fee_limit` if [`Bench::fee`] is not zero; `lookup_after_restart` and `restart` if
//! [`Bench::reopen`] is there.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use l402::{Invoice, Msat};
use l402_host::BoxFuture;
use l402_lightning::{
    InvoiceRequest, InvoiceState, NewInvoice, Pay, PayRequest, Payment, Receive, Settlement,
    SettlementIndex,
};

/// An invoice over 10 sat on the main network, made at second 1790000000, valid for a day.
const ON_ANOTHER_NETWORK: &str = "lnbc100n1p4tzwuqpp5jq0nhq09mw2dc33dmfy6y4f2zktpf9z6ps4mn0ka609g\
    h38zd6mqsp5c4djrpwvsjd9cuvfzl8sm5n4tgw4298mz9kk3trzfg0yr5vk4s3sdq8fs6rqvsxqrrsscqzpg9qyysgqqpc\
    wvk2zkdnunrruq8kdvdlwvch02f8ym6kfvs669c79wkpsyu3pg32a34hdq0fudeyp0zp9rnwq0cuml24sq9gewkett3d0e\
    alj2ysq0cjck8";

/// A seller and a buyer on one network other than the main one, with nothing settled yet.
pub(crate) trait Bench: Sync {
    /// Returns the seller's node.
    fn receive(&self) -> Arc<dyn Receive>;
    /// Returns the buyer's node, which has at least 1,000 sat.
    fn pay(&self) -> Arc<dyn Pay>;
    /// Returns the routing fee of a payment here; zero if none can be arranged.
    fn fee(&self) -> Msat;
    /// Returns the smallest step of an amount: a satoshi if the node knows nothing finer.
    fn finest(&self) -> Msat {
        Msat::new(1)
    }
    /// Moves the time forward for both nodes.
    fn pass(&self, time: Duration) -> BoxFuture<'_, ()>;
    /// Opens the buyer's node anew, as a program does that starts again; `None` if that cannot be
    /// arranged.
    fn reopen(&self) -> Option<BoxFuture<'_, Arc<dyn Pay>>> {
        None
    }
}

/// Checks every promise, within two minutes: real nodes take their time.
pub(crate) async fn keeps_every_promise(bench: &dyn Bench) {
    let promises = async {
        fresh_invoices_differ_and_say_what_was_asked(bench).await;
        refuses_what_no_invoice_can_say(bench).await;
        // Before anything else is paid: it expects its own settlements to be the first.
        settlements_come_once_each_in_order_and_go_on(bench).await;
        an_unpaid_invoice_is_not_settled(bench).await;
        pays_once_however_often_it_is_asked(bench).await;
        a_caller_who_leaves_has_paid_at_most_once(bench).await;
        a_short_deadline_ends_no_payment_that_goes_on(bench).await;
        a_program_that_starts_again_finds_its_payments(bench).await;
        a_fee_above_the_limit_moves_no_money(bench).await;
        what_cannot_be_paid_moves_no_money(bench).await;
    };
    tokio::time::timeout(Duration::from_secs(120), promises)
        .await
        .expect("within two minutes");
}

pub(crate) fn asked(amount: Msat) -> InvoiceRequest {
    InvoiceRequest::new(amount, Duration::from_secs(600), "a joke & ümläuts")
}

pub(crate) async fn invoice(bench: &dyn Bench, amount: Msat) -> NewInvoice {
    bench
        .receive()
        .create_invoice(asked(amount))
        .await
        .expect("an invoice")
}

pub(crate) fn order(bolt11: &str) -> PayRequest {
    let deadline = Duration::from_secs(10);
    PayRequest::new(bolt11.to_owned(), Msat::from_sat(10), deadline)
}

pub(crate) fn is_settled(payment: &Payment, invoice: &NewInvoice) -> bool {
    matches!(payment, Payment::Settled { preimage, .. } if preimage.proves(&invoice.payment_hash()))
}

async fn fresh_invoices_differ_and_say_what_was_asked(bench: &dyn Bench) {
    let step = bench.finest().msat();
    let amount = Msat::new(2500_u64.next_multiple_of(step));
    let (one, two) = (invoice(bench, amount).await, invoice(bench, amount).await);
    assert_ne!(one.payment_hash(), two.payment_hash());
    assert_ne!(one.bolt11(), two.bolt11());
    let says = Invoice::decode(one.bolt11()).expect("BOLT 11");
    assert_eq!(says.amount, Some(amount));
    assert_eq!(says.network, bench.receive().network());
    assert_eq!(says.network, bench.pay().network());
    assert_eq!(says.payment_hash, one.payment_hash());
    assert_eq!(says.expires, one.expires());
    assert_eq!(says.expires.since(says.created), Duration::from_secs(600));
    assert_eq!(says.description, Some(asked(Msat::ZERO).memo));
    assert!(!one.payment_hash().has_public_preimage());
}

async fn refuses_what_no_invoice_can_say(bench: &dyn Bench) {
    for wrong in [
        asked(Msat::ZERO),
        InvoiceRequest::new(Msat::from_sat(1), Duration::ZERO, "a joke"),
        InvoiceRequest::new(Msat::from_sat(1), Duration::from_secs(600), "m".repeat(640)),
    ] {
        bench
            .receive()
            .create_invoice(wrong)
            .await
            .expect_err("no such invoice");
    }
}

async fn an_unpaid_invoice_is_not_settled(bench: &dyn Bench) {
    let unpaid = invoice(bench, Msat::from_sat(10)).await;
    let state = bench
        .receive()
        .lookup(unpaid.payment_hash())
        .await
        .expect("a state");
    assert!(
        matches!(state, InvoiceState::Open | InvoiceState::Unseen),
        "{state:?}"
    );
    let payment = bench
        .pay()
        .lookup(unpaid.payment_hash())
        .await
        .expect("an answer");
    assert!(payment.is_none(), "{payment:?}");
}

async fn pays_once_however_often_it_is_asked(bench: &dyn Bench) {
    let (pay, amount) = (bench.pay(), Msat::from_sat(50));
    let before = pay.balance().await.expect("a balance");
    let bought = invoice(bench, amount).await;
    // Eight attempts at once race for the first one; a ninth finds the payment settled.
    let at_once = join_all((0..8).map(|_| pay.pay(order(bought.bolt11())))).await;
    let again = pay.pay(order(bought.bolt11())).await;
    let looked_up = pay
        .lookup(bought.payment_hash())
        .await
        .expect("an answer")
        .expect("begun");
    for payment in at_once.iter().chain([&again, &looked_up]) {
        let Payment::Settled {
            preimage,
            paid,
            fee,
        } = payment
        else {
            panic!("{payment:?}")
        };
        assert!(preimage.proves(&bought.payment_hash()));
        assert_eq!((*paid, *fee), (amount, bench.fee()));
    }
    let after = pay.balance().await.expect("a balance");
    let cost = amount.checked_add(bench.fee()).expect("small");
    assert_eq!(
        before.checked_sub(after),
        Some(cost),
        "from {before} to {after}"
    );
    let state = bench
        .receive()
        .lookup(bought.payment_hash())
        .await
        .expect("a state");
    assert_eq!(state, InvoiceState::Settled { paid: amount });
}

async fn settlements_come_once_each_in_order_and_go_on(bench: &dyn Bench) {
    let receive = bench.receive();
    let mut hashes = Vec::new();
    for sat in 1..=3 {
        hashes.push(buy(bench, Msat::from_sat(sat)).await);
    }
    let mut all = receive.settlements(SettlementIndex::default());
    let mut seen: Vec<Settlement> = Vec::new();
    for _ in 0..3 {
        seen.push(all.next().await.expect("goes on").expect("a settlement"));
    }
    assert_eq!(
        seen.iter().map(|s| s.payment_hash).collect::<Vec<_>>(),
        hashes
    );
    assert_eq!(
        seen.iter().map(|s| s.paid.ceil_sat()).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert!(seen.is_sorted_by(|a, b| a.index < b.index), "{seen:?}");

    let (fourth, told) = tokio::join!(buy(bench, Msat::from_sat(4)), all.next());
    assert_eq!(
        told.expect("goes on").expect("a settlement").payment_hash,
        fourth
    );
    let mut later = receive.settlements(seen[1].index);
    for hash in [hashes[2], fourth] {
        let told = later.next().await.expect("goes on").expect("a settlement");
        assert_eq!(told.payment_hash, hash);
    }
}

/// Pays once, then until the stream tells of a payment: nobody can see when a node has heard of the stream.
pub(crate) async fn the_newest_index_tells_nothing_of_the_past(bench: &dyn Bench) {
    let past = buy(bench, Msat::from_sat(1)).await;
    let receive = bench.receive();
    let mut stream = receive.settlements(SettlementIndex::NEWEST);
    let (mut paid, mut told) = (Vec::new(), None);
    while told.is_none() {
        let ((), ready) = tokio::join!(
            async { paid.push(buy(bench, Msat::from_sat(2)).await) },
            tokio::time::timeout(core::time::Duration::from_millis(500), stream.next()),
        );
        told = ready.ok();
    }
    let first = told.flatten().expect("goes on").expect("a settlement");
    assert_ne!(first.payment_hash, past);
    let place = paid.iter().position(|hash| *hash == first.payment_hash);
    // All that comes after the first is told in order, as from any other index.
    for hash in &paid[place.expect("a payment of this test") + 1..] {
        let next = stream.next().await.expect("goes on").expect("a settlement");
        assert_eq!(next.payment_hash, *hash);
    }
}

async fn buy(bench: &dyn Bench, amount: Msat) -> l402::PaymentHash {
    let bought = invoice(bench, amount).await;
    let payment = bench.pay().pay(order(bought.bolt11())).await;
    assert!(is_settled(&payment, &bought), "{payment:?}");
    bought.payment_hash()
}

/// Drops the future of a payment at once, and after some steps of it.
async fn a_caller_who_leaves_has_paid_at_most_once(bench: &dyn Bench) {
    for steps in [1, 2, 30] {
        let (pay, amount) = (bench.pay(), Msat::from_sat(10 + steps));
        let before = pay.balance().await.expect("a balance");
        let bought = invoice(bench, amount).await;
        let mut paying = pay.pay(order(bought.bolt11()));
        for _ in 0..steps {
            let step = poll_fn(|context| Poll::Ready(paying.as_mut().poll(context)));
            if step.await.is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(paying);
        // `None` means that it certainly never began, and no certain end may change afterwards.
        let looked_up = pay.lookup(bought.payment_hash()).await.expect("an answer");
        assert!(
            !matches!(looked_up, Some(Payment::Failed(_))),
            "{looked_up:?}"
        );
        ends_as_one_payment(bench, &bought, before).await;
    }
}

async fn a_short_deadline_ends_no_payment_that_goes_on(bench: &dyn Bench) {
    for millis in [0, 1, 20] {
        let (pay, amount) = (bench.pay(), Msat::from_sat(10 + millis));
        let before = pay.balance().await.expect("a balance");
        let bought = invoice(bench, amount).await;
        let mut hasty = order(bought.bolt11());
        hasty.deadline = Duration::from_millis(millis);
        let payment = pay.pay(hasty).await;
        if matches!(payment, Payment::Failed(_)) {
            // Certain: nothing was begun.
            let looked_up = pay.lookup(bought.payment_hash()).await.expect("an answer");
            let is_certain = matches!(looked_up, None | Some(Payment::Failed(_)));
            assert!(is_certain, "{payment:?}, then {looked_up:?}");
        }
        ends_as_one_payment(bench, &bought, before).await;
    }
}

/// Pays once more, and waits for the end if that is unknown. The invoice has then been paid once.
async fn ends_as_one_payment(bench: &dyn Bench, bought: &NewInvoice, before: Msat) {
    let pay = bench.pay();
    let mut payment = pay.pay(order(bought.bolt11())).await;
    while matches!(payment, Payment::Unknown(_)) {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let looked_up = pay.lookup(bought.payment_hash()).await;
        payment = looked_up.expect("an answer").expect("it was begun");
    }
    assert!(is_settled(&payment, bought), "{payment:?}");
    let amount = bought.terms().amount.expect("an amount");
    let cost = amount.checked_add(bench.fee()).expect("small");
    let after = pay.balance().await.expect("a balance");
    assert_eq!(
        before.checked_sub(after),
        Some(cost),
        "from {before} to {after}"
    );
}

async fn a_program_that_starts_again_finds_its_payments(bench: &dyn Bench) {
    let Some(opening) = bench.reopen() else {
        return;
    };
    let hash = buy(bench, Msat::from_sat(5)).await;
    let paid = invoice(bench, Msat::from_sat(6)).await;
    let first = bench.pay().pay(order(paid.bolt11())).await;
    assert!(is_settled(&first, &paid), "{first:?}");
    let before = bench.pay().balance().await.expect("a balance");
    let again = opening.await;
    assert_eq!(again.name(), bench.pay().name());
    for hash in [hash, paid.payment_hash()] {
        let found = again.lookup(hash).await.expect("an answer");
        let found = found.expect("it was begun before");
        assert!(
            matches!(&found, Payment::Settled { preimage, .. } if preimage.proves(&hash)),
            "{found:?}"
        );
    }
    let second = again.pay(order(paid.bolt11())).await;
    assert!(is_settled(&second, &paid), "{second:?}");
    assert_eq!(again.balance().await.expect("a balance"), before);
    let unpaid = invoice(bench, Msat::from_sat(7)).await;
    let none = again.lookup(unpaid.payment_hash()).await;
    assert!(none.expect("an answer").is_none());
}

async fn a_fee_above_the_limit_moves_no_money(bench: &dyn Bench) {
    if bench.fee() == Msat::ZERO {
        return;
    }
    let before = bench.pay().balance().await.expect("a balance");
    let dear = invoice(bench, Msat::from_sat(10)).await;
    let mut limit = order(dear.bolt11());
    limit.max_fee = Msat::ZERO;
    let payment = bench.pay().pay(limit).await;
    assert!(matches!(payment, Payment::Failed(_)), "{payment:?}");
    assert_eq!(bench.pay().balance().await.expect("a balance"), before);
    // A failed payment may be tried again on better terms.
    let payment = bench.pay().pay(order(dear.bolt11())).await;
    assert!(is_settled(&payment, &dear), "{payment:?}");
}

async fn what_cannot_be_paid_moves_no_money(bench: &dyn Bench) {
    let pay = bench.pay();
    let before = pay.balance().await.expect("a balance");
    let beyond = invoice(bench, Msat::from_sat(50_000_000)).await;
    let late = invoice(bench, Msat::from_sat(10)).await;
    // Another network under the same signature, which therefore does not verify.
    let broken = late.bolt11().replace("lnbcrt", "lnbc");
    for bolt11 in [beyond.bolt11(), &broken[..], "lnbc", "", ON_ANOTHER_NETWORK] {
        let payment = pay.pay(order(bolt11)).await;
        assert!(
            matches!(payment, Payment::Failed(_)),
            "{bolt11}: {payment:?}"
        );
    }
    bench.pass(Duration::from_secs(601)).await;
    let payment = pay.pay(order(late.bolt11())).await;
    assert!(matches!(payment, Payment::Failed(_)), "{payment:?}");
    assert_eq!(pay.balance().await.expect("a balance"), before);
    let state = bench
        .receive()
        .lookup(late.payment_hash())
        .await
        .expect("a state");
    assert!(!matches!(state, InvoiceState::Settled { .. }), "{state:?}");
}
