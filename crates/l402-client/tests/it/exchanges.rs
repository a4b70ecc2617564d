//! Hostile exchanges, drawn from a seed: challenge, invoice, body, redirects, answers after the
//! payment, and the wallet. Whatever they are, money moves within the limits and at most once a call,
//! no credential crosses origins, and what is said of money is true.
//!
//! `L402_EXCHANGES` says how many, `L402_SEED` from which seed, `L402_EXCHANGE` which one alone;
//! `tests/long.sh exchanges` runs many.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::{HeaderValue, header};
use l402::Msat;
use l402_client::{Client, Entry, Error, Journal, Limits, Receipt, Request, State};
use l402_host::ManualClock;
use l402_lightning::sandbox::SandboxWallet;
use l402_lightning::{Pay, Payment};
use l402_testkit::TestHome;
use l402_testkit::hostile::{Asked, HostileSeller, HostileWallet, Plan, Verdict};
use tokio::task::JoinSet;

const SEED: u64 = 402;

/// Enough for each fault to come up alone some times, and some seconds in all.
const EXCHANGES: u64 = 300;

/// The least number of different things that the sellers of [`EXCHANGES`] do.
const BEHAVIOURS: usize = 80;

/// The exchanges that run at a time: most of the time of one is waiting.
const AT_A_TIME: usize = 48;

/// The longest that one exchange may take; nothing in it waits for more than a few seconds.
const TIME: Duration = Duration::from_secs(120);

/// What became of the exchanges, by the name of each outcome.
type Tally = BTreeMap<&'static str, usize>;

/// One exchange under way.
struct Scene {
    plan: Plan,
    clock: Arc<ManualClock>,
    journal: Journal,
    client: Client,
    truth: SandboxWallet,
    wallet: Arc<HostileWallet>,
    seller: HostileSeller,
    _home: tempfile::TempDir,
}

/// The end of one call.
type Outcome = Result<(u16, Vec<u8>, Option<Receipt>), Error>;

fn number(name: &str) -> Option<u64> {
    let value = std::env::var_os(name)?;
    Some(value.to_str()?.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_hostile_exchange_moves_money_beyond_the_rules() {
    let seed = number("L402_SEED").unwrap_or(SEED);
    let only = number("L402_EXCHANGE");
    let count = number("L402_EXCHANGES").unwrap_or(EXCHANGES);
    let mut numbers = only.map_or(0..count, |only| only..only + 1);
    let (mut running, mut tally, mut faults) = (JoinSet::new(), Tally::new(), Vec::new());
    loop {
        while running.len() < AT_A_TIME
            && let Some(number) = numbers.next()
        {
            running.spawn(async move { (number, exchange(seed, number).await) });
        }
        let Some(ended) = running.join_next().await else {
            break;
        };
        let (number, ended) = ended.expect("no exchange panics");
        match ended {
            Ok(outcomes) => outcomes
                .into_iter()
                .for_each(|name| *tally.entry(name).or_default() += 1),
            Err(fault) => faults.push(format!("L402_SEED={seed} L402_EXCHANGE={number}: {fault}")),
        }
    }
    eprintln!("{count} exchanges of seed {seed}: {tally:?}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // What is never paid breaks no rule either.
    if only.is_none() && count >= EXCHANGES {
        let plans = (0..count).map(|number| Plan::draw(seed, number));
        let met: BTreeSet<_> = plans.flat_map(|plan| plan.behaviours()).collect();
        eprintln!("{} behaviours of sellers", met.len());
        assert!(met.len() >= BEHAVIOURS, "{met:?}");
        let of = |name: &str| tally.get(name).copied().unwrap_or_default();
        let count = usize::try_from(count).expect("fits");
        assert!(
            of("payment") > count / 3 && of("served") > count / 4,
            "{tally:?}"
        );
    }
}

async fn exchange(seed: u64, number: u64) -> Result<Vec<&'static str>, String> {
    let scene = Scene::open(seed, number).await;
    let played = tokio::time::timeout(TIME, scene.play()).await;
    let played = played.unwrap_or_else(|_| Err("it does not end".into()));
    played.map_err(|fault| format!("{fault}\n  {:?}", scene.plan))
}

impl Scene {
    async fn open(seed: u64, number: u64) -> Self {
        let plan = Plan::draw(seed, number);
        let TestHome {
            home,
            clock,
            sandbox,
            wallet: truth,
        } = TestHome::with_account("buyer");
        let seller = HostileSeller::start(&plan, &sandbox, clock.clone()).await;
        let wallet = Arc::new(HostileWallet::new(truth.clone(), &plan));
        let journal = Journal::open(&home.path().join("client")).expect("a journal");
        let limits = Limits::default()
            .with_per_request(plan.per_request)
            .with_per_day(plan.per_day);
        let client = Client::builder(journal.clone())
            .wallet(wallet.clone())
            .clock(clock.clone())
            .limits(limits)
            .follow_redirects(plan.follows)
            .accept_body_challenge(plan.takes_bodies)
            .rate_limit_patience(Duration::from_secs(plan.patience_secs))
            // Longer than anything here lasts: a slow machine must not look like a silent seller.
            .settle_pauses(Duration::from_millis(5), Duration::from_millis(10))
            .timeout(Duration::from_secs(30))
            .payment_deadline(Duration::from_secs(30));
        Self {
            client: client.build().expect("a client"),
            plan,
            clock,
            journal,
            truth,
            wallet,
            seller,
            _home: home,
        }
    }

    async fn play(&self) -> Result<Vec<&'static str>, String> {
        let mut outcomes = Vec::new();
        if self.plan.at_once {
            let calls = self.plan.paths.iter().map(|path| self.call(path));
            let ended = join_all(calls).await;
            outcomes.extend(ended.iter().map(name));
            let payments = self.wallet.asked().len();
            must(payments <= ended.len(), "more payments than calls")?;
        } else {
            for (at, path) in self.plan.paths.iter().enumerate() {
                let (asked, spent) = (self.wallet.asked().len(), self.spent().await);
                let outcome = self.call(path).await;
                let asked = self.wallet.asked().split_off(asked);
                let moved = self
                    .spent()
                    .await
                    .checked_sub(spent)
                    .expect("it never falls");
                self.check_call(&outcome, &asked, moved)
                    .map_err(|fault| format!("call {at}: {fault}: {outcome:?}"))?;
                if at == 0 {
                    self.check_first(&outcome, &asked)
                        .map_err(|fault| format!("{fault}: {outcome:?}"))?;
                }
                outcomes.push(name(&outcome));
            }
        }
        self.check_all().await?;
        outcomes.extend(self.wallet.asked().iter().map(|_| "payment"));
        Ok(outcomes)
    }

    async fn call(&self, path: &str) -> Outcome {
        let url = self.seller.url(path).parse().expect("a url");
        let mut request = Request::get(url);
        let own = HeaderValue::from_static(self.seller.own_authorization());
        request.headers.insert(header::AUTHORIZATION, own);
        let answer = self.client.send(request).await?;
        let (status, receipt) = (answer.status().as_u16(), answer.receipt().cloned());
        let body = answer.bytes(1 << 20).await?;
        Ok((status, body.to_vec(), receipt))
    }

    /// The sum that has left the account, fees included.
    async fn spent(&self) -> Msat {
        let balance = self.truth.balance().await.expect("a balance");
        let spent = Msat::from_sat(100_000).checked_sub(balance);
        spent.expect("nobody fills it")
    }

    /// What holds for each call that is made alone.
    fn check_call(&self, outcome: &Outcome, asked: &[Asked], moved: Msat) -> Result<(), String> {
        must(asked.len() <= 1, "two payments in one call")?;
        must(moved <= self.plan.per_request, "more than the limit moved")?;
        for one in asked {
            let cost = one.amount.saturating_add(one.max_fee);
            must(
                cost <= self.plan.per_request,
                "asked for more than the limit",
            )?;
        }
        match outcome {
            Ok((_, _, None)) => must(moved == Msat::ZERO, "no receipt, and money moved"),
            Ok((_, _, Some(receipt))) if receipt.reused => {
                must(moved == Msat::ZERO, "called reused, and money moved")
            }
            Ok((_, _, Some(receipt))) => {
                must(moved == receipt.price, "the receipt is of another price")
            }
            Err(error) => {
                let says = error.to_string().contains("no money moved");
                must(says == error.no_money_moved(), "words and promise differ")?;
                must(!says || moved == Msat::ZERO, "it says that no money moved")
            }
        }
    }

    /// What the rules say of a call for which nothing was bought before.
    fn check_first(&self, outcome: &Outcome, asked: &[Asked]) -> Result<(), String> {
        match self.plan.first_call() {
            Verdict::Sound if self.plan.first_payment_is_honest() => {
                let served = matches!(outcome, Ok((200, body, Some(_))) if body == b"served");
                must(served && asked.len() == 1, "sound, and not served")
            }
            Verdict::Unsound => must(asked.is_empty(), "unsound, and paid"),
            _ => Ok(()),
        }
    }

    /// What holds at the end, whatever happened.
    async fn check_all(&self) -> Result<(), String> {
        let complaints = self.seller.complaints();
        must(complaints.is_empty(), &complaints.join(", "))?;
        must(
            self.spent().await <= self.plan.per_day,
            "more than the day's limit moved",
        )?;
        let asked = self.wallet.asked();
        let broken = asked.iter().position(|one| one.broke_a_limit);
        let is_stopped = broken.is_none_or(|at| at + 1 == asked.len());
        must(
            self.plan.at_once || is_stopped,
            "a wallet that broke a limit was asked again",
        )?;
        for (at, one) in asked.iter().enumerate() {
            must(
                self.seller.has_sold(one),
                "paid what was not for this buyer",
            )?;
            let again = asked[at + 1..].iter();
            let mut again = again.filter(|other| other.payment_hash == one.payment_hash);
            let is_asked_again = again.next().is_some();
            must(
                one.failed || !is_asked_again,
                "one hash was asked for twice",
            )?;
        }
        // Long after the end of every invoice the wallet's word is final.
        self.clock.advance(Duration::from_secs(2000));
        self.client
            .reconcile()
            .await
            .map_err(|error| error.to_string())?;
        for entry in self
            .journal
            .entries(1000)
            .map_err(|error| error.to_string())?
        {
            self.check_entry(&entry).await?;
        }
        Ok(())
    }

    /// Compares a row of the journal with what the sandbox knows.
    async fn check_entry(&self, entry: &Entry) -> Result<(), String> {
        let truth = self.truth.lookup(entry.payment_hash).await;
        let truth = truth.map_err(|error| error.to_string())?;
        let is_paid = matches!(truth, Some(Payment::Settled { .. }));
        let says = match entry.state {
            State::Paid | State::PaidNoProof | State::Refused | State::Served => true,
            State::Failed => false,
            other => return Err(format!("a row stays {}", other.name())),
        };
        must(
            says == is_paid,
            &format!("the journal says {}", entry.state.name()),
        )
    }
}

/// The name of an outcome, for the tally.
fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Ok((200, body, _)) if body == b"served" => "served",
        Ok((200, ..)) => "free",
        Ok(_) => "answered",
        Err(error) => error.code(),
    }
}

fn must(holds: bool, fault: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(fault.to_owned()) }
}
