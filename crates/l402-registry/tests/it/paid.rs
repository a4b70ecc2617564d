//! Paid probes, with play money.

use std::sync::Arc;
use std::time::Duration;

use l402::Msat;
use l402_client::{Client, Journal, Limits};
use l402_host::SystemClock;
use l402_registry::{Due, Fetcher, PaidProber, Reachable};
use l402_testkit::joke_stall;

use crate::hostile::due;
use crate::raw_server::{RawServer, answer};

fn fetcher(loopback: bool) -> Fetcher {
    Fetcher::new(Reachable {
        loopback,
        ..Reachable::default()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paid_probe_says_what_was_paid_and_that_it_works() {
    let folder = tempfile::tempdir().expect("a folder");
    let (url, wallet) = joke_stall(folder.path());
    let client = |limit| {
        let journal = Journal::open(&folder.path().join("journal")).expect("a journal");
        let limits = Limits::default().with_per_request(limit);
        Client::builder(journal)
            .wallet(Arc::clone(&wallet))
            .limits(limits)
    };
    let prober = |limit, loopback| {
        let clock = Arc::new(SystemClock::default());
        PaidProber::new(client(limit), &fetcher(loopback), clock).expect("a prober")
    };
    let joke: Due = due(&url, "GET");
    // A limit below the price, an address that may not be asked, and a method that deletes.
    assert_eq!(prober(Msat::from_sat(49), true).probe(&joke).await, None);
    assert_eq!(prober(Msat::from_sat(100), false).probe(&joke).await, None);
    let prober = prober(Msat::from_sat(100), true);
    assert_eq!(prober.probe(&due(&url, "DELETE")).await, None);

    let bought = prober.probe(&joke).await.expect("a purchase");
    assert_eq!((bought.works, bought.paid), (true, Msat::from_sat(50)));
    assert!(bought.reason.is_none());
    assert!(Duration::from_millis(bought.latency_ms.into()) < Duration::from_secs(60));
    // The token of the stall holds for a minute: nothing is paid, and nothing is said.
    assert_eq!(prober.probe(&joke).await, None);
    let free = RawServer::start(|_| answer(200, "", "free")).await;
    assert_eq!(prober.probe(&due(&free.url("/"), "GET")).await, None);
}
