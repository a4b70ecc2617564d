//! `l402 mcp` in the hands of a model that has gone astray: every tool, wild values, texts of strangers that
//! give orders, retries, many calls at once, in both generations. Nothing moves beyond the limits, no secret
//! comes out, every answer has its form, and the program lives to the end.
//!
//! `L402_CALLS` says how many calls, `L402_SEED` from which seed, `L402_SESSION` which session alone.

mod check;
mod draw;
mod stall;

use std::sync::Arc;

use fastrand::Rng;
use l402_host::SystemClock;
use l402_lightning::Pay as _;
use l402_lightning::sandbox::{Fault, Sandbox, SandboxWallet};
use l402_testkit::hostile::{HostileSeller, Plan};
use serde_json::{Value, json};

use crate::mcp_session::{Ended, Generation, Session};
use crate::program::Home;
use check::{Books, Told};
use draw::{Drawn, World};
use stall::Stall;

const SEED: u64 = 402;

/// `tests/long.sh agents` has 5,000.
const CALLS: u64 = 500;

/// The number of calls of one session, which has a home, a stall and a process of its own.
const CALLS_OF_SESSION: u64 = 25;

/// The sessions that are played at once.
const AT_ONCE: usize = 3;

fn number(name: &str) -> Option<u64> {
    let value = std::env::var_os(name)?;
    Some(value.to_str()?.parse().expect("a number"))
}

/// ATTACKS A-01: what a server writes never moves money that the limits do not allow.
/// ATTACKS A-02: nor does what stands in an invoice or beside a price.
/// ATTACKS A-03: a limit is held against the amount of the invoice with its fee.
/// ATTACKS A-04: no argument is an approval.
/// ATTACKS A-05: wild arguments are answered, and the server lives.
/// ATTACKS A-07: no address of another network is asked.
/// ATTACKS A-09: no answer and no log holds a secret.
/// ATTACKS A-10: the same key pays once.
/// ATTACKS A-11: calls at once keep the limits together.
/// ATTACKS A-15: nothing but messages stands on stdout, whatever is cancelled.
/// ATTACKS A-16: no address of a stranger starts a program.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_gone_astray_moves_no_more_than_it_may_and_learns_no_secret() {
    let seed = number("L402_SEED").unwrap_or(SEED);
    let only = number("L402_SESSION");
    let calls = number("L402_CALLS").unwrap_or(CALLS);
    let sessions = only.map_or(0..calls.div_ceil(CALLS_OF_SESSION), |it| it..it + 1);
    let mut running = tokio::task::JoinSet::new();
    let (mut played, mut paid, mut faults) = (0, 0, Vec::new());
    let mut take = |ended: Option<Result<Result<u64, String>, _>>| match ended {
        Some(Ok(Ok(payments))) => {
            played += CALLS_OF_SESSION;
            paid += payments;
        }
        Some(Ok(Err(fault))) => faults.push(fault),
        Some(Err(panicked)) => faults.push(format!("{panicked}")),
        None => {}
    };
    for session in sessions {
        if running.len() >= AT_ONCE {
            take(running.join_next().await);
        }
        running.spawn(async move {
            let ended = tokio::spawn(play(seed, session)).await;
            let ended = ended.unwrap_or_else(|panicked| Err(panic_text(panicked)));
            ended.map_err(|fault| format!("L402_SEED={seed} L402_SESSION={session}: {fault}"))
        });
    }
    while let Some(ended) = running.join_next().await {
        take(Some(ended));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(only.is_some() || paid > 0, "nothing was paid");
    use std::io::Write as _;
    // To stderr itself: the harness of tests keeps back what the macros print.
    let told = format!("agents: L402_SEED={seed}: {played} calls, {paid} payments\n");
    let _ = std::io::stderr().write_all(told.as_bytes());
}

fn panic_text(panicked: tokio::task::JoinError) -> String {
    let payload = panicked.into_panic();
    let text = payload.downcast_ref::<String>().cloned();
    let text = text.or_else(|| payload.downcast_ref::<&str>().map(|it| (*it).to_owned()));
    text.unwrap_or_else(|| "a panic".to_owned())
}

/// Plays one session, and holds it against the rules. Returns the number of payments.
async fn play(seed: u64, session: u64) -> Result<u64, String> {
    let mut rng = Rng::with_seed(seed ^ session.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let home = Arc::new(Home::new());
    let limits = ["--per-request", "150 sat", "--per-day", "400 sat", "--yes"];
    home.run(&[&["budget", "set", "default"][..], &limits].concat())
        .expect(0);
    home.run(&["wallet", "balance", "--wallet", "sandbox"])
        .expect(0);
    let folder = home.path().join("home");
    let clock = Arc::new(SystemClock::default());
    let sandbox = Sandbox::open(&folder, clock.clone()).expect("a sandbox");
    let wallet = SandboxWallet::open(&sandbox, "default").expect("an account");
    sandbox.set_fault(fault(&mut rng)).expect("a sandbox");
    let filled = wallet.balance().await.expect("a balance");
    let (stall, address) = Stall::open(&sandbox).await;
    let seller = HostileSeller::start(&patient_plan(&mut rng), &sandbox, clock).await;
    let mut urls = draw::forbidden_urls(&folder.display().to_string());
    urls.extend([seller.url("/a"), seller.url("/b"), seller.url("/away")]);
    let world = World {
        urls,
        stall: format!("http://{address}"),
        invoices: stall.invoices().to_vec(),
        hashes: Vec::new(),
    };
    let playing = home.clone();
    let (ended, told) = tokio::task::spawn_blocking(move || talk(&playing, rng, session, world))
        .await
        .map_err(panic_text)?;
    let complaints = seller.complaints();
    check::must(complaints.is_empty(), || complaints.join(", "))?;
    let left = wallet.balance().await.expect("a balance");
    let moved = filled.checked_sub(left).ok_or("money came back")?;
    let books = Books::read(&folder, &wallet, moved).await;
    books.keep_the_limits()?;
    books.are_told(&ended)?;
    told.pays_once_for_each_key()?;
    check::alive(&ended)?;
    let mut canaries = books.secrets(&stall.tokens());
    canaries.extend(check::secret_files(&folder));
    check::silent(&ended, &canaries)?;
    check::must(stall.asked() > 0 || session > 0, || {
        "the stall was not asked".to_owned()
    })?;
    Ok(books.payments())
}

/// A wallet is honest in most sessions. None holds a payment: each such call would take 20 s.
fn fault(rng: &mut Rng) -> Fault {
    match rng.u8(..8) {
        0 => Fault::EndsMidPayment,
        1 => Fault::Fails,
        2 => Fault::LiesAboutPreimage,
        _ => Fault::None,
    }
}

/// Draws a plan of a hostile seller that does not keep its clients waiting.
fn patient_plan(rng: &mut Rng) -> Plan {
    let waits = ["Silent", "HeadOnly", "Hangs"];
    loop {
        let plan = Plan::draw(rng.u64(..), 0);
        let drawn = format!("{plan:?}");
        if !waits.iter().any(|it| drawn.contains(it)) {
            return plan;
        }
    }
}

/// Sends all calls of a session, some at once, and returns what came of it.
fn talk(home: &Home, mut rng: Rng, session: u64, mut world: World) -> (Ended, Told) {
    let generation =
        [Generation::Legacy, Generation::Modern][usize::from(session.is_multiple_of(2))];
    let mut command = home.command(&["mcp", "--wallet", "sandbox", "--log", "debug"]);
    // Whatever a stranger's address is: no program is started for it.
    let trap = trap(home);
    command.env("PATH", &trap).env("BROWSER", trap.join("open"));
    let mut client = Session::open(command, generation);
    let tools = client.tools();
    let mut told = Told::new(&tools);
    let mut last: Option<(String, Value)> = None;
    let mut left = CALLS_OF_SESSION;
    while left > 0 {
        let batch = rng.u64(1..=6).min(left);
        left -= batch;
        let mut sent = Vec::new();
        let mut has_wild = false;
        // One line in a batch may be answered without a number.
        let unnumbered = client.unnumbered.len() + 1;
        for _ in 0..batch {
            let mut drawn = next(&mut rng, &tools, &world, last.as_ref());
            while drawn.is_wild && has_wild {
                drawn = next(&mut rng, &tools, &world, None);
            }
            has_wild |= drawn.is_wild;
            if !drawn.is_wild {
                last = Some((drawn.tool.clone(), drawn.arguments.clone()));
            }
            sent.push((send(&mut client, &drawn), drawn));
        }
        // A client that has had enough; the call may be answered all the same.
        let cancelled = rng.usize(..sent.len() * 8);
        for (at, (id, drawn)) in sent.into_iter().enumerate() {
            if cancelled == at && !drawn.is_wild {
                let params = json!({ "requestId": id, "reason": "enough" });
                let message = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled",
                    "params": params });
                client.line(message.to_string().as_bytes());
                continue;
            }
            let unnumbered = if drawn.is_wild { unnumbered } else { 0 };
            if let Some(answer) = client.answer_or_refusal(id, unnumbered) {
                told.take(&drawn, &answer, &mut world.hashes);
            }
        }
    }
    // It lives: the list is the same as at the start.
    assert_eq!(client.tools(), tools);
    let ended = client.end();
    let started: Vec<_> = std::fs::read_dir(&trap).expect("a folder").collect();
    assert_eq!(
        started.len(),
        TRAPS.len(),
        "a program was started: {started:?}"
    );
    (ended, told)
}

/// Programs that open an address, or anything else.
const TRAPS: [&str; 5] = ["curl", "open", "sh", "www-browser", "xdg-open"];

/// Makes a folder of programs that each leave a file there when they are started.
fn trap(home: &Home) -> std::path::PathBuf {
    let folder = home.path().join("trap");
    std::fs::create_dir(&folder).expect("a folder");
    for name in TRAPS {
        let path = home.file(&format!("trap/{name}"), "#!/bin/sh\n: > \"$0.started\"\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(path, mode).expect("a file");
        }
    }
    folder
}

/// Draws the next call: a new one, the last one again, or one that a text has ordered.
fn next(rng: &mut Rng, tools: &[Value], world: &World, last: Option<&(String, Value)>) -> Drawn {
    match (rng.u8(..6), last) {
        (0, Some((tool, arguments))) => Drawn {
            tool: tool.clone(),
            arguments: arguments.clone(),
            is_wild: false,
        },
        (1, _) => draw::obeyed(rng, world),
        _ => draw::call(rng, tools, world),
    }
}

fn send(client: &mut Session, drawn: &Drawn) -> u64 {
    let params = json!({ "name": drawn.tool, "arguments": drawn.arguments });
    let (id, text) = client.write_request("tools/call", params);
    client.line(draw::put_wild_values(&text).as_bytes());
    id
}
