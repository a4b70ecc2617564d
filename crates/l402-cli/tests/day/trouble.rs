//! What happens in the course of the day: the operator's changes, and faults of node and upstreams.

use std::sync::atomic::Ordering;
use std::time::Duration;

use l402::Msat;
use l402_host::{Clock as _, SystemClock};
use l402_lightning::sandbox::Fault;
use serde_json::{Value, json};

use crate::buyer::{Buyer, Market, Ticket, token_id};
use crate::program::signal;
use crate::run::{PRICE_MSAT, wait_until};
use crate::shop::{Operator, Shop};

/// Payments that meet each fault of the node.
const FAULTS: usize = 5;

/// Tokens that are revoked, each half in another way.
const REVOKED: usize = 6;

pub(crate) struct Trouble<'a> {
    market: &'a Market,
    /// The requests of the whole day.
    requests: usize,
    /// What the operator did by the API: the change, and what came after.
    pub(crate) changes: Vec<(&'static str, Value)>,
    /// The time until an upstream that is back was known to be.
    pub(crate) recovered: Duration,
}

impl<'a> Trouble<'a> {
    pub(crate) fn new(market: &'a Market, requests: usize) -> Self {
        Self {
            market,
            requests,
            changes: Vec::new(),
            recovered: Duration::ZERO,
        }
    }

    /// Does it all, one after another, and returns when the day is over.
    pub(crate) fn make(&mut self, shop: &mut Shop, mut buyer: Buyer<'_>) {
        let mut operator = shop.operator();
        self.until(5);
        self.reload(shop);
        self.until(10);
        self.price(&mut operator, &mut buyer, PRICE_MSAT * 3 / 2);
        self.until(15);
        self.one_of_two_dies(shop, &mut operator);
        self.until(30);
        self.failures(shop);
        self.until(35);
        self.silence(shop, &mut buyer);
        self.until(45);
        self.node(shop, &mut buyer);
        self.until(60);
        self.revoke(&mut operator, &mut buyer);
        self.until(75);
        self.mistake(shop);
        self.until(85);
        self.price(&mut operator, &mut buyer, PRICE_MSAT);
        self.until(100);
    }

    /// Waits until so much of the day is over, in percent.
    fn until(&self, percent: usize) {
        let requests = self.requests * percent / 100;
        let mut seen = 0;
        while seen < requests && !self.is_over() {
            // A long day takes its time; one on which nothing happens does not.
            wait_until("the day goes on", || {
                self.is_over() || self.market.look(|tally| tally.requests) > seen
            });
            seen = self.market.look(|tally| tally.requests);
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!self.is_over(), "a request failed");
    }

    fn is_over(&self) -> bool {
        self.market.is_over.load(Ordering::SeqCst)
    }

    /// Waits until something has happened under the load.
    fn wait(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        wait_until(what, || {
            // Each look costs those who ask a lock.
            std::thread::sleep(Duration::from_millis(20));
            self.is_over() || is_so()
        });
        assert!(!self.is_over(), "a request failed");
    }

    fn reload(&self, shop: &Shop) {
        let more = "[[route]]\npath = \"/late/{id}\"\nfree = true\nupstream = ";
        let upstream = shop.one.address;
        shop.write_file(&format!("{}{more}\"http://{upstream}\"\n", shop.file()));
        signal("HUP", shop.gateway.pid());
        shop.gateway.until("reloaded");
    }

    /// Sets the price of `one`, which the next buyer is asked for.
    fn price(&mut self, operator: &mut Operator, buyer: &mut Buyer<'_>, msat: u64) {
        let change = json!({ "route": "/one/{id}", "price": format!("{msat} msat") });
        operator.change("PATCH", "prices", &change);
        let price = Msat::new(msat).to_string();
        let after = json!({ "routes": ["/one/{id}"], "price": price });
        self.changes.push(("price", after));
        assert_eq!(buyer.price("one"), msat);
    }

    /// One of two upstreams goes and comes back, and nobody notices but the operator.
    fn one_of_two_dies(&mut self, shop: &mut Shop, operator: &mut Operator) {
        let name = format!(
            "l402_upstream_up{{upstream=\"http://{}\"}}",
            shop.other.address
        );
        assert_eq!(operator.sample(&name), 1.0, "{:?}", operator.metrics());
        shop.other.die();
        self.wait("it is known to be down", || operator.sample(&name) == 0.0);
        self.until(22);
        shop.other.revive();
        let clock = SystemClock::default();
        self.wait("it is known to be up", || operator.sample(&name) == 1.0);
        self.recovered = clock.monotonic();
    }

    /// An upstream answers with 500, so that uses come back.
    fn failures(&self, shop: &Shop) {
        self.market.one_fails.store(true, Ordering::SeqCst);
        shop.one.fail(true);
        self.wait("some uses come back", || {
            self.market
                .look(|tally| tally.outcome("one", "given_back_upstream"))
                >= 5
        });
        shop.one.fail(false);
        self.market.one_fails.store(false, Ordering::SeqCst);
    }

    /// An upstream answers nothing, so that a use comes back after the time-out.
    fn silence(&self, shop: &Shop, buyer: &mut Buyer<'_>) {
        let mut ticket = buyer.buy("slow").expect("nothing hinders payments");
        self.market.slow_hangs.store(true, Ordering::SeqCst);
        shop.one.hang(true);
        assert_eq!(buyer.show(&mut ticket), 504);
        shop.one.hang(false);
        self.market.slow_hangs.store(false, Ordering::SeqCst);
        self.wait("it is had all the same", || buyer.show(&mut ticket) == 200);
    }

    /// The node pays slowly, then not at all, then holds on to what it gets.
    fn node(&self, shop: &Shop, buyer: &mut Buyer<'_>) {
        let sandbox = shop.sandbox();
        let set = |fault| {
            sandbox
                .set_fault(fault)
                .expect("the sandbox can be written")
        };
        let payments = || self.market.look(|tally| tally.payments.len());
        let before = payments();
        set(Fault::Slow(Duration::from_millis(200)));
        self.wait("payments are slow", || payments() >= before + FAULTS);
        set(Fault::Fails);
        self.wait("payments fail", || {
            self.market.look(|tally| tally.failed) >= FAULTS
        });
        set(Fault::Held);
        self.wait("payments are held", || {
            self.market.look(|tally| tally.held) >= FAULTS
        });
        set(Fault::None);
        // A payer who was told before that it is held has put it down by now, or will meet no fault.
        let mut held = 0;
        self.wait("no more are held", || {
            core::mem::replace(&mut held, self.market.look(|tally| tally.held)) == held
        });
        buyer.let_go();
    }

    /// Tokens for a time end by the API, and never come back.
    fn revoke(&mut self, operator: &mut Operator, buyer: &mut Buyer<'_>) {
        let mut tickets: Vec<Ticket> = Vec::new();
        for turn in 0..REVOKED {
            let mut ticket = buyer.buy("time").expect("nothing hinders payments");
            assert_eq!(buyer.show(&mut ticket), 200);
            if turn % 2 == 0 {
                let id = token_id(&ticket);
                operator.change("POST", &format!("tokens/{id}/revoke"), &json!({}));
                self.changes.push(("revoke", json!({ "token": id })));
            } else {
                let payment = json!({ "payment_hash": ticket.payment_hash });
                operator.change("POST", "revocations", &payment);
                self.changes.push(("revoke", payment));
            }
            tickets.push(ticket);
        }
        for ticket in &tickets {
            self.wait("the revocation is known", || buyer.is_revoked(ticket));
        }
        self.market.revoked(tickets);
    }

    /// The file has a mistake for a while. What is served stays as it is.
    fn mistake(&self, shop: &Shop) {
        let sound = shop.file();
        shop.write_file(&format!("colour = 1\n{sound}"));
        signal("HUP", shop.gateway.pid());
        shop.gateway.until("not reloaded");
        shop.write_file(&sound);
        signal("HUP", shop.gateway.pid());
        shop.gateway.until("reloaded");
    }
}
