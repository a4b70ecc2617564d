//! Those who ask: for what is free, without paying, with what they have paid, and with what is worth nothing.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use l402::{Challenges, Credential, Msat, Preimage};
use l402_host::Clock as _;
use l402_lightning::sandbox::SandboxWallet;
use l402_lightning::{Pay, PayRequest, Payment};
use tokio::runtime::Runtime;

use crate::run::PATIENCE;
use crate::tally::Tally;
use crate::upstream::answer;
use crate::wire::{Answer, Line};

/// A purchase of the day, with what is still to come of it.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) kind: &'static str,
    pub(crate) path: String,
    pub(crate) authorization: String,
    pub(crate) payment_hash: String,
    /// The uses that are left; `None` for one that is good for a time.
    left: Option<u32>,
    /// Had once at least.
    is_used: bool,
    /// Shown before without being served: its use may be on the way back.
    was_given_back: bool,
}

/// A payment of which the wallet does not know the outcome yet.
struct Held {
    kind: &'static str,
    path: String,
    challenge: l402::Challenge,
    price_msat: u64,
}

/// The state that all buyers share.
#[derive(Default)]
struct Stock {
    /// Good for something.
    tickets: VecDeque<Ticket>,
    lasting: Vec<Ticket>,
    spent: Vec<Ticket>,
    revoked: Vec<Ticket>,
    held: Vec<Held>,
}

pub(crate) struct Market {
    address: SocketAddr,
    stock: Mutex<Stock>,
    tally: Mutex<Tally>,
    number: AtomicUsize,
    pub(crate) is_over: AtomicBool,
    /// True while `one` fails.
    pub(crate) one_fails: AtomicBool,
    /// True while `slow` hangs.
    pub(crate) slow_hangs: AtomicBool,
}

impl Market {
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self {
            address,
            stock: Mutex::default(),
            tally: Mutex::default(),
            number: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            one_fails: AtomicBool::new(false),
            slow_hangs: AtomicBool::new(false),
        }
    }

    fn stock(&self) -> MutexGuard<'_, Stock> {
        self.stock.lock().expect("no panic")
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().expect("no panic")
    }

    pub(crate) fn counted(&self) -> Tally {
        self.tally().clone()
    }

    /// Reads a part of what was counted.
    pub(crate) fn look<T>(&self, read: impl FnOnce(&Tally) -> T) -> T {
        read(&self.tally())
    }

    /// Hands out tickets that the operator has revoked.
    pub(crate) fn revoked(&self, tickets: Vec<Ticket>) {
        self.stock().revoked.extend(tickets);
    }

    fn path(&self, kind: &str) -> String {
        format!("/{kind}/{}", self.number.fetch_add(1, Ordering::SeqCst))
    }
}

/// One who asks.
pub(crate) struct Buyer<'a> {
    market: &'a Market,
    line: Line,
    wallet: SandboxWallet,
    runtime: Runtime,
    rng: fastrand::Rng,
}

impl<'a> Buyer<'a> {
    pub(crate) fn new(market: &'a Market, wallet: SandboxWallet, seed: u64) -> Self {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        Self {
            market,
            line: Line::to(market.address),
            wallet,
            runtime: runtime.enable_all().build().expect("a runtime"),
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    pub(crate) fn market(&self) -> &'a Market {
        self.market
    }

    /// Asks what something costs, in millisatoshi.
    pub(crate) fn price(&mut self, kind: &'static str) -> u64 {
        let path = self.market.path(kind);
        let answer = self.ask(kind, &path, None);
        assert_eq!(answer.status, 402, "{}", answer.body);
        answer.json()["price_msat"].as_u64().expect("a price")
    }

    /// Asks for one thing after another, until the day is over.
    pub(crate) fn ask_on(&mut self) {
        while !self.market.is_over.load(Ordering::SeqCst) {
            self.ask_once();
        }
    }

    fn ask_once(&mut self) {
        match self.rng.u32(0..100) {
            0..30 => self.free(),
            30..50 => {
                let kind = self.kind();
                let path = self.market.path(kind);
                let answer = self.ask(kind, &path, None);
                assert_eq!(answer.status, 402, "{path}: {}", answer.body);
                assert_eq!(answer.code(), "payment_required");
            }
            50..70 => self.show_lasting(),
            70..78 => self.forge(),
            78..86 => self.show_again(),
            86..90 => self.show_revoked(),
            90..94 => self.buy_some(),
            _ => match self.take() {
                Some(ticket) => self.show_and_keep(ticket),
                None => self.buy_some(),
            },
        }
    }

    /// Draws something that is sold.
    fn kind(&mut self) -> &'static str {
        match self.rng.u32(0..20) {
            0..7 => "one",
            7..12 => "three",
            12..16 => "twin",
            16..19 => "stream",
            _ => "time",
        }
    }

    fn free(&mut self) {
        let path = self.market.path("free");
        let got = self.ask("free", &path, None);
        assert_eq!((got.status, got.body), (200, answer(&path)));
    }

    /// Asks, and counts the end.
    fn ask(&mut self, kind: &'static str, path: &str, credential: Option<&str>) -> Answer {
        let headers = credential.map(|value| format!("authorization: {value}\r\n"));
        let answer = self.line.get(path, &headers.unwrap_or_default());
        self.market
            .tally()
            .count(kind, credential.is_some(), &answer);
        answer
    }

    fn buy_some(&mut self) {
        let kind = self.kind();
        if let Some(ticket) = self.buy(kind) {
            self.keep(ticket);
        }
    }

    /// Buys; `None` if the payment fails, or is held.
    pub(crate) fn buy(&mut self, kind: &'static str) -> Option<Ticket> {
        let path = self.market.path(kind);
        let answer = self.ask(kind, &path, None);
        assert_eq!(answer.status, 402, "{path}: {}", answer.body);
        let lines = answer.values("www-authenticate").into_iter();
        let challenges = Challenges::parse(lines.map(str::as_bytes)).expect("challenges");
        let challenge = challenges.payable().expect("one to pay").remove(0);
        let price_msat = answer.json()["price_msat"].as_u64().expect("a price");
        let request = PayRequest::new(challenge.invoice().to_owned(), Msat::ZERO, PATIENCE);
        match self.runtime.block_on(self.wallet.pay(request)) {
            Payment::Settled { preimage, .. } => {
                Some(self.paid(kind, path, &challenge, &preimage, price_msat))
            }
            Payment::Unknown(_) => {
                self.market.stock().held.push(Held {
                    kind,
                    path,
                    challenge,
                    price_msat,
                });
                self.market.tally().held += 1;
                None
            }
            _ => {
                self.market.tally().failed += 1;
                None
            }
        }
    }

    fn paid(
        &self,
        kind: &'static str,
        path: String,
        challenge: &l402::Challenge,
        preimage: &Preimage,
        price_msat: u64,
    ) -> Ticket {
        let payment_hash = preimage.payment_hash().to_string();
        let mut tally = self.market.tally();
        tally.paid_msat += price_msat;
        assert!(tally.payments.insert(payment_hash.clone()), "paid twice");
        Ticket {
            kind,
            path,
            authorization: challenge.authorization(preimage),
            payment_hash,
            left: match kind {
                "time" => None,
                "three" => Some(3),
                _ => Some(1),
            },
            is_used: false,
            was_given_back: false,
        }
    }

    /// Takes over what was held, after the wallet has let it go.
    pub(crate) fn let_go(&mut self) {
        let held = core::mem::take(&mut self.market.stock().held);
        for one in held {
            let terms = l402::InvoiceTerms::read(one.challenge.invoice()).expect("an invoice");
            let look = self.wallet.lookup(terms.payment_hash);
            let found = self.runtime.block_on(look).expect("the sandbox answers");
            let Some(Payment::Settled { preimage, .. }) = found else {
                panic!("it stays held: {found:?}");
            };
            let ticket = self.paid(
                one.kind,
                one.path,
                &one.challenge,
                &preimage,
                one.price_msat,
            );
            self.keep(ticket);
        }
    }

    fn keep(&self, ticket: Ticket) {
        let mut stock = self.market.stock();
        match ticket.left {
            None if ticket.is_used => stock.lasting.push(ticket),
            Some(0) => stock.spent.push(ticket),
            _ => stock.tickets.push_back(ticket),
        }
    }

    fn take(&self) -> Option<Ticket> {
        self.market.stock().tickets.pop_front()
    }

    /// Shows what is good, and puts it back to where it belongs now.
    fn show_and_keep(&mut self, mut ticket: Ticket) {
        self.show(&mut ticket);
        self.keep(ticket);
    }

    /// Shows a ticket that is good, and returns the status. It is served, unless the service behind it fails on
    /// purpose.
    pub(crate) fn show(&mut self, ticket: &mut Ticket) -> u16 {
        let fails_before = self.may_fail(ticket.kind);
        let got = self.ask(ticket.kind, &ticket.path, Some(&ticket.authorization));
        let may_fail = fails_before || self.may_fail(ticket.kind);
        match got.status {
            200 => {
                assert_eq!(got.body, answer(&ticket.path), "another's answer");
                self.had(ticket);
            }
            500 | 504 if may_fail => ticket.was_given_back = true,
            // Its use is on the way back, or the service has failed it too often in a row.
            409 | 503 if ticket.was_given_back => {
                assert!(["in_use", "upstream_failing"].contains(&&*got.code()));
            }
            status => panic!("{}: {status} {}", ticket.path, got.body),
        }
        got.status
    }

    fn may_fail(&self, kind: &str) -> bool {
        let is_on = |flag: &AtomicBool| flag.load(Ordering::SeqCst);
        (kind == "one" && is_on(&self.market.one_fails))
            || (kind == "slow" && is_on(&self.market.slow_hangs))
    }

    fn had(&self, ticket: &mut Ticket) {
        let mut tally = self.market.tally();
        *tally.had.entry(ticket.path.clone()).or_default() += 1;
        if ticket.left.is_some() || !ticket.is_used {
            let route = format!("/{}/{{id}}", ticket.kind);
            *tally.sales.entry(route).or_default() += 1;
        }
        ticket.left = ticket.left.map(|left| left - 1);
        ticket.is_used = true;
    }

    fn show_lasting(&mut self) {
        let lasting = {
            let stock = self.market.stock();
            let count = stock.lasting.len();
            (count > 0).then(|| stock.lasting[self.rng.usize(0..count)].clone())
        };
        match lasting {
            Some(mut ticket) => assert_eq!(self.show(&mut ticket), 200),
            None => match self.buy("time") {
                Some(ticket) => self.show_and_keep(ticket),
                None => self.free(),
            },
        }
    }

    /// Draws a ticket that is good for nothing any more.
    fn drawn(&mut self, of: impl Fn(&Stock) -> &Vec<Ticket>) -> Option<Ticket> {
        let stock = self.market.stock();
        let all = of(&stock);
        (!all.is_empty()).then(|| all[self.rng.usize(0..all.len())].clone())
    }

    fn show_again(&mut self) {
        let Some(ticket) = self.drawn(|stock| &stock.spent) else {
            return self.free();
        };
        let got = self.ask(ticket.kind, &ticket.path, Some(&ticket.authorization));
        // The commit of the last use may be on the way.
        let expected = [(402, "consumed"), (409, "in_use")];
        assert!(
            expected.contains(&(got.status, &*got.code())),
            "{}",
            got.body
        );
    }

    /// Shows what was revoked. It is never good again.
    fn show_revoked(&mut self) {
        match self.drawn(|stock| &stock.revoked) {
            Some(ticket) => assert!(self.is_revoked(&ticket), "{}", ticket.path),
            None => self.free(),
        }
    }

    /// Shows a ticket that may have been revoked, and returns true if it was.
    pub(crate) fn is_revoked(&mut self, ticket: &Ticket) -> bool {
        let got = self.ask(ticket.kind, &ticket.path, Some(&ticket.authorization));
        if got.status == 200 {
            *self
                .market
                .tally()
                .had
                .entry(ticket.path.clone())
                .or_default() += 1;
            return false;
        }
        assert_eq!((got.status, &*got.code()), (402, "revoked"), "{}", got.body);
        true
    }

    /// Shows the token of a spent ticket with a preimage that is not its own.
    fn forge(&mut self) {
        let Some(ticket) = self.drawn(|stock| &stock.spent) else {
            return self.free();
        };
        let (token, _) = ticket.authorization.rsplit_once(':').expect("two parts");
        let forged = format!("{token}:{}", hex(&[self.rng.u8(..); 32]));
        let got = self.ask(ticket.kind, &ticket.path, Some(&forged));
        assert!(
            [401, 429].contains(&got.status),
            "{} {}",
            got.status,
            got.body
        );
    }

    /// Shows all that is left until it is used up.
    pub(crate) fn use_up(&mut self) {
        let clock = l402_host::SystemClock::default();
        while let Some(ticket) = self.take() {
            assert!(clock.monotonic() < PATIENCE, "not used up: {}", ticket.path);
            self.show_and_keep(ticket);
        }
    }
}

/// Returns the token of a ticket as the admin API names it.
pub(crate) fn token_id(ticket: &Ticket) -> String {
    let header = [("authorization", ticket.authorization.as_bytes())];
    let credential = Credential::from_headers(header).expect("it can be read");
    let credential = credential.expect("a credential");
    let identifier = credential.macaroon().identifier().expect("ours");
    hex(identifier.token_id.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
