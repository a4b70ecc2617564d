//! The settings of a client, and their defaults.

use std::sync::Arc;
use std::time::Duration;

use l402_host::{Clock, SystemClock};
use l402_lightning::Pay;
use tokio::sync::Semaphore;

use crate::client::Client;
use crate::hook::PaymentHook;
use crate::http::{AllowedAddress, Asks, Guard, Http, Outgoing, Reach, Spool, Watch};
use crate::purchase::{AHEAD_MAX, Buyer, HOOK_TIME, PAYING_MAX, Wallet, WalletSource};
use crate::{BudgetName, Cookies, Error, Journal, Limits, Progress, VaultLimits};

/// The time limit for the head of an answer: 60 s, unless [`ClientBuilder::timeout`] sets another.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// The pauses before a credential that was refused without a reason is presented again.
const SETTLE_PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// The most redirects of one call, unless [`ClientBuilder::max_redirects`] sets another number.
const REDIRECTS_MAX: usize = 10;

/// The settings of a [`Client`] to be.
pub struct ClientBuilder {
    journal: Journal,
    wallet: Wallet,
    limits: Limits,
    budget: BudgetName,
    own_only: bool,
    clock: Option<Arc<dyn Clock>>,
    progress: Option<Arc<dyn Progress>>,
    cookies: Option<Arc<dyn Cookies>>,
    follow_redirects: bool,
    keep_method: bool,
    outgoing: Outgoing,
    timeout: Option<Duration>,
    payment_deadline: Duration,
    rate_limit_patience: Duration,
    plain_http: bool,
    despite_stop: bool,
    settle_pauses: [Duration; 2],
    own_addresses: Vec<(String, u16)>,
    body_challenge: bool,
    max_redirects: usize,
    pays_unverified: bool,
    watch: Option<Arc<dyn Watch>>,
    hook: Option<Arc<dyn PaymentHook>>,
    hook_time: Duration,
    new_payee: bool,
    allowed_addresses: Vec<AllowedAddress>,
    asks: Option<Asks>,
}

impl std::fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl ClientBuilder {
    pub(crate) fn new(journal: Journal) -> Self {
        Self {
            journal,
            wallet: Wallet::None,
            limits: Limits::default(),
            budget: BudgetName::default(),
            own_only: false,
            clock: None,
            progress: None,
            cookies: None,
            follow_redirects: false,
            keep_method: false,
            outgoing: Outgoing::default(),
            timeout: None,
            payment_deadline: Duration::from_secs(60),
            rate_limit_patience: Duration::ZERO,
            plain_http: false,
            despite_stop: false,
            settle_pauses: SETTLE_PAUSES,
            own_addresses: Vec::new(),
            body_challenge: false,
            max_redirects: REDIRECTS_MAX,
            pays_unverified: false,
            watch: None,
            hook: None,
            hook_time: HOOK_TIME,
            new_payee: false,
            allowed_addresses: Vec::new(),
            asks: None,
        }
    }

    /// Sets the wallet. Without one, every 402 is [`Error::PaymentRequired`].
    #[must_use]
    pub fn wallet(mut self, wallet: Arc<dyn Pay>) -> Self {
        self.wallet = Wallet::Open(wallet);
        self
    }

    /// Sets a wallet that is opened once something is to be paid or looked up, in place of
    /// [`wallet`](Self::wallet).
    #[must_use]
    pub fn wallet_source(mut self, source: impl WalletSource + 'static) -> Self {
        self.wallet = Wallet::later(source);
        self
    }

    /// Sets the limits of spending that hold beside those of the budget; see [`Limits::default`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the budget that payments count against, together with its parents. `default` by default.
    /// A budget that is not there is [`Error::UnknownBudget`], once something is to be paid.
    #[must_use]
    pub fn budget(mut self, name: BudgetName) -> Self {
        self.budget = name;
        self
    }

    /// Uses only what was paid from the budget of this client: tokens, kept answers, and the preimages
    /// of invoices that were paid before. Off by default: then what the home has bought serves every
    /// call. For a program that must not use up what others have paid for.
    ///
    /// Purchases of other budgets still count where they must: one of the same origin and path whose
    /// outcome is unknown is looked up first, and an invoice that is paid is never paid again.
    #[must_use]
    pub fn own_purchases_only(mut self, on: bool) -> Self {
        self.own_only = on;
        self
    }

    /// Sets the clock. The clock of the machine by default.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Sets the receiver of events, which also approves payments. By default there is none, and a
    /// payment within the limits is made.
    #[must_use]
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Follows redirects, as many as [`max_redirects`](Self::max_redirects) says. A credential never crosses origins. Off by default.
    #[must_use]
    pub fn follow_redirects(mut self, on: bool) -> Self {
        self.follow_redirects = on;
        self
    }

    /// Keeps the method if a redirect would change it to GET, but drops the body, as curl does with
    /// `-X`. Off by default.
    #[must_use]
    pub fn keep_method_on_redirect(mut self, on: bool) -> Self {
        self.keep_method = on;
        self
    }

    /// Sets the certificates that are trusted, and the proxies. See [`Outgoing`] for the default.
    #[must_use]
    pub fn outgoing(mut self, outgoing: Outgoing) -> Self {
        self.outgoing = outgoing;
        self
    }

    /// Sets two times: the limit for the head of an answer, 60 s by default, and the wait for
    /// another purchase of the same origin and path, the payment deadline and 60 s by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the time that the wallet has to pay. 60 s by default.
    #[must_use]
    pub fn payment_deadline(mut self, deadline: Duration) -> Self {
        self.payment_deadline = deadline;
        self
    }

    /// Sets the longest time that a call waits, in all, where servers answer 429: it waits as long as
    /// `Retry-After` says, at least a second, and asks again, three times in all. Zero by default: a 429
    /// is then the answer of the call. Waiting pays nothing, and a token that was bought before is kept.
    #[must_use]
    pub fn rate_limit_patience(mut self, longest: Duration) -> Self {
        self.rate_limit_patience = longest;
        self
    }

    /// Sends credentials over plain HTTP to other machines, where anybody on the way can read and
    /// use them. Off by default.
    #[must_use]
    pub fn danger_allow_plain_http(mut self, on: bool) -> Self {
        self.plain_http = on;
        self
    }

    /// Buys also of a seller who has taken money for nothing within a day, and ends that stop. Off by
    /// default: such a purchase is [`Refused::SellerStopped`](crate::Refused::SellerStopped).
    #[must_use]
    pub fn buy_despite_stop(mut self, on: bool) -> Self {
        self.despite_stop = on;
        self
    }

    /// Sets the pauses before a paid credential that the server refuses without a reason is presented
    /// again. 1 s and 3 s by default: some servers see a payment late.
    #[must_use]
    pub fn settle_pauses(mut self, first: Duration, second: Duration) -> Self {
        self.settle_pauses = [first, second];
        self
    }

    /// Refuses every request to these addresses, of host and port, also behind a redirect: they are
    /// those of the caller's own wallet, whose API pays outside of the journal. An address of this
    /// machine stands for all of its loopback addresses. None by default.
    ///
    /// A request is refused with [`Refused::OwnAddress`](crate::Refused::OwnAddress).
    #[must_use]
    pub fn own_addresses(mut self, addresses: impl IntoIterator<Item = (String, u16)>) -> Self {
        self.own_addresses = addresses.into_iter().collect();
        self
    }

    /// Pays a challenge that stands in a JSON body of at most 64 KiB, in one object with `invoice` and
    /// with `macaroon` or `token`, if no header has one. It must come over https or from this machine,
    /// and is checked like any other. Off by default: no specification knows such a challenge.
    #[must_use]
    pub fn accept_body_challenge(mut self, on: bool) -> Self {
        self.body_challenge = on;
        self
    }

    /// Sets the most redirects that one call follows. 10 by default.
    #[must_use]
    pub fn max_redirects(mut self, most: usize) -> Self {
        self.max_redirects = most;
        self
    }

    /// Pays, and sends credentials, also if
    /// [any certificate](Outgoing::danger_accept_any_certificate) of a server is taken, so that nobody
    /// knows who gets them. Off by default: such a purchase is
    /// [`Refused::UnverifiedServer`](crate::Refused::UnverifiedServer).
    #[must_use]
    pub fn danger_pay_unverified(mut self, on: bool) -> Self {
        self.pays_unverified = on;
        self
    }

    /// Sets a receiver of the heads of all requests and answers, without what is secret in them.
    #[must_use]
    pub fn watch(mut self, watch: Arc<dyn Watch>) -> Self {
        self.watch = Some(watch);
        self
    }

    /// Sends and takes cookies. By default the client sends what a request holds and takes none.
    #[must_use]
    pub fn cookies(mut self, cookies: Arc<dyn Cookies>) -> Self {
        self.cookies = Some(cookies);
        self
    }

    /// Sets the hook, which is asked about each payment that the limits allow. By default there is none.
    /// A payment that it does not allow is [`Refused::DeniedByHook`](crate::Refused::DeniedByHook).
    #[must_use]
    pub fn hook(mut self, hook: Arc<dyn PaymentHook>) -> Self {
        self.hook = Some(hook);
        self
    }

    /// Sets the time that the hook has for its answer: 3 s by default, and at most.
    #[must_use]
    pub fn hook_time(mut self, time: Duration) -> Self {
        self.hook_time = time.min(HOOK_TIME);
        self
    }

    /// Pays a seller also if another node signs its invoice than before, and remembers that node, too.
    /// Off by default: unless a person approves it ([`Progress::has_person`]), such a purchase is
    /// [`Refused::PayeeChanged`](crate::Refused::PayeeChanged).
    #[must_use]
    pub fn accept_new_payee(mut self, on: bool) -> Self {
        self.new_payee = on;
        self
    }

    /// Allows these hosts and networks although they are private. An address or `localhost` in the URL of
    /// a [`Request`](crate::Request) counts as named by the caller; none else does: a host name that leads to a private
    /// address, or a redirect to one, is [`Refused::PrivateAddress`](crate::Refused::PrivateAddress).
    ///
    /// The addresses are checked that a connection is really made to. Through a proxy the proxy resolves
    /// names, and only addresses in URLs are checked here. A `.onion` host that no proxy resolves is
    /// refused unless it is allowed by name.
    #[must_use]
    pub fn allow_addresses(mut self, allowed: impl IntoIterator<Item = AllowedAddress>) -> Self {
        self.allowed_addresses.extend(allowed);
        self
    }

    /// Asks only the URLs that a rule lets pass, also behind a redirect. Any other one is
    /// [`Refused::RedirectedAcrossOrigins`](crate::Refused::RedirectedAcrossOrigins), before a request
    /// goes to it. Every URL may be asked by default.
    #[must_use]
    pub fn ask_only(mut self, rule: impl Fn(&url::Url) -> bool + Send + Sync + 'static) -> Self {
        self.asks = Some(Arc::new(rule));
        self
    }

    /// Keeps paid answers that are read to their end, encrypted and within these limits, so that
    /// [`Journal::replay`] can give them again. `None` keeps none, which is the default. What is read behind
    /// a middleware or a layer is not kept.
    #[must_use]
    pub fn keep_answers(mut self, limits: impl Into<Option<VaultLimits>>) -> Self {
        self.journal.keep_answers(limits.into());
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    /// [`Error::Transport`] if TLS cannot be set up.
    pub fn build(self) -> Result<Client, Error> {
        let clock = self
            .clock
            .unwrap_or_else(|| Arc::new(SystemClock::default()));
        // Both at the same moment: the buyer later measures the wall clock against the steady one.
        let started = (clock.wall(), clock.monotonic());
        Ok(Client::new(Buyer {
            spool: Spool::new(self.journal.folder().join("spool")),
            journal: self.journal,
            is_unverified: self.outgoing.accepts_any_certificate() && !self.pays_unverified,
            http: Http::new(
                self.timeout.unwrap_or(ANSWER_TIME),
                Guard::new(self.own_addresses).asking(self.asks),
                Reach::new(self.allowed_addresses, self.outgoing.proxy_hosts()),
                self.outgoing,
            )?
            .watched_by(self.watch),
            wallet: self.wallet,
            limits: self.limits,
            budget: self.budget,
            own_only: self.own_only,
            clock,
            progress: self.progress,
            cookies: self.cookies,
            follow_redirects: self.follow_redirects,
            keep_method: self.keep_method,
            // The other purchase may use its whole deadline for the payment, and then its answer takes
            // time: a shorter wait would end as `Busy` although all goes well.
            patience: self
                .timeout
                .unwrap_or(self.payment_deadline.saturating_add(ANSWER_TIME)),
            payment_deadline: self.payment_deadline,
            rate_limit_patience: self.rate_limit_patience,
            plain_http: self.plain_http,
            despite_stop: self.despite_stop,
            settle_pauses: self.settle_pauses,
            body_challenge: self.body_challenge,
            max_redirects: self.max_redirects,
            hook: self.hook,
            hook_time: self.hook_time,
            new_payee: self.new_payee,
            ahead: Arc::new(Semaphore::new(AHEAD_MAX)),
            paying: Arc::new(Semaphore::new(PAYING_MAX as usize)),
            started,
        }))
    }
}
