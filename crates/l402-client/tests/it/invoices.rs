//! Invoices that no challenge brought: the steps, the limits and the journal of a purchase.

use std::sync::Arc;
use std::time::Duration;

use l402::{Msat, PaymentHash};
use l402_client::hook::{Decision, PaymentHook, Proposal};
use l402_client::{
    BudgetLimit, BudgetName, Client, Entry, EntryQuery, Error, InvoicePayment, Limits, PaidInvoice,
    Refused, Request, State,
};
use l402_host::BoxFuture;
use l402_lightning::sandbox::Fault;
use l402_lightning::{InvoiceRequest, Pay, PayRequest, Payment, Receive};
use tokio::task::JoinSet;

use crate::odd_wallet::OddWallet;
use crate::world::{Watch, World};

const PRICE: Msat = Msat::from_sat(50);
const HOUR: Duration = Duration::from_secs(60 * 60);

impl World {
    /// An invoice of a seller, good for an hour.
    async fn bill(&self) -> String {
        let request = InvoiceRequest::new(PRICE, HOUR, "a bill".to_owned());
        let invoice = self.sandbox.create_invoice(request).await;
        invoice.expect("an invoice").bolt11().to_owned()
    }

    fn entry(&self) -> Entry {
        let mut entries = self.entries();
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries.remove(0)
    }
}

async fn pay(client: &Client, bolt11: &str) -> Result<PaidInvoice, Error> {
    client.pay_invoice(InvoicePayment::new(bolt11)).await
}

fn hash(bolt11: &str) -> PaymentHash {
    l402::Invoice::decode(bolt11)
        .expect("an invoice")
        .payment_hash
}

#[tokio::test]
async fn an_invoice_is_paid_once_and_stands_in_the_journal() {
    let world = World::new().await;
    let bolt11 = world.bill().await;
    let paid = pay(&world.client(), &bolt11).await.unwrap();
    let proof = paid.preimage.clone().expect("a proof");
    assert!(proof.proves(&paid.payment_hash) && !paid.paid_before);
    assert_eq!(
        (paid.amount, paid.paid, paid.fee),
        (PRICE, PRICE, Msat::ZERO)
    );
    let entry = world.entry();
    assert_eq!((entry.state, entry.moved()), (State::Served, PRICE));
    let origin = format!("lightning:{}", paid.payee);
    assert_eq!((entry.origin, entry.path), (origin, String::new()));
    assert!(entry.is_invoice && entry.budget.is_default());
    // As a link, too, and in capitals.
    for written in [
        bolt11.clone(),
        format!(" lightning:{bolt11}\n"),
        bolt11.to_uppercase(),
    ] {
        let again = pay(&world.client(), &written).await.unwrap();
        assert!(again.paid_before);
        assert_eq!(again.preimage.unwrap().to_hex(), proof.to_hex());
        assert_eq!((again.paid, again.paid_at), (PRICE, paid.paid_at));
    }
    assert_eq!(world.spent().await, PRICE);
    // No secret stands where a log would show it.
    assert!(!format!("{paid:?}").contains(&proof.to_hex()));
}

/// There is no token: nothing lists, hands out or presents one.
#[tokio::test]
async fn a_paid_invoice_is_no_token() {
    let world = World::new().await;
    let client = world.client();
    // The invoice of a challenge, so that a server would take its preimage.
    let url = world.server.url("/joke");
    let quote = client
        .quote(Request::get(url.clone()))
        .await
        .unwrap()
        .unwrap();
    pay(&client, &quote.invoice).await.unwrap();
    let (journal, hash) = (world.journal(), quote.payment_hash);
    assert!(journal.tokens(None, 10).unwrap().is_empty());
    assert!(journal.token(&hash).unwrap().is_none());
    assert!(journal.credential(&hash).unwrap().is_none());
    assert!(!journal.forget(&hash).unwrap());
    assert!(
        client
            .resume(hash, Request::get(url))
            .await
            .unwrap()
            .is_none()
    );
    // The proof of the payment is there for whoever asks for it.
    assert!(journal.proof(&hash).unwrap().is_some());
    let fetched = world.fetch(&client, "/joke").await.unwrap();
    assert_eq!(
        (fetched.reused, world.spent().await),
        (Some(false), Msat::from_sat(100))
    );
    assert_eq!(world.server.seen().presented, 1);
}

/// One hash is one payment, whichever way it comes.
#[tokio::test]
async fn an_invoice_that_a_purchase_has_paid_is_told_as_paid() {
    let world = World::new().await;
    let client = world.client();
    world.fetch(&client, "/joke").await.unwrap();
    let bolt11 = {
        let hash = world.entry().payment_hash;
        let proof = world.journal().proof(&hash).unwrap().unwrap();
        proof.invoice
    };
    let paid = pay(&client, &bolt11).await.unwrap();
    assert!(paid.paid_before && paid.preimage.is_some());
    assert_eq!(world.spent().await, PRICE);
    assert!(!world.entry().is_invoice);
}

#[tokio::test]
async fn every_limit_holds_for_an_invoice() {
    for which in BudgetLimit::ALL {
        let world = World::new().await;
        let (first, second) = (world.bill().await, world.bill().await);
        let limits = Limits::default().with(which, Msat::from_sat(99));
        let client = world.builder().limits(limits).build().unwrap();
        pay(&client, &first).await.unwrap();
        if which == BudgetLimit::PerRequest {
            let limits = limits.with(which, Msat::from_sat(49));
            let client = world.builder().limits(limits).build().unwrap();
            let error = pay(&client, &second).await.unwrap_err();
            assert!(matches!(error, Error::OverBudget { .. }), "{error}");
        } else {
            let error = pay(&client, &second).await.unwrap_err();
            let named = match &error {
                Error::OverBudget { which, spent, .. } => (*which, *spent),
                error => panic!("{error}"),
            };
            assert_eq!(named, (which, PRICE));
        }
        assert_eq!(world.spent().await, PRICE, "{which}");
        // What it has paid before is told whatever is left.
        assert!(pay(&client, &first).await.unwrap().paid_before);
    }
}

#[tokio::test]
async fn one_payment_may_be_narrowed_and_not_widened() {
    let world = World::new().await;
    let client = world.client();
    let payment = || async { InvoicePayment::new(world.bill().await) };
    let low = payment().await.max_cost(Msat::from_sat(49));
    let error = client.pay_invoice(low).await.unwrap_err();
    assert!(
        matches!(error, Error::OverBudget { limit, .. } if limit == Msat::from_sat(49)),
        "{error}"
    );
    // The fee is lowered to what is left.
    let exact = payment().await.max_cost(PRICE);
    client.pay_invoice(exact).await.unwrap();
    let limits = Limits::default().with_per_request(Msat::from_sat(49));
    let strict = world.builder().limits(limits).build().unwrap();
    let high = payment().await.max_cost(Msat::from_sat(1000));
    let error = strict.pay_invoice(high).await.unwrap_err();
    assert!(matches!(error, Error::OverBudget { .. }), "{error}");
    let watch = Watch::new(true);
    let client = world.builder().progress(watch.clone()).build().unwrap();
    for (fee, allowed) in [(3, "max_fee: Msat(3000)"), (999, "max_fee: Msat(10000)")] {
        let payment = payment().await.max_fee(Msat::from_sat(fee));
        client.pay_invoice(payment).await.unwrap();
        let told = watch.told();
        let challenged = told.iter().rfind(|text| text.starts_with("Challenged"));
        assert!(challenged.unwrap().contains(allowed), "{told:?}");
    }
    assert_eq!(world.spent().await, Msat::from_sat(150));
}

#[tokio::test]
async fn a_stopped_budget_and_one_that_is_not_there_pay_no_invoice() {
    let world = World::new().await;
    let name: BudgetName = "research".parse().unwrap();
    let client = world.builder().budget(name.clone()).build().unwrap();
    let bolt11 = world.bill().await;
    let error = pay(&client, &bolt11).await.unwrap_err();
    assert!(matches!(error, Error::UnknownBudget { .. }), "{error}");
    let journal = world.journal();
    journal
        .change_budget(&name, |budget| {
            budget.stopped = Some(crate::world::START);
            true
        })
        .unwrap();
    let error = pay(&client, &bolt11).await.unwrap_err();
    assert_eq!(error.code(), "budget_stopped");
    journal
        .change_budget(&name, |budget| budget.stopped.take().is_some())
        .unwrap();
    pay(&client, &bolt11).await.unwrap();
    pay(&world.client(), &world.bill().await).await.unwrap();
    let of = |name: &str| {
        let query = EntryQuery::default().of_budget(name.parse().unwrap());
        let page = journal.page(&query, 10, None).unwrap();
        let budgets = page.entries.iter().map(|entry| entry.budget.to_string());
        (budgets.collect::<Vec<_>>(), journal.total(&query).unwrap())
    };
    assert_eq!(of("research"), (vec!["research".to_owned()], (1, PRICE)));
    assert_eq!(of("default"), (vec!["default".to_owned()], (1, PRICE)));
    assert_eq!(of("nobody"), (vec![], (0, Msat::ZERO)));
}

struct Hook(Decision, std::sync::Mutex<Vec<Proposal>>);

impl PaymentHook for Hook {
    fn decide<'a>(&'a self, proposal: &'a Proposal) -> BoxFuture<'a, Decision> {
        self.1
            .lock()
            .expect("no panic before")
            .push(proposal.clone());
        let decision = self.0.clone();
        Box::pin(async move { decision })
    }
}

#[tokio::test]
async fn the_hook_and_the_caller_have_the_last_word() {
    let world = World::new().await;
    let bolt11 = world.bill().await;
    let hook = Arc::new(Hook(Decision::deny("no", "not this"), Default::default()));
    let client = world.builder().hook(hook.clone()).build().unwrap();
    let error = pay(&client, &bolt11).await.unwrap_err();
    assert_eq!(error.code(), "denied_by_hook");
    let asked = hook.1.lock().unwrap().remove(0);
    let payee = world.entry().origin;
    assert_eq!((asked.protocol, &*asked.method), ("invoice", "pay"));
    assert_eq!((asked.url, asked.payment_hash), (payee, hash(&bolt11)));
    let no = world.builder().progress(Watch::new(false)).build().unwrap();
    assert!(matches!(pay(&no, &bolt11).await, Err(Error::Declined)));
    assert_eq!(world.entry().state, State::Failed);
    assert_eq!(world.spent().await, Msat::ZERO);
    // Nothing was begun, so the same invoice can still be paid.
    assert!(!pay(&world.client(), &bolt11).await.unwrap().paid_before);
}

#[tokio::test]
async fn without_a_wallet_there_is_a_price() {
    let world = World::new().await;
    let client = Client::builder(world.journal()).clock(world.clock.clone());
    let error = pay(&client.build().unwrap(), &world.bill().await)
        .await
        .unwrap_err();
    match error {
        Error::PaymentRequired(quote) => {
            assert_eq!((quote.amount, &*quote.description), (PRICE, "a bill"));
        }
        error => panic!("{error}"),
    }
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn an_unknown_payment_is_looked_up_and_never_begun_again() {
    let world = World::new().await;
    let bolt11 = world.bill().await;
    for fault in [Fault::Held, Fault::Unknown] {
        world.fault(fault);
        let error = pay(&world.client(), &bolt11).await.unwrap_err();
        assert!(matches!(error, Error::PaymentUnknown { .. }), "{error}");
        assert_eq!(world.client().reconcile().await.unwrap(), 1);
        assert_eq!(world.entry().state, State::Unknown);
    }
    world.fault(Fault::None);
    let paid = pay(&world.client(), &bolt11).await.unwrap();
    assert!(paid.paid_before && paid.preimage.is_some());
    assert_eq!(
        (world.entry().state, world.spent().await),
        (State::Served, PRICE)
    );
}

#[tokio::test]
async fn a_payment_that_settled_unheard_is_found_without_the_invoice() {
    let world = World::new().await;
    world.fault(Fault::EndsMidPayment);
    pay(&world.client(), &world.bill().await).await.unwrap_err();
    world.fault(Fault::None);
    assert_eq!(world.client().reconcile().await.unwrap(), 0);
    assert_eq!(
        (world.entry().state, world.spent().await),
        (State::Served, PRICE)
    );
    assert!(world.journal().tokens(None, 10).unwrap().is_empty());
}

/// The call that learns it tells it; the next one may begin anew.
#[tokio::test]
async fn a_failure_that_is_found_later_is_told_before_anything_is_paid() {
    let world = World::new().await;
    let bolt11 = world.bill().await;
    let mut odd = OddWallet::new(&world.wallet, world.journal());
    (odd.forgets, odd.recalls) = (true, Some(true));
    let client = world.builder().wallet(Arc::new(odd)).build().unwrap();
    let error = pay(&client, &bolt11).await.unwrap_err();
    assert!(matches!(error, Error::PaymentUnknown { .. }), "{error}");
    let error = pay(&client, &bolt11).await.unwrap_err();
    assert!(matches!(error, Error::PaymentFailed { .. }), "{error}");
    assert_eq!(world.entry().state, State::Failed);
    let client = world.client();
    assert!(!pay(&client, &bolt11).await.unwrap().paid_before);
    assert_eq!(world.spent().await, PRICE);
}

#[tokio::test]
async fn a_preimage_that_proves_nothing_is_an_error_and_stops_the_wallet() {
    let world = World::new().await;
    let (first, second) = (world.bill().await, world.bill().await);
    world.fault(Fault::LiesAboutPreimage);
    let error = pay(&world.client(), &first).await.unwrap_err();
    assert!(matches!(error, Error::PaidWithoutProof { .. }), "{error}");
    world.fault(Fault::None);
    let error = pay(&world.client(), &first).await.unwrap_err();
    assert!(matches!(error, Error::PaidWithoutProof { .. }), "{error}");
    let error = pay(&world.client(), &second).await.unwrap_err();
    assert!(matches!(error, Error::Wallet { .. }), "{error}");
    assert_eq!(world.entry().state, State::PaidNoProof);
}

#[tokio::test]
async fn an_expired_invoice_is_told_as_paid_if_it_was() {
    let world = World::new().await;
    let [by_us, by_hand, never] = [world.bill().await, world.bill().await, world.bill().await];
    pay(&world.client(), &by_us).await.unwrap();
    let request = PayRequest::new(by_hand.clone(), Msat::ZERO, HOUR);
    let outcome = world.wallet.pay(request).await;
    assert!(matches!(outcome, Payment::Settled { .. }), "{outcome:?}");
    world.clock.advance(2 * HOUR);
    for bolt11 in [&by_us, &by_hand] {
        assert!(pay(&world.client(), bolt11).await.unwrap().paid_before);
    }
    let error = pay(&world.client(), &never).await.unwrap_err();
    assert_eq!(error.code(), "invoice_expired");
    assert_eq!(world.entries().len(), 1);
    // Nobody knows from which budget another program has paid.
    let own = world.builder().own_purchases_only(true).build().unwrap();
    let error = pay(&own, &by_hand).await.unwrap_err();
    assert_eq!(error.code(), "invoice_expired");
}

#[tokio::test]
async fn an_unsound_invoice_is_refused_by_the_rules_of_challenges() {
    let world = World::new().await;
    let flow = include_str!("../../../../spec/vectors/flow_vectors.json");
    let flow: serde_json::Value = serde_json::from_str(flow).unwrap();
    let mut refused = 0;
    let all = flow["invoices"].as_array().unwrap().iter();
    // All but one are for another network than the wallet's, if nothing else is wrong with them.
    for vector in all.filter(|vector| vector["name"] != "regtest") {
        let error = pay(&world.client(), vector["invoice"].as_str().unwrap()).await;
        let error = error.unwrap_err();
        assert!(
            matches!(error, Error::Refused { .. }),
            "{}: {error}",
            vector["name"]
        );
        refused += 1;
    }
    assert!(refused > 3);
    for bad in ["", "lnbc1", "lightning:", "a\u{0}b"] {
        let error = pay(&world.client(), bad).await.unwrap_err();
        let is_malformed = matches!(
            error,
            Error::Refused {
                reason: Refused::InvoiceMalformed,
                ..
            }
        );
        assert!(is_malformed && error.no_money_moved(), "{error}");
    }
    assert!(world.entries().is_empty());
}

/// Two clients, as of two processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_pay_the_same_invoice_pay_it_once() {
    let world = World::new().await;
    let bolt11 = world.bill().await;
    let clients = [world.client(), world.client()];
    let mut tasks = JoinSet::new();
    for client in clients.iter().cycle().take(40) {
        let (client, bolt11) = (client.clone(), bolt11.clone());
        tasks.spawn(async move { pay(&client, &bolt11).await.unwrap().paid_before });
    }
    let before = tasks.join_all().await;
    assert_eq!(before.iter().filter(|before| !**before).count(), 1);
    assert_eq!(
        (world.entry().state, world.spent().await),
        (State::Served, PRICE)
    );
}

/// Invoices of one payee do not wait for each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_payment_holds_up_no_other_to_the_same_node() {
    let world = World::new().await;
    let client = world
        .builder()
        .timeout(Duration::from_millis(50))
        .build()
        .unwrap();
    let (slow, other) = (world.bill().await, world.bill().await);
    world.fault(Fault::Slow(Duration::from_secs(3)));
    let first = tokio::spawn({
        let (client, slow) = (client.clone(), slow.clone());
        async move { pay(&client, &slow).await }
    });
    while world.spent().await == Msat::ZERO {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    world.fault(Fault::None);
    assert!(!pay(&client, &other).await.unwrap().paid_before);
    // And whoever waits for the same one is not told that no money moved.
    let error = pay(&client, &slow).await.unwrap_err();
    assert!(matches!(error, Error::PaymentUnknown { .. }), "{error}");
    assert!(!first.await.unwrap().unwrap().paid_before);
    assert_eq!(world.spent().await, Msat::from_sat(100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_goes_away_loses_nothing() {
    let world = World::new().await;
    let (client, bolt11) = (world.client(), world.bill().await);
    world.fault(Fault::Slow(Duration::from_millis(300)));
    let call = tokio::spawn({
        let (client, bolt11) = (client.clone(), bolt11.clone());
        async move { pay(&client, &bolt11).await }
    });
    while world.spent().await == Msat::ZERO {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    call.abort();
    assert!(call.await.is_err());
    client.finish_payments().await;
    assert_eq!(world.entry().state, State::Served);
    world.fault(Fault::None);
    assert!(pay(&client, &bolt11).await.unwrap().paid_before);
    assert_eq!(world.spent().await, PRICE);
}
