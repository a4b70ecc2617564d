use l402::{Msat, Network, PaymentHash, Preimage, Scheme, UnixTime};
use tempfile::TempDir;

use super::{Found, InFlight, Paid, Recorded, ReserveOutcome, Settled, Store};
use crate::journal::row::{Draft, INVOICE};
use crate::journal::{Scope, State};
use crate::{Limits, Quote};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const COST: (Msat, Msat) = (Msat::from_sat(50), Msat::ZERO);

/// A store with one purchase, whose proof is known to the test.
struct Bench {
    store: Store,
    proof: Preimage,
    _folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            store: Store::open(&folder.path().join("client.db")).unwrap(),
            proof: Preimage::from_bytes([7; 32]),
            _folder: folder,
        }
    }

    fn hash(&self) -> PaymentHash {
        self.proof.payment_hash()
    }

    fn state(&mut self) -> State {
        self.store.entries(1).unwrap()[0].state
    }

    fn reserve(&mut self) -> ReserveOutcome {
        let draft = self.draft();
        let reserved = self.store.reserve(&draft, &Limits::default(), NOW, NOW);
        reserved.unwrap()
    }

    fn draft(&self) -> Draft {
        Draft {
            scope: Scope::of(&"https://a.example/x".parse().unwrap(), None),
            quote: quote(self.hash()),
            network: Network::Regtest,
            scheme: Scheme::L402.name(),
            token: "token".into(),
            valid_until: None,
            wallet: "a wallet".into(),
            budget: crate::BudgetName::default(),
            request: Some([0; 32]),
            despite_stop: false,
        }
    }

    fn recorded(&mut self) -> Recorded {
        match self.reserve() {
            ReserveOutcome::Made(recorded) => recorded,
            ReserveOutcome::Denied(error) => panic!("{error}"),
            ReserveOutcome::Taken(state) => panic!("{state:?}"),
        }
    }

    fn in_flight(&mut self) -> InFlight {
        let recorded = self.recorded();
        drop(self.store.sent(recorded, NOW).unwrap());
        self.found_in_flight()
    }

    fn found_in_flight(&mut self) -> InFlight {
        let hash = self.hash();
        match self.store.found(&hash).unwrap() {
            Some(Found::InFlight(in_flight)) => in_flight,
            other => panic!("{other:?}"),
        }
    }

    fn settled(&mut self, step: InFlight, proof: Preimage) -> Option<Paid> {
        match self.store.settled(step, &proof, COST, NOW).unwrap() {
            Settled::Paid(paid) => Some(paid),
            Settled::Unproven => None,
            Settled::Gone => panic!("the row is gone"),
        }
    }
}

fn quote(payment_hash: PaymentHash) -> Quote {
    Quote {
        origin: "https://a.example".into(),
        amount: COST.0,
        max_fee: Msat::from_sat(10),
        payee: String::new(),
        payee_before: None,
        payment_hash,
        invoice: "an invoice".into(),
        description: String::new(),
        expires: NOW,
        policy: None,
    }
}

#[test]
fn each_step_is_in_the_file_before_it_is_a_value() {
    let mut bench = Bench::new();
    let recorded = bench.recorded();
    assert_eq!(bench.state(), State::Intent);
    let sent = bench.store.sent(recorded, NOW).unwrap();
    assert!(sent.is_some());
    assert_eq!(bench.state(), State::Unknown);
    let (in_flight, proof) = (bench.found_in_flight(), bench.proof.clone());
    let paid = bench.settled(in_flight, proof).expect("a proof");
    assert_eq!(bench.state(), State::Paid);
    assert!(paid.credential().is_some());
    bench.store.served(paid, "/x", None, NOW).unwrap();
    assert_eq!(bench.state(), State::Served);
}

/// As after a crash, with a run that was taken for dead and is not.
#[test]
fn of_two_who_have_one_intent_only_one_asks_a_wallet() {
    let mut bench = Bench::new();
    let (first, hash) = (bench.recorded(), bench.hash());
    let Some(Found::Recorded(second)) = bench.store.found(&hash).unwrap() else {
        panic!("an intent is found as one");
    };
    assert!(bench.store.sent(first, NOW).unwrap().is_some());
    assert!(bench.store.sent(second, NOW).unwrap().is_none());
}

#[test]
fn an_intent_that_was_sent_is_not_given_up() {
    let mut bench = Bench::new();
    let (first, hash) = (bench.recorded(), bench.hash());
    let Some(Found::Recorded(second)) = bench.store.found(&hash).unwrap() else {
        panic!("an intent is found as one");
    };
    drop(bench.store.sent(first, NOW).unwrap());
    bench.store.unasked(second, "dead", NOW).unwrap();
    assert_eq!(bench.state(), State::Unknown);
    assert!(matches!(
        bench.reserve(),
        ReserveOutcome::Taken(State::Unknown)
    ));
}

#[test]
fn a_preimage_that_proves_nothing_makes_no_paid_purchase() {
    let mut bench = Bench::new();
    let in_flight = bench.in_flight();
    let foreign = Preimage::from_bytes([8; 32]);
    assert!(bench.settled(in_flight, foreign).is_none());
    assert_eq!(bench.state(), State::PaidNoProof);
    let hash = bench.hash();
    assert!(bench.store.paid(&hash).unwrap().is_none());
    assert!(bench.store.found(&hash).unwrap().is_none());
}

#[test]
fn what_is_paid_is_neither_failed_nor_unknown_again() {
    let mut bench = Bench::new();
    let (late, later) = (bench.in_flight(), bench.found_in_flight());
    let (in_flight, proof) = (bench.found_in_flight(), bench.proof.clone());
    let paid = bench.settled(in_flight, proof).expect("a proof");
    bench.store.failed(late, "late", NOW).unwrap();
    bench.store.unknown(later, "late", NOW).unwrap();
    assert_eq!(bench.state(), State::Paid);
    bench.store.refused(paid, "no", NOW).unwrap();
    assert_eq!(bench.state(), State::Refused);
    let hash = bench.hash();
    assert!(bench.store.paid(&hash).unwrap().is_none());
}

#[test]
fn what_was_served_is_not_refused() {
    let mut bench = Bench::new();
    let (in_flight, proof) = (bench.in_flight(), bench.proof.clone());
    let paid = bench.settled(in_flight, proof).expect("a proof");
    let hash = bench.hash();
    let same = bench.store.paid(&hash).unwrap().expect("it is paid");
    bench.store.served(paid, "/x", None, NOW).unwrap();
    bench.store.refused(same, "no", NOW).unwrap();
    assert_eq!(bench.state(), State::Served);
}

/// Two runs that look the same payment up, because somebody has removed the files of the locks.
#[test]
fn a_proof_is_never_written_over_nor_an_answer_forgotten() {
    let mut bench = Bench::new();
    drop(bench.in_flight());
    let (one, other) = (bench.found_in_flight(), bench.found_in_flight());
    let late = bench.found_in_flight();
    let proof = Preimage::from_bytes([7; 32]);
    let paid = bench.settled(one, proof).unwrap();
    assert!(
        bench
            .settled(other, Preimage::from_bytes([8; 32]))
            .is_none()
    );
    assert_eq!(bench.state(), State::Paid);
    bench.store.served(paid, "/x", None, NOW).unwrap();
    let proof = Preimage::from_bytes([7; 32]);
    bench.settled(late, proof);
    assert_eq!(bench.state(), State::Served);
}

/// A seller that refuses an old token has delivered nothing by that.
#[test]
fn a_token_that_is_put_away_was_not_served_just_now() {
    let mut bench = Bench::new();
    let (in_flight, proof) = (bench.recorded(), bench.proof.clone());
    drop(bench.store.sent(in_flight, NOW).unwrap());
    let in_flight = bench.found_in_flight();
    let paid = bench.settled(in_flight, proof).expect("a proof");
    bench.store.served(paid, "/x", None, NOW).unwrap();
    let updated = |bench: &mut Bench| {
        let db = bench.store.db();
        db.query_row("SELECT updated, live FROM purchase", [], |row| {
            Ok((row.get::<_, u64>(0)?, row.get::<_, bool>(1)?))
        })
        .unwrap()
    };
    assert_eq!(updated(&mut bench), (NOW.secs(), true));
    bench
        .store
        .db()
        .execute("UPDATE purchase SET updated = 5", [])
        .unwrap();
    let hash = bench.hash();
    let paid = bench.store.paid(&hash).unwrap().expect("a step");
    bench.store.evict(paid).unwrap();
    assert_eq!(updated(&mut bench), (5, false));
}

/// Even if somebody writes a server's place into the row of an invoice, and calls it alive.
#[test]
fn the_proof_of_an_invoice_is_presented_nowhere() {
    let mut bench = Bench::new();
    let draft = Draft {
        scope: Scope::of_payee("02aa"),
        scheme: INVOICE,
        token: String::new(),
        request: None,
        ..bench.draft()
    };
    let reserved = bench.store.reserve(&draft, &Limits::default(), NOW, NOW);
    let Ok(ReserveOutcome::Made(recorded)) = reserved else {
        panic!("nothing forbids it");
    };
    drop(bench.store.sent(recorded, NOW).unwrap());
    let (in_flight, proof) = (bench.found_in_flight(), bench.proof.clone());
    let paid = bench.settled(in_flight, proof).expect("a proof");
    assert_eq!(
        (bench.state(), paid.row().state),
        (State::Served, State::Served)
    );
    assert!(paid.credential().is_none());
    let hash = bench.hash();
    for state in ["served", "paid"] {
        let sql = "UPDATE purchase SET origin = 'https://a.example', path = '/x', token = 'token', \
                   live = 1, state = ?1";
        bench.store.db().execute(sql, [state]).unwrap();
        let place = |path: &str| {
            let url = format!("https://a.example{path}");
            Scope::of(&url.parse().unwrap(), None)
        };
        assert!(bench.store.paid(&hash).unwrap().is_none());
        let usable = bench.store.usable(&place("/x"), None, NOW).unwrap();
        let of_others = bench.store.of_other_paths(&place("/y"), None, NOW).unwrap();
        assert_eq!((usable.len(), of_others.len()), (0, 0), "{state}");
    }
}
