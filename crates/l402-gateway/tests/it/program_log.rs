//! The log of the program, of which the access log is no part.

use std::io::Write;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use crate::harness::{routes, serve};

/// All that was logged in this process, by any test.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn log() -> MutexGuard<'static, Vec<u8>> {
    LOG.lock().expect("not poisoned")
}

struct Captured;

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        log().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::disallowed_methods,
    reason = "the pause between two warnings is real time"
)]
async fn the_reason_of_a_502_is_told_at_warn_once_a_second_and_holds_no_secret() {
    let filter = "warn,l402=trace,l402_gateway=trace,l402_server=trace,l402_lightning=trace";
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(|| Captured)
        .init();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let server = serve(&routes(address, "")).await;
    let credential = server.buy("/x?q=secret-query").await;
    let start = Instant::now();
    for _ in 0..5 {
        // As long as a payment has to wait that was failed several times.
        server.clock.advance(std::time::Duration::from_secs(60));
        let answer = server.get("/x?q=secret-query", Some(&credential)).await;
        assert_eq!(answer.code(), "upstream_failed");
        assert!(
            !answer.text().contains("refused"),
            "the caller is told no reason"
        );
    }
    let seconds = usize::try_from(start.elapsed().as_secs()).expect("soon over");
    let text = String::from_utf8_lossy(&log()).into_owned();
    let upstream = address.to_string();
    let warnings: Vec<_> = text
        .lines()
        .filter(|line| line.contains(&upstream) && line.contains(" WARN "))
        .collect();
    // FAULTS G8: a dead upstream is in the log, and not in every line of it.
    let (down, warnings): (Vec<_>, Vec<_>) = warnings
        .into_iter()
        .partition(|line| line.contains("is down"));
    assert!((1..=1 + seconds).contains(&down.len()), "{down:?}");
    assert!((1..=1 + seconds).contains(&warnings.len()), "{warnings:?}");
    for part in ["upstream_failed", "cannot connect", "untold=0"] {
        assert!(warnings[0].contains(part), "{warnings:?}");
    }
    let key = std::fs::read_to_string(server.home.path().join("master.key")).expect("a key");
    let (token, preimage) = credential[5..].split_once(':').expect("a credential");
    for secret in [token, preimage, key.trim(), "secret-query"] {
        assert!(!text.contains(secret), "{secret}");
    }
}
