//! Agents, mandates and approvals, also as several processes use them.

use std::process::{Command, Stdio};

use l402::{Msat, PaymentHash, UnixTime};
use rusqlite::params;

use super::{Agent, AgentName, Approval, ApprovalState, Consent, ConsentRequest, ToolCall};
use crate::{BudgetLimit, BudgetLimits, Error, Journal};

const NOW: u64 = 1_800_000_000;
const DAY: u64 = 24 * 60 * 60;

/// Names the folder of a child process of these tests.
const CHILD: &str = "L402_TEST_CONSENT_FOLDER";

/// The statuses of such a child, of which a test that fails has neither.
const PAID: i32 = 3;
const NOT_PAID: i32 = 4;

struct Bench {
    folder: tempfile::TempDir,
    journal: Journal,
}

impl Bench {
    /// A home with the agents `ann` (all hosts) and `bob` (hosts of example alone).
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path()).unwrap();
        let mut bob = agent("bob");
        bob.hosts = Some(vec!["*.example".into(), "127.0.0.1:8402".into()]);
        for (agent, hash) in [(agent("ann"), Some("hash")), (bob, None)] {
            let limits = BudgetLimits::default();
            journal.put_agent(&agent, &limits, hash).unwrap();
        }
        Self { folder, journal }
    }

    fn ask(&self, request: &ConsentRequest) -> Consent {
        self.journal.consent(request).unwrap()
    }

    fn waiting(&self, request: &ConsentRequest) -> i64 {
        match self.ask(request) {
            Consent::Waiting(id) => id,
            other => panic!("{other:?}"),
        }
    }

    fn approve(&self, id: i64, now: u64) -> Option<Approval> {
        self.journal.decide_approval(id, true, at(now)).unwrap()
    }

    fn mandate(&self, agent: &str, sat: u64, hosts: &[&str], until: Option<u64>) -> i64 {
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        let hosts = (!hosts.is_empty()).then_some(&hosts[..]);
        let (agent, up_to) = (name(agent), Msat::from_sat(sat));
        let until = until.map(at);
        let given = self
            .journal
            .add_mandate(&agent, up_to, hosts, until, at(NOW));
        given.unwrap()
    }

    /// Writes the row that a payment has after its consent.
    fn row(&self, request: &ConsentRequest, state: &str, paid_at: Option<u64>) {
        let sql = "INSERT OR REPLACE INTO purchase (payment_hash, origin, path, state, amount_msat, \
                   paid_msat, fee_msat, created, updated, paid_at, expires, note, network, invoice, \
                   scheme, token, live) VALUES (?1, 'o', '/', ?2, ?3, 0, ?4, 0, 0, ?5, 0, '', \
                   'regtest', '', 'L402', '', 0)";
        let (amount, fee) = (request.amount.msat(), request.fee_limit.msat());
        let hash = request.payment_hash.as_bytes() as &[u8];
        let written = self.journal.with(|store| {
            store
                .db()
                .execute(sql, params![hash, state, amount, fee, paid_at])
        });
        written.unwrap();
    }
}

fn name(text: &str) -> AgentName {
    text.parse().unwrap()
}

fn agent(text: &str) -> Agent {
    Agent::new(name(text), at(NOW))
}

fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(secs)
}

/// A payment of `sat`, 1 sat of it for routing.
fn request(agent: &str, sat: u64) -> ConsentRequest {
    ConsentRequest {
        agent: name(agent),
        tool: "l402_fetch".into(),
        arguments: [1; 32],
        payment_hash: PaymentHash::from_bytes([7; 32]),
        amount: Msat::from_sat(sat - 1),
        fee_limit: Msat::from_sat(1),
        payee: "02aa".into(),
        origin: Some("https://api.example".into()),
        host: None,
        now: at(NOW),
    }
}

fn with_hash(mut request: ConsentRequest, byte: u8) -> ConsentRequest {
    request.payment_hash = PaymentHash::from_bytes([byte; 32]);
    request
}

#[test]
fn the_first_agent_brings_a_passphrase_and_limits_that_no_flag_goes_beyond() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap();
    let root: AgentName = name("old");
    let made = journal.change_budget(&root, |budget| {
        budget.parent = None;
        budget.limits = budget
            .limits
            .with(BudgetLimit::PerDay, Some(Msat::from_sat(5)));
        true
    });
    assert!(made.unwrap());
    assert_eq!(journal.operator_hash().unwrap(), None);
    let limits = BudgetLimits::default().with(BudgetLimit::PerDay, Some(Msat::from_sat(500)));
    journal
        .put_agent(&agent("ann"), &limits, Some("one"))
        .unwrap();
    assert_eq!(journal.operator_hash().unwrap().as_deref(), Some("one"));
    let of = |name: &AgentName, which| journal.budget(name).unwrap()[0].limits.of(which);
    let default = AgentName::default();
    assert_eq!(
        of(&default, BudgetLimit::PerRequest),
        Some(Msat::from_sat(1000))
    );
    assert_eq!(
        of(&default, BudgetLimit::PerDay),
        Some(Msat::from_sat(10_000))
    );
    assert_eq!(
        of(&root, BudgetLimit::PerRequest),
        Some(Msat::from_sat(1000))
    );
    assert_eq!(of(&root, BudgetLimit::PerDay), Some(Msat::from_sat(5)));
    let chain = journal.budget(&name("ann")).unwrap();
    assert_eq!(chain.len(), 2);
    assert_eq!(chain[0].limits, limits);
    // A second first agent, of another process, changes nothing.
    let second = journal.put_agent(&agent("bob"), &limits, Some("two"));
    assert!(matches!(second, Err(Error::Store { .. })));
    assert_eq!(journal.agents().unwrap().len(), 1);
    assert_eq!(journal.operator_hash().unwrap().as_deref(), Some("one"));
    assert!(!journal.set_operator_hash("two", "three", at(NOW)).unwrap());
    assert!(journal.set_operator_hash("one", "three", at(NOW)).unwrap());
}

#[test]
fn an_agent_keeps_what_was_given_and_counts_against_default() {
    let bench = Bench::new();
    let bob = bench.journal.agent(&name("bob")).unwrap().unwrap();
    let hosts = bob.hosts.as_deref().unwrap();
    assert_eq!(hosts, ["*.example", "127.0.0.1:8402"]);
    assert!(bob.reaches(&"https://a.example/".parse().unwrap()));
    assert!(!bob.reaches(&"https://a.test/".parse().unwrap()));
    assert!(bob.asks_for_invoices());
    assert_eq!(bob.threshold(), Msat::from_sat(100));
    // One with the name of a budget outside of `default` comes below it.
    let moved = bench.journal.change_budget(&name("old"), |budget| {
        budget.parent = None;
        true
    });
    assert!(moved.unwrap());
    let limits = BudgetLimits::default();
    bench
        .journal
        .put_agent(&agent("old"), &limits, None)
        .unwrap();
    assert_eq!(bench.journal.budget(&name("old")).unwrap().len(), 2);
}

#[test]
fn only_what_is_above_the_threshold_waits() {
    let bench = Bench::new();
    assert_eq!(bench.ask(&request("ann", 100)), Consent::Free);
    let first = bench.waiting(&request("ann", 101));
    // Asked for again, it is the same row.
    assert_eq!(bench.waiting(&request("ann", 101)), first);
    assert_eq!(bench.waiting(&with_hash(request("ann", 101), 8)), first);
    // A client without an agent has the same threshold.
    assert_eq!(bench.ask(&request("default", 100)), Consent::Free);
    assert_ne!(bench.waiting(&request("default", 101)), first);
    assert!(matches!(
        bench.ask(&request("nobody", 1)),
        Consent::Denied(_)
    ));
    let listed = bench.journal.waiting_approvals(at(NOW)).unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(
        (listed[0].id, listed[0].most()),
        (first, Msat::from_sat(101))
    );
    assert_eq!(bench.journal.waiting_approvals(at(NOW + 600)).unwrap(), []);
}

// ATTACKS A-04: what a person approved is used once, by the same call, for at most the same cost.
#[test]
fn an_approval_is_for_one_call_once() {
    let bench = Bench::new();
    let id = bench.waiting(&request("ann", 200));
    let approved = bench.approve(id, NOW).unwrap();
    assert_eq!(
        (approved.state, approved.expires),
        (ApprovalState::Approved, at(NOW + 600))
    );
    assert_eq!(bench.approve(id, NOW), None);
    let change: [fn(&mut ConsentRequest); 6] = [
        |it| it.agent = name("default"),
        |it| it.tool = "pay_invoice".into(),
        |it| it.arguments = [2; 32],
        |it| it.payee = "03bb".into(),
        |it| it.origin = Some("https://b.example".into()),
        |it| it.amount = Msat::from_sat(200),
    ];
    for (at, change) in change.into_iter().enumerate() {
        let mut other = request("ann", 200);
        change(&mut other);
        assert_ne!(bench.waiting(&other), id, "{at}");
    }
    // A dearer route at a lower price is within what was approved.
    let mut cheaper = request("ann", 200);
    cheaper.amount = Msat::from_sat(150);
    cheaper.fee_limit = Msat::from_sat(50);
    assert_eq!(bench.ask(&cheaper), Consent::Approved(id));
    assert_ne!(bench.waiting(&request("ann", 200)), id);
}

#[test]
fn approvals_end_and_a_no_holds() {
    let bench = Bench::new();
    let id = bench.waiting(&request("ann", 200));
    assert_eq!(bench.approve(id, NOW + 600), None);
    assert_eq!(bench.approve(id + 1, NOW), None);
    let mut later = request("ann", 200);
    later.now = at(NOW + 700);
    let second = bench.waiting(&later);
    assert_ne!(second, id);
    assert!(bench.approve(second, NOW + 1200).is_some());
    later.now = at(NOW + 1800);
    let third = bench.waiting(&later);
    assert_ne!(third, second, "the yes was too old");
    let denied = bench
        .journal
        .decide_approval(third, false, later.now)
        .unwrap();
    assert_eq!(denied.unwrap().state, ApprovalState::Denied);
    assert!(matches!(bench.ask(&later), Consent::Denied(_)));
    later.now = at(NOW + 2400);
    assert!(matches!(bench.ask(&later), Consent::Waiting(_)));
}

#[test]
fn twenty_payments_wait_and_no_more() {
    let bench = Bench::new();
    let numbered = |byte| {
        let mut request = request("ann", 200);
        request.arguments = [byte; 32];
        request
    };
    for byte in 0..20 {
        bench.waiting(&numbered(byte));
    }
    assert!(matches!(bench.ask(&numbered(20)), Consent::Denied(_)));
    assert_eq!(bench.journal.waiting_approvals(at(NOW)).unwrap().len(), 20);
    // Another agent has its own.
    bench.waiting(&request("default", 200));
    // Those that are over make room.
    let mut later = numbered(20);
    later.now = at(NOW + 600);
    bench.waiting(&later);
}

#[test]
fn a_mandate_covers_a_rolling_day_fees_and_open_payments_included() {
    let bench = Bench::new();
    let id = bench.mandate("ann", 500, &[], None);
    let first = with_hash(request("ann", 300), 1);
    assert_eq!(bench.ask(&first), Consent::Mandate(id));
    bench.row(&first, "unknown", None);
    // The same payment again is not counted twice.
    assert_eq!(bench.ask(&first), Consent::Mandate(id));
    assert!(matches!(
        bench.ask(&with_hash(request("ann", 201), 2)),
        Consent::Waiting(_)
    ));
    let second = with_hash(request("ann", 200), 2);
    assert_eq!(bench.ask(&second), Consent::Mandate(id));
    bench.row(&second, "served", Some(NOW));
    assert_eq!(
        bench.journal.mandate_spent(id, at(NOW)).unwrap(),
        Msat::from_sat(500)
    );
    assert!(matches!(
        bench.ask(&with_hash(request("ann", 101), 3)),
        Consent::Waiting(_)
    ));
    // A day later the settled one is over, and the open one is not.
    let spent = |now| bench.journal.mandate_spent(id, at(now)).unwrap();
    assert_eq!(spent(NOW + DAY - 1), Msat::from_sat(500));
    assert_eq!(spent(NOW + DAY), Msat::from_sat(300));
    // What failed counts nothing.
    bench.row(&first, "failed", None);
    assert_eq!(spent(NOW + DAY), Msat::ZERO);
}

#[test]
fn a_mandate_is_for_its_agent_hosts_and_time() {
    let bench = Bench::new();
    let id = bench.mandate("ann", 500, &["*.example", "127.0.0.1:8402"], Some(NOW + 10));
    let covered = |change: fn(&mut ConsentRequest)| {
        let mut request = request("ann", 200);
        change(&mut request);
        bench.ask(&request) == Consent::Mandate(id)
    };
    assert!(covered(|_| {}));
    assert!(covered(
        |it| it.origin = Some("http://127.0.0.1:8402".into())
    ));
    assert!(covered(|it| it.host = Some("b.example".into())));
    assert!(!covered(
        |it| it.origin = Some("http://127.0.0.1:8403".into())
    ));
    assert!(!covered(|it| it.origin = Some("https://example".into())));
    assert!(!covered(|it| it.host = Some("b.test".into())));
    assert!(!covered(|it| it.agent = name("default")));
    assert!(!covered(|it| it.now = at(NOW + 10)));
    // A payment that belongs to no URL is at no host.
    assert!(!covered(|it| it.origin = None));
    assert!(!covered(|it| it.origin = Some("lightning:02aa".into())));
    assert!(
        bench
            .journal
            .end_mandate(&name("ann"), id, at(NOW))
            .unwrap()
    );
    assert!(
        !bench
            .journal
            .end_mandate(&name("ann"), id, at(NOW))
            .unwrap()
    );
    assert!(!covered(|_| {}));
    let any = bench.mandate("ann", 500, &[], None);
    let mut invoice = request("ann", 200);
    invoice.origin = Some("lightning:02aa".into());
    assert_eq!(bench.ask(&invoice), Consent::Mandate(any));
}

#[test]
fn an_agent_with_hosts_pays_there_alone_and_asks_for_every_invoice() {
    let bench = Bench::new();
    assert_eq!(bench.ask(&request("bob", 50)), Consent::Free);
    for origin in ["https://a.test", "http://127.0.0.1:8403", "https://example"] {
        let mut elsewhere = request("bob", 50);
        elsewhere.origin = Some(origin.into());
        assert!(
            matches!(bench.ask(&elsewhere), Consent::Denied(_)),
            "{origin}"
        );
    }
    let mut other_host = request("bob", 50);
    other_host.host = Some("a.test".into());
    assert!(matches!(bench.ask(&other_host), Consent::Denied(_)));
    bench.mandate("bob", 500, &[], None);
    let mut invoice = request("bob", 2);
    invoice.origin = None;
    // No mandate stands for it.
    let id = bench.waiting(&invoice);
    bench.approve(id, NOW).unwrap();
    assert_eq!(bench.ask(&invoice), Consent::Approved(id));
    let mut bob = bench.journal.agent(&name("bob")).unwrap().unwrap();
    bob.invoices = true;
    bench
        .journal
        .put_agent(&bob, &BudgetLimits::default(), None)
        .unwrap();
    assert_eq!(bench.ask(&invoice), Consent::Free);
}

#[test]
fn a_removed_agent_pays_nothing_more() {
    let bench = Bench::new();
    let mandate = bench.mandate("ann", 500, &[], None);
    let mut invoice = request("ann", 200);
    invoice.amount = Msat::from_sat(600);
    let approved = bench.waiting(&invoice);
    bench.approve(approved, NOW).unwrap();
    let ann = name("ann");
    assert!(bench.journal.remove_agent(&ann, at(NOW)).unwrap());
    assert!(!bench.journal.remove_agent(&ann, at(NOW)).unwrap());
    assert!(
        !bench
            .journal
            .remove_agent(&name("nobody"), at(NOW))
            .unwrap()
    );
    for request in [&invoice, &request("ann", 1)] {
        assert!(matches!(bench.ask(request), Consent::Denied(_)));
    }
    assert_eq!(bench.journal.mandates(&ann).unwrap(), []);
    assert!(bench.journal.budget(&ann).unwrap()[0].stopped.is_some());
    let approval = bench.journal.approval(approved).unwrap().unwrap();
    assert_eq!(approval.state, ApprovalState::Denied);
    let added = bench
        .journal
        .add_mandate(&ann, Msat::from_sat(1), None, None, at(NOW));
    assert!(added.is_err());
    // Added anew, it begins without its mandates.
    bench
        .journal
        .put_agent(&agent("ann"), &BudgetLimits::default(), None)
        .unwrap();
    assert!(bench.journal.budget(&ann).unwrap()[0].stopped.is_none());
    assert!(!bench.journal.end_mandate(&ann, mandate, at(NOW)).unwrap());
    assert_eq!(bench.ask(&request("ann", 50)), Consent::Free);
}

// ATTACKS A-11: of many at once, one alone uses an approval.
#[test]
fn of_many_threads_and_processes_one_uses_an_approval() {
    let bench = Bench::new();
    let id = bench.waiting(&request("ann", 200));
    bench.approve(id, NOW).unwrap();
    let children: Vec<_> = (0..4)
        .map(|_| {
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.args(["--exact", "--ignored", "journal::agent::tests::as_a_child"]);
            child.env(CHILD, bench.folder.path()).stdout(Stdio::null());
            child.spawn().unwrap()
        })
        .collect();
    let used = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let journal = Journal::open(bench.folder.path()).unwrap();
                    journal.consent(&request("ann", 200)).unwrap().may_pay()
                })
            })
            .collect();
        let used = threads.into_iter().map(|it| it.join().unwrap());
        used.filter(|used| *used).count()
    });
    let by_children = children.into_iter();
    let by_children: Vec<_> = by_children
        .map(|mut child| child.wait().unwrap().code())
        .collect();
    assert!(
        by_children
            .iter()
            .all(|code| [Some(PAID), Some(NOT_PAID)].contains(code)),
        "{by_children:?}"
    );
    let by_children = by_children
        .iter()
        .filter(|code| **code == Some(PAID))
        .count();
    assert_eq!(used + by_children, 1);
    let approval = bench.journal.approval(id).unwrap().unwrap();
    assert_eq!(approval.state, ApprovalState::Used);
}

/// The part of a child process of the test above.
#[test]
#[ignore = "started by of_many_threads_and_processes_one_uses_an_approval"]
fn as_a_child() {
    let Some(folder) = std::env::var_os(CHILD) else {
        return;
    };
    let journal = Journal::open(folder.as_ref()).unwrap();
    let may_pay = journal.consent(&request("ann", 200)).unwrap().may_pay();
    std::process::exit(if may_pay { PAID } else { NOT_PAID });
}

#[test]
fn wrong_attempts_of_all_processes_are_counted_and_end_in_pauses() {
    let bench = Bench::new();
    let other = Journal::open(bench.folder.path()).unwrap();
    let begin = |journal: &Journal, now| {
        let wait = journal.begin_operator_attempt(at(now)).unwrap();
        wait.map(|wait| wait.as_secs())
    };
    for attempt in 0..5 {
        let journal = if attempt % 2 == 0 {
            &bench.journal
        } else {
            &other
        };
        assert_eq!(begin(journal, NOW), None);
    }
    assert_eq!(begin(&other, NOW), Some(30));
    assert_eq!(begin(&bench.journal, NOW + 29), Some(1));
    assert_eq!(begin(&other, NOW + 30), None);
    assert_eq!(begin(&bench.journal, NOW + 30), Some(60));
    // A clock that was ahead locks nobody out for longer than a pause.
    assert_eq!(begin(&other, NOW - 10 * DAY), Some(60));
    assert_eq!(begin(&other, NOW - 10 * DAY + 60), None);
    other.end_operator_attempt().unwrap();
    assert_eq!(begin(&bench.journal, NOW), None);
    // Without a passphrase there is nothing to try.
    let folder = tempfile::tempdir().unwrap();
    let empty = Journal::open(folder.path()).unwrap();
    assert_eq!(begin(&empty, NOW), None);
    assert_eq!(empty.operator_hash().unwrap(), None);
}

#[test]
fn a_call_is_known_by_its_key_and_its_arguments() {
    let bench = Bench::new();
    let mut call = ToolCall {
        agent: name("ann"),
        tool: "l402_fetch".into(),
        key: "k".into(),
        arguments: [1; 32],
        created: at(NOW),
        payment_hash: None,
    };
    let find = |agent: &str| {
        bench
            .journal
            .tool_call(&name(agent), "l402_fetch", "k")
            .unwrap()
    };
    assert_eq!(find("ann"), None);
    assert!(bench.journal.note_tool_call(&call).unwrap());
    call.payment_hash = Some(PaymentHash::from_bytes([9; 32]));
    call.created = at(NOW + 1);
    assert!(bench.journal.note_tool_call(&call).unwrap());
    assert_eq!(find("ann"), Some(call.clone()));
    assert_eq!(find("bob"), None);
    let other = ToolCall {
        arguments: [2; 32],
        ..call.clone()
    };
    assert!(!bench.journal.note_tool_call(&other).unwrap());
    assert_eq!(find("ann"), Some(call));
}
