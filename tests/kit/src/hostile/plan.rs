//! Everything about one exchange that is drawn, and what a buyer may make of it.

use fastrand::Rng;
use l402::Msat;

/// What the rules say about a part of a challenge, or about all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It may be paid.
    Sound,
    /// The rules leave it open, or it depends on what came before.
    Open,
    /// It must not be paid.
    Unsound,
}

/// An enum whose variants are drawn by weight.
macro_rules! drawn {
    ($(#[$doc:meta])* $name:ident: $($variant:ident $weight:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $name { $($variant,)* }

        impl $name {
            fn draw(rng: &mut Rng) -> Self {
                let weights = [$($weight,)*];
                let mut left = rng.u32(0..weights.iter().sum());
                let all = [$(Self::$variant,)*];
                for (one, weight) in all.into_iter().zip(weights) {
                    match left.checked_sub(weight) {
                        None => return one,
                        Some(less) => left = less,
                    }
                }
                unreachable!("the weights add up")
            }
        }
    };
}

/// One whose variants the rules also judge.
macro_rules! judged {
    ($(#[$doc:meta])* $name:ident: $($variant:ident $verdict:ident $weight:literal,)*) => {
        drawn! { $(#[$doc])* $name: $($variant $weight,)* }

        impl $name {
            fn verdict(self) -> Verdict {
                match self { $(Self::$variant => Verdict::$verdict,)* }
            }
        }
    };
}

judged! {
    /// The header lines of a challenge.
    Lines:
    Both Sound 10,
    Broken Unsound 1,
    Cheaper Open 1,
    Dearer Open 1,
    Foreign Unsound 1,
    Half Unsound 1,
    Huge Unsound 1,
    InBody Open 2,
    Joined Sound 2,
    L402 Sound 10,
    Lsat Sound 2,
    Many Unsound 1,
    New Sound 3,
    Nothing Unsound 1,
    Twice Unsound 1,
    Unquoted Sound 1,
}

judged! {
    /// The token of a challenge.
    Token:
    Binary Unsound 1,
    Opaque Sound 6,
    OtherHash Unsound 1,
    OtherNetwork Unsound 1,
    OtherPrice Unsound 1,
    Ours Sound 12,
    OursForHours Sound 4,
    Spaced Unsound 1,
}

judged! {
    /// The invoice of a challenge.
    Bill:
    Amountless Unsound 1,
    Ended Unsound 1,
    Forged Unsound 1,
    Fraction Sound 2,
    FromFuture Unsound 1,
    Garbage Unsound 1,
    Honest Sound 24,
    Link Sound 2,
    Mainnet Unsound 1,
    OfAnother Open 2,
    Same Open 3,
    TooDear Unsound 2,
    Zeros Unsound 1,
}

judged! {
    /// The body of a challenge.
    Body:
    Agrees Sound 8,
    Empty Sound 8,
    Endless Sound 1,
    Float Sound 1,
    Hangs Sound 1,
    NoJson Sound 2,
    OtherHash Unsound 1,
    OtherPrice Unsound 1,
    Short Sound 1,
}

judged! {
    /// A `Payment` challenge beside it.
    Beside:
    Cheaper Unsound 1,
    Contradicts Unsound 1,
    Dearer Sound 1,
    None Sound 16,
    Same Sound 2,
    WithItsOwn Sound 2,
}

drawn! {
    /// A way to break an answer.
    Trouble:
    Cut 2,
    Garbled 1,
    HeadOnly 1,
    Reset 2,
    Silent 1,
    TooManyHeaders 1,
}

drawn! {
    /// The target of a redirect.
    Leads:
    Away 2,
    AwayAndBack 2,
    Here 3,
    InCircles 1,
}

drawn! {
    /// An answer to a request without a credential.
    Unpaid:
    Asks 30,
    Busy 1,
    Free 2,
    Leads 3,
    Refuses 1,
    Troubles 1,
}

drawn! {
    /// An answer to a request with a credential.
    Paid:
    Again 2,
    AnotherPrice 2,
    Busy 1,
    Fails 2,
    InUse 1,
    Leads 2,
    Refuses 3,
    Serves 24,
    Troubles 3,
}

judged! {
    /// The habit of a wallet, for one payment.
    Mood:
    Fails Open 2,
    Forgets Open 1,
    Honest Sound 24,
    LiesOfAmount Open 1,
    LiesOfFee Open 1,
    LiesOfProof Open 2,
    LiesOnce Sound 1,
    Mute Open 2,
    Slow Sound 1,
}

/// The habit of the wallet of a real program, which has no more than the faults of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// The connection ends in the middle of a payment.
    EndsMidPayment,
    /// No payment is made.
    Fails,
    /// Every payment is made.
    Honest,
    /// A payment is made, and its preimage is a false one.
    Lies,
}

/// A challenge that is to be made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Challenge {
    pub(super) lines: Lines,
    pub(super) token: Token,
    pub(super) bill: Bill,
    pub(super) body: Body,
    pub(super) beside: Beside,
    pub(super) msat: u64,
}

/// One answer to a request without a credential.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnpaidAnswer {
    pub(super) kind: Unpaid,
    pub(super) challenge: Challenge,
    pub(super) leads: Leads,
    pub(super) trouble: Trouble,
    pub(super) status: u16,
}

/// One answer to a request with a credential.
#[derive(Clone, Copy, Debug)]
pub(super) struct PaidAnswer {
    pub(super) kind: Paid,
    pub(super) challenge: Challenge,
    pub(super) leads: Leads,
    pub(super) trouble: Trouble,
    pub(super) status: u16,
}

/// One exchange: the settings of a buyer, its calls, the answers of the seller, in order.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The most that a request may cost, fee included.
    pub per_request: Msat,
    /// The most that all calls may cost.
    pub per_day: Msat,
    /// The buyer follows redirects.
    pub follows: bool,
    /// The buyer pays challenges that stand in bodies.
    pub takes_bodies: bool,
    /// The time that a call may wait where the seller answers 429, in seconds.
    pub patience_secs: u64,
    /// The paths of the calls.
    pub paths: Vec<&'static str>,
    /// The calls are made at once, and not one after the other.
    pub at_once: bool,
    /// The wallet of a real program.
    pub habit: Habit,
    pub(super) moods: Vec<Mood>,
    pub(super) unpaid: Vec<UnpaidAnswer>,
    pub(super) paid: Vec<PaidAnswer>,
}

impl Challenge {
    fn draw(rng: &mut Rng, per_request: Msat) -> Self {
        let sat = per_request.ceil_sat();
        // A fee of 10 sat is allowed for at most, and what is left of the limit is enough for none.
        let msat = rng.u64(1..=sat) * 1000;
        // Mostly one fault at a time: two of them would hide each other.
        let mut one = Self {
            lines: Lines::L402,
            token: Token::Ours,
            bill: Bill::Honest,
            body: Body::Empty,
            beside: Beside::None,
            msat,
        };
        for part in 0..5 {
            if rng.u8(0..10) < 6 {
                continue;
            }
            match part {
                0 => one.lines = Lines::draw(rng),
                1 => one.token = Token::draw(rng),
                2 => one.bill = Bill::draw(rng),
                3 => one.body = Body::draw(rng),
                _ => one.beside = Beside::draw(rng),
            }
        }
        if one.bill == Bill::Fraction {
            one.msat = one.msat.saturating_sub(rng.u64(1..1000)).max(1);
        }
        one
    }

    /// Returns the names of the parts that differ from an honest challenge.
    fn faults(&self) -> Vec<String> {
        let parts = [
            (self.lines != Lines::L402, format!("lines {:?}", self.lines)),
            (self.token != Token::Ours, format!("token {:?}", self.token)),
            (
                self.bill != Bill::Honest,
                format!("invoice {:?}", self.bill),
            ),
            (self.body != Body::Empty, format!("body {:?}", self.body)),
            (
                self.beside != Beside::None,
                format!("beside {:?}", self.beside),
            ),
        ];
        let differing = parts.into_iter().filter(|(differs, _)| *differs);
        differing.map(|(_, name)| name).collect()
    }

    fn verdict(&self, takes_bodies: bool) -> Verdict {
        let lines = match self.lines {
            // The second offer is judged by itself, and sound.
            Lines::Cheaper | Lines::Dearer => return Verdict::Open,
            Lines::InBody if takes_bodies => Verdict::Sound,
            Lines::InBody => return Verdict::Unsound,
            lines => lines.verdict(),
        };
        // The body is that of the challenge, and no other.
        let body = match self.lines {
            Lines::InBody => Verdict::Sound,
            _ => self.body.verdict(),
        };
        let parts = [
            lines,
            self.token.verdict(),
            self.bill.verdict(),
            body,
            self.beside.verdict(),
        ];
        parts.into_iter().max().unwrap_or(Verdict::Sound)
    }
}

impl Plan {
    /// Draws the exchange of this number from a seed.
    #[must_use]
    pub fn draw(seed: u64, number: u64) -> Self {
        let mut rng = Rng::with_seed(seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let rng = &mut rng;
        let per_request = Msat::from_sat(rng.u64(5..200));
        let per_day = Msat::from_sat(per_request.ceil_sat() * rng.u64(1..4));
        let mut plan = Self {
            per_request,
            per_day,
            follows: rng.bool(),
            takes_bodies: rng.bool(),
            patience_secs: if rng.u8(0..4) == 0 { 3 } else { 0 },
            paths: Vec::new(),
            at_once: rng.u8(0..5) == 0,
            habit: Habit::Honest,
            moods: Vec::new(),
            unpaid: Vec::new(),
            paid: Vec::new(),
        };
        for _ in 0..rng.usize(1..5) {
            plan.paths.push(if rng.u8(0..4) == 0 { "/b" } else { "/a" });
            plan.moods.push(Mood::draw(rng));
            plan.unpaid.push(UnpaidAnswer {
                kind: Unpaid::draw(rng),
                challenge: Challenge::draw(rng, per_request),
                leads: Leads::draw(rng),
                trouble: Trouble::draw(rng),
                status: one_of(rng, &[400, 401, 403, 404, 410, 500, 503]),
            });
            plan.paid.push(PaidAnswer {
                kind: Paid::draw(rng),
                challenge: Challenge::draw(rng, per_request),
                leads: Leads::draw(rng),
                trouble: Trouble::draw(rng),
                status: one_of(rng, &[400, 401, 402, 403, 404, 410, 425, 451]),
            });
        }
        plan.habit = match rng.u8(0..8) {
            0 => Habit::EndsMidPayment,
            1 => Habit::Fails,
            2 => Habit::Lies,
            _ => Habit::Honest,
        };
        plan
    }

    /// What must come of the first call, if nothing is owned before and the wallet is honest: `Sound`
    /// if it must be paid and served, `Unsound` if nothing may be paid.
    #[must_use]
    pub fn first_call(&self) -> Verdict {
        let (Some(unpaid), Some(paid)) = (self.unpaid.first(), self.paid.first()) else {
            return Verdict::Open;
        };
        match unpaid.kind {
            Unpaid::Asks => {}
            // Nothing is asked, so nothing is paid; but a redirect may lead to what is.
            Unpaid::Free | Unpaid::Refuses | Unpaid::Troubles => return Verdict::Unsound,
            Unpaid::Busy | Unpaid::Leads => return Verdict::Open,
        }
        match unpaid.challenge.verdict(self.takes_bodies) {
            Verdict::Sound if paid.kind == Paid::Serves => Verdict::Sound,
            Verdict::Unsound => Verdict::Unsound,
            _ => Verdict::Open,
        }
    }

    /// Returns the names of what the seller does in the first call, each once: the kind of its answers,
    /// and each part of a challenge that is not as it should be.
    #[must_use]
    pub fn behaviours(&self) -> Vec<String> {
        let mut names = Vec::new();
        if let Some(answer) = self.unpaid.first() {
            let is_challenge = answer.kind == Unpaid::Asks;
            names.push(format!("unpaid {:?}", answer.kind));
            let challenge = is_challenge.then(|| answer.challenge.faults());
            names.extend(challenge.into_iter().flatten());
            match answer.kind {
                Unpaid::Leads => names.push(format!("unpaid leads {:?}", answer.leads)),
                Unpaid::Troubles => names.push(format!("unpaid {:?}", answer.trouble)),
                Unpaid::Refuses => names.push(format!("unpaid {}", answer.status)),
                Unpaid::Asks | Unpaid::Busy | Unpaid::Free => {}
            }
        }
        if let (Some(answer), true) = (self.paid.first(), self.first_call() != Verdict::Unsound) {
            names.push(format!("paid {:?}", answer.kind));
            match answer.kind {
                Paid::Leads => names.push(format!("paid leads {:?}", answer.leads)),
                Paid::Troubles => names.push(format!("paid {:?}", answer.trouble)),
                Paid::Refuses => names.push(format!("paid {}", answer.status)),
                _ => {}
            }
        }
        names
    }

    /// Returns true if the wallet of [`HostileWallet`](super::HostileWallet) does as it should with its
    /// first payment.
    #[must_use]
    pub fn first_payment_is_honest(&self) -> bool {
        let first = self.moods.first().map(|mood| mood.verdict());
        first == Some(Verdict::Sound)
    }
}

fn one_of(rng: &mut Rng, all: &[u16]) -> u16 {
    all[rng.usize(0..all.len())]
}
