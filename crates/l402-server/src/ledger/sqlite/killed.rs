//! Processes on one file that are killed at any moment: nothing that was settled is lost, and nothing is
//! granted beyond what was bought.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::num::NonZeroU64;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use l402::UnixTime;
use l402_host::ManualClock;
use tokio::sync::oneshot;

use super::model::{Random, hash, open};
use super::writer::Writer;
use super::{Reservation, ReserveError, ReserveRequest, Settle};
use crate::ledger::Allowance;
use crate::ledger::ops::PendingReservation;

/// The variables that make this test a process to be killed: the file, and a seed.
const FILE: &str = "L402_TEST_LEDGER";
const SEED: &str = "L402_TEST_SEED";

const PROCESSES: u64 = 3;
const KILLS: u64 = 60;
const PAYMENTS: u64 = 24;
const NOW: u64 = 1_790_000_000;

/// Every other payment buys little, so that it is used up.
const fn units(payment: u64) -> NonZeroU64 {
    NonZeroU64::new(if payment.is_multiple_of(2) {
        7
    } else {
        1 << 40
    })
    .expect("not zero")
}

fn opened(path: &Path) -> Writer {
    let clock = Arc::new(ManualClock::new(UnixTime::from_secs(NOW)));
    let writer = open(path, clock);
    let connection = writer.connection.as_ref().unwrap();
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    writer
}

fn reserve(
    writer: &mut Writer,
    payments: &[u64],
    now: u64,
) -> Vec<Result<Reservation, ReserveError>> {
    let request = |payment: &u64| {
        let end = UnixTime::from_secs(NOW * 2);
        let allowance = Allowance::new(hash(*payment), units(*payment), end);
        let (answer, asked) = oneshot::channel();
        let now = UnixTime::from_secs(now);
        ((ReserveRequest::one_use(allowance, now), answer), asked)
    };
    let (requests, asked): (Vec<_>, Vec<_>) = payments.iter().map(request).unzip();
    writer.commit(requests);
    let taken = asked.into_iter().map(|mut asked| asked.try_recv().unwrap());
    taken.map(|it| it.map(PendingReservation::take)).collect()
}

/// The process that is killed. What it is about to settle and what it has settled stands in its notes.
fn serve_until_killed(path: &Path, seed: u64) {
    let mut random = Random(seed);
    let notes = path.with_file_name(format!("notes-{seed}"));
    let mut notes = OpenOptions::new()
        .create(true)
        .append(true)
        .open(notes)
        .unwrap();
    let mut writer = opened(path);
    let mut held: Vec<(u64, u64)> = Vec::new();
    for turn in 0.. {
        let wanted: Vec<_> = (0..=random.below(3))
            .map(|_| random.below(PAYMENTS))
            .collect();
        let mut about = Vec::new();
        while held.len() > 4 || (!held.is_empty() && random.below(2) == 0) {
            let place = usize::try_from(random.below(held.len() as u64)).unwrap();
            let (id, payment) = held.swap_remove(place);
            if random.below(4) == 0 {
                writer.owed.push((id, Settle::ReleaseUpstream));
            } else {
                writer.owed.push((id, Settle::ONE_USE));
                about.push(payment);
            }
        }
        note(&mut notes, "about", &about);
        let granted = reserve(&mut writer, &wanted, NOW + turn);
        assert!(writer.owed.is_empty(), "{granted:?}");
        note(&mut notes, "settled", &about);
        let granted = granted.into_iter().zip(wanted);
        held.extend(granted.filter_map(|(it, payment)| Some((it.ok()?.id(), payment))));
    }
}

fn note(notes: &mut File, word: &str, payments: &[u64]) {
    let lines: String = payments.iter().map(|it| format!("{word} {it}\n")).collect();
    notes.write_all(lines.as_bytes()).unwrap();
}

/// Returns what this process was told, if it is one to be killed.
#[expect(
    clippy::disallowed_methods,
    reason = "the test starts itself, and a test has no other arguments"
)]
fn told() -> Option<(String, u64)> {
    let path = std::env::var(FILE).ok()?;
    Some((path, std::env::var(SEED).ok()?.parse().ok()?))
}

fn start(path: &Path, seed: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "ledger::sqlite::killed::what_was_settled_outlives_every_kill",
        ])
        .envs([(FILE, path.to_str().unwrap()), (SEED, &seed.to_string())])
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Counts the notes of all processes on one payment.
fn noted(notes: &[String], word: &str, payment: u64) -> u64 {
    let line = format!("{word} {payment}");
    let count = notes
        .iter()
        .flat_map(|it| it.lines())
        .filter(|it| *it == line);
    count.count() as u64
}

#[test]
fn what_was_settled_outlives_every_kill() {
    if let Some((path, seed)) = told() {
        return serve_until_killed(Path::new(&path), seed);
    }
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    let mut random = Random(1);
    let mut living: Vec<_> = (0..PROCESSES).map(|seed| start(&path, seed)).collect();
    for kill in 0..KILLS {
        std::thread::sleep(Duration::from_millis(20 + random.below(60)));
        let place = usize::try_from(random.below(PROCESSES)).unwrap();
        let ended = living[place].try_wait().unwrap();
        assert!(ended.is_none(), "it has ended by itself: {ended:?}");
        living[place].kill().unwrap();
        living[place].wait().unwrap();
        living[place] = start(&path, PROCESSES + kill);
    }
    for mut child in living {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let notes: Vec<_> = (0..PROCESSES + KILLS)
        .filter_map(|seed| fs::read_to_string(home.path().join(format!("notes-{seed}"))).ok())
        .collect();
    let mut writer = opened(&path);
    let mut total = 0;
    for payment in 0..PAYMENTS {
        let (least, most) = (
            noted(&notes, "settled", payment),
            noted(&notes, "about", payment),
        );
        let bought = units(payment).get();
        let spent = match &reserve(&mut writer, &[payment], NOW)[0] {
            Ok(reservation) => bought - reservation.left() - 1,
            Err(error) => {
                assert_eq!(*error, ReserveError::Consumed);
                bought
            }
        };
        assert!(
            (least..=most).contains(&spent) && spent <= bought,
            "payment {payment}: {least} to {most} uses were served, {spent} are counted"
        );
        total += spent;
    }
    assert!(total > KILLS, "{total} uses");
}
