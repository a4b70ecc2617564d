//! Hostile exchanges with the real program: what it spends, what it says, and how it ends.
//!
//! `L402_EXCHANGES` says how many, `L402_SEED` from which seed, `L402_EXCHANGE` which one alone.

use std::sync::Arc;

use l402::Msat;
use l402_cli::exit_code::ExitCode;
use l402_host::SystemClock;
use l402_lightning::Pay as _;
use l402_lightning::sandbox::{Fault, Sandbox, SandboxWallet};
use l402_testkit::hostile::{Habit, HostileSeller, Plan, Verdict};

use crate::program::{Home, Ran};

const SEED: u64 = 402;

/// Each starts some processes, so few of them; the client's own test has hundreds.
const EXCHANGES: u64 = 20;

fn number(name: &str) -> Option<u64> {
    let value = std::env::var_os(name)?;
    Some(value.to_str()?.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_says_and_spends_what_it_may_in_hostile_exchanges() {
    let seed = number("L402_SEED").unwrap_or(SEED);
    let only = number("L402_EXCHANGE");
    let count = number("L402_EXCHANGES").unwrap_or(EXCHANGES);
    let mut running = tokio::task::JoinSet::new();
    let mut faults = Vec::new();
    let mut paid = 0;
    for number in only.map_or(0..count, |only| only..only + 1) {
        if running.len() >= 8 {
            take(running.join_next().await, &mut faults, &mut paid);
        }
        running.spawn(async move {
            // Apart from those of the client's test, whose wallets have other faults.
            let plan = Plan::draw(seed ^ 0xffff, number);
            let played = play(&plan).await;
            played.map_err(|fault| {
                format!("L402_SEED={seed} L402_EXCHANGE={number}: {fault}\n  {plan:?}")
            })
        });
    }
    while let Some(ended) = running.join_next().await {
        take(Some(ended), &mut faults, &mut paid);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(only.is_some() || paid > 0, "nothing was paid");
}

type Ended = Result<Result<u32, String>, tokio::task::JoinError>;

fn take(ended: Option<Ended>, faults: &mut Vec<String>, paid: &mut u32) {
    match ended.expect("there is one").expect("no exchange panics") {
        Ok(payments) => *paid += payments,
        Err(fault) => faults.push(fault),
    }
}

/// Plays the calls of an exchange one after the other; returns the number of payments.
async fn play(plan: &Plan) -> Result<u32, String> {
    let home = Arc::new(Home::new());
    // The program makes its home folder itself, with the mode that it wants.
    home.run(&["wallet", "balance"]).expect(0);
    let clock = Arc::new(SystemClock::default());
    let sandbox = Sandbox::open(&home.path().join("home"), clock.clone()).expect("a sandbox");
    let wallet = SandboxWallet::open(&sandbox, "default").expect("a wallet");
    let fault = match plan.habit {
        Habit::EndsMidPayment => Fault::EndsMidPayment,
        Habit::Fails => Fault::Fails,
        Habit::Honest => Fault::None,
        Habit::Lies => Fault::LiesAboutPreimage,
    };
    sandbox.set_fault(fault).expect("a sandbox");
    let seller = HostileSeller::start(plan, &sandbox, clock).await;
    let (mut payments, mut first) = (0, plan.habit == Habit::Honest);
    let filled = wallet.balance().await.expect("a balance");
    for path in &plan.paths {
        let before = wallet.balance().await.expect("a balance");
        let (program, args) = (home.clone(), arguments(plan, &seller, path));
        let ran = tokio::task::spawn_blocking(move || {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            program.run(&args)
        });
        let ran = ran.await.expect("it ends");
        let after = wallet.balance().await.expect("a balance");
        let moved = before.checked_sub(after).ok_or("money came back")?;
        let checked = check(plan, &ran, moved).and_then(|()| match plan.first_call() {
            Verdict::Sound if first => must(
                ran.status == Some(0) && ran.stdout == "served" && moved > Msat::ZERO,
                "sound, and not served",
            ),
            Verdict::Unsound if first => must(moved == Msat::ZERO, "unsound, and paid"),
            _ => Ok(()),
        });
        checked.map_err(|fault| format!("{fault}, {moved} moved: {ran:#?}"))?;
        (payments, first) = (payments + u32::from(moved > Msat::ZERO), false);
    }
    let complaints = seller.complaints();
    must(complaints.is_empty(), &complaints.join(", "))?;
    let left = wallet.balance().await.expect("a balance");
    let spent = filled.checked_sub(left).ok_or("money came back")?;
    must(spent <= plan.per_day, "more than the day's limit moved")?;
    Ok(payments)
}

fn arguments(plan: &Plan, seller: &HostileSeller, path: &str) -> Vec<String> {
    let own = format!("Authorization: {}", seller.own_authorization());
    let limit = |limit: Msat| format!("{} sat", limit.ceil_sat());
    let mut args = ["get", "--wallet", "sandbox", "-m", "12", "-H", &own]
        .map(str::to_owned)
        .to_vec();
    args.extend(["--max-price".to_owned(), limit(plan.per_request)]);
    args.extend(["--max-per-day".to_owned(), limit(plan.per_day)]);
    if plan.follows {
        args.push("-L".to_owned());
    }
    if plan.takes_bodies {
        args.push("--accept-body-challenge".to_owned());
    }
    args.push(seller.url(path));
    args
}

/// Holds a run against docs/exit-codes.md.
fn check(plan: &Plan, ran: &Ran, moved: Msat) -> Result<(), String> {
    let status = ran.status.ok_or("ended by a signal")?;
    let number = u8::try_from(status).map_err(|_| "no exit status")?;
    let code = ExitCode::all().iter().find(|code| code.number == number);
    let code = code.ok_or("an exit status that is not documented")?;
    must(
        code.name != "INTERNAL" && code.name != "USAGE",
        "a fault of the program",
    )?;
    must(moved <= plan.per_request, "more than the limit moved")?;
    // The two promises, in words and by number.
    let says_none = ran.stderr.contains("no money moved");
    must(
        !says_none || moved == Msat::ZERO,
        "it says that no money moved",
    )?;
    let is_free = code.meaning.contains("no money moved");
    must(
        !is_free || moved == Msat::ZERO,
        "a status without a payment",
    )?;
    must(!is_free || says_none, "the words are missing")?;
    let may_have_paid = matches!(number, 0 | 14..=16 | 19 | 20);
    must(
        may_have_paid || moved == Msat::ZERO,
        "paid, and not told by the status",
    )
}

fn must(holds: bool, fault: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(fault.to_owned()) }
}
