//! A model that has a shell of the person's own user, and no passphrase: it runs every command of the
//! program on the person's home, with every flag and variable that could widen what may be spent. Nothing
//! moves beyond the stored limits, and nobody's yes is given.
//!
//! What it can do with the files themselves is another matter: `docs/agents.md` says so.

mod attempts;
mod shell;

use l402::Msat;

use crate::mcp_session::{Generation, Session};
use crate::program::AtTerminal;
use attempts::{Try, every_command};
use serde_json::json;
use shell::{Money, PER_DAY, Shell};

/// ATTACKS A-12: no command widens a limit for somebody without the passphrase.
/// ATTACKS A-04: nor does one approve a payment.
#[test]
fn a_model_with_a_shell_spends_no_more_than_is_stored() {
    let shell = Shell::open();
    let stored = shell.stored();
    let approval = shell.let_a_payment_wait();
    // While there is room in the day: nothing dearer than a request may be, and nobody's yes.
    let attempts = every_command(&shell, &shell.dear, approval);
    assert!(attempts.len() > 100, "{}", attempts.len());
    for attempt in attempts {
        shell.run(&attempt);
        assert_eq!(shell.stored(), stored, "{attempt:?} changed what is stored");
    }
    assert_eq!(shell.money().spent, Msat::ZERO, "each was too dear");
    // Then all that there is, in small amounts.
    for attempt in every_command(&shell, &shell.cheap, approval) {
        if attempt.spends {
            shell.run(&attempt);
        }
    }
    let Money { spent, moved, .. } = shell.money();
    assert!(moved <= PER_DAY && spent <= PER_DAY, "{moved}, {spent}");
    // It was no accident that it ended: one more would have been too much.
    let next = shell.price_of_cheap.saturating_add(Msat::from_sat(10));
    assert!(spent.saturating_add(next) > PER_DAY, "{spent}");
    assert_eq!(shell.stored(), stored);
    shell.home.run(&["budget", "stop", "default"]).expect(0);
    let resume = Try::new(&["budget", "resume", "default"]).refused();
    shell.run(&resume);
}

/// The passphrase is read from the terminal alone, and a terminal of the model's own does not help who
/// does not know it.
#[test]
fn guesses_open_nothing_wherever_they_are_typed() {
    let shell = Shell::open();
    let stored = shell.stored();
    let approval = shell.let_a_payment_wait().to_string();
    let widen = ["budget", "set", "default", "--per-day", "none", "--yes"];
    for args in [&["approve", &approval][..], &widen] {
        for guess in ["", "12345678", "correct horse"] {
            let typed = format!("{guess}\n").repeat(4);
            shell.run_with_stdin(args, &typed).expect(54);
        }
        for name in ["L402_PASSPHRASE", "L402_OPERATOR", "PASSPHRASE", "L402_YES"] {
            shell
                .run_with_variable(args, name, "correct horse")
                .expect(54);
        }
    }
    // At a terminal three guesses, and then so many that none is looked at any more.
    let mut seen = String::new();
    for _ in 0..2 {
        let mut terminal = AtTerminal::start(&shell.home, &widen);
        for _ in 0..3 {
            if !terminal.answer_or_end("passphrase", "correct horse") {
                break;
            }
        }
        let (status, screen) = terminal.end();
        assert_eq!(status, Some(54), "{screen}");
        seen += &screen;
    }
    assert!(seen.contains("too many wrong passphrases"), "{seen}");
    assert!(!seen.contains("correct horse"), "it was shown: {seen}");
    // The right one is not looked at either, until the pause is over.
    let mut terminal = AtTerminal::start(&shell.home, &widen);
    terminal.answer_or_end("passphrase", shell::PASSPHRASE);
    assert_eq!(terminal.end().0, Some(54));
    assert_eq!(shell.stored(), stored);
}

/// The page asks for the passphrase as well, and an accepted link is not a yes.
#[test]
fn the_page_approves_nothing_for_who_only_reads_it() {
    let shell = Shell::open();
    let stored = shell.stored();
    let approval = shell.let_a_payment_wait();
    let page = shell.home.serve(&["approve", "--page", "--json"]);
    let url: url::Url = page.announced["url"]
        .as_str()
        .and_then(|it| it.parse().ok())
        .expect("a URL");
    let shown = shell::ask_page(&url, None);
    assert!(
        shown.contains("40 sat") && !shown.contains("argon2"),
        "{shown}"
    );
    for guess in ["", "12345678", "correct horse", "password"] {
        let ticket = shell::ticket(&shell::ask_page(&url, None));
        let form = format!("id={approval}&ticket={ticket}&decision=approve&passphrase={guess}");
        let said = shell::ask_page(&url, Some(&form));
        let status = said.split(' ').nth(1).map(str::to_owned);
        assert!(matches!(status.as_deref(), Some("403" | "429")), "{said}");
    }
    assert_eq!(shell.stored(), stored);
    let command = shell.mcp(&["--agent", "shopper"]);
    let mut session = Session::open(command, Generation::Legacy);
    let again = session.call("l402_fetch", json!({ "url": shell.cheap }));
    assert_eq!(
        again["structuredContent"]["outcome"], "waiting_for_approval",
        "{again}"
    );
    assert_eq!(shell.money().moved, Msat::ZERO);
}
