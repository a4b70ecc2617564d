//! The schedule, with a store and services.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use l402::{Msat, UnixTime};
use l402_host::{Clock, SystemClock};
use l402_registry::{
    ClaimedPrice, Fetcher, Listing, ListingId, NewListing, Reachable, Registry, RegistryOptions,
    SqliteStore, State, Store, Words, run_probes,
};
use l402_testkit::hostile::{Draft, challenge};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::probe::draft;
use crate::raw_server::{RawServer, answer, path};
use crate::store_fixture::submitted;

/// A registry whose probes run.
struct World {
    registry: Registry,
    store: Arc<dyn Store>,
    running: JoinHandle<()>,
    _folder: TempDir,
}

impl Drop for World {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl World {
    async fn with(listings: Vec<NewListing>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(&folder.path().join("registry.db")).expect("a store");
        let store: Arc<dyn Store> = Arc::new(store);
        let clock = Arc::new(SystemClock::default());
        store.add(listings, clock.wall()).await.expect("added");
        let options = RegistryOptions {
            public_url: "http://127.0.0.1:8420/".parse().expect("a URL"),
            submissions_per_hour: 60,
            probe_interval: Duration::from_secs(1),
            owner_interval: Duration::from_secs(3600),
        };
        let fetcher = Fetcher::new(Reachable {
            loopback: true,
            ..Reachable::default()
        });
        let registry = Registry::new(Arc::clone(&store), fetcher, clock, options);
        let running = tokio::spawn(run_probes(registry.clone(), std::future::pending()));
        Self {
            registry,
            store,
            running,
            _folder: folder,
        }
    }

    /// Waits until a listing is as it should be, at most 30 s.
    async fn until(&self, id: ListingId, is: impl Fn(&Listing) -> bool) -> Listing {
        let waits = async {
            loop {
                let listing = self.store.listing(id).await.expect("a store");
                match listing.filter(|listing| is(listing)) {
                    Some(listing) => return listing,
                    None => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        match tokio::time::timeout(Duration::from_secs(30), waits).await {
            Ok(listing) => listing,
            Err(_) => panic!("{:?}", self.store.listing(id).await),
        }
    }
}

/// Returns a sound 402 of this moment.
fn sound(sat: u64) -> Vec<u8> {
    let now = SystemClock::default().wall();
    let draft = Draft {
        created: now,
        ..draft(sat)
    };
    let line = challenge(&draft, now);
    answer(402, &format!("www-authenticate: {line}\r\n"), "")
}

fn listed(url: &str, claimed_sat: u64) -> NewListing {
    let price = ClaimedPrice {
        price_msat: Some(claimed_sat * 1000),
        other: None,
    };
    let new = submitted(url);
    let words = Words { price, ..new.words };
    NewListing { words, ..new }
}

fn id(listing: &NewListing) -> ListingId {
    ListingId::of(&listing.url)
}

// ATTACKS G-07: a service that lists 1 sat and charges 10,000, and one that changes its price later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_observed_price_stands_beside_the_claimed_one_and_its_history_is_kept() {
    let price = Arc::new(Mutex::new(10_000));
    let asked = Arc::clone(&price);
    let server = RawServer::start(move |request| match path(request) {
        "/robots.txt" => answer(404, "", ""),
        _ => sound(*asked.lock().expect("a lock")),
    });
    let server = server.await;
    let bait = listed(&server.url("/bait"), 1);
    let id = id(&bait);
    let world = World::with(vec![bait]).await;
    let listing = world.until(id, |it| it.health.state == State::Up).await;
    assert!(listing.is_price_wrong());
    let seen = |it: &Listing| it.observed.as_ref().and_then(|seen| seen.price);
    assert_eq!(seen(&listing), Some(Msat::from_sat(10_000)));
    *price.lock().expect("a lock") = 1;
    let honest = world
        .until(id, |it| seen(it) == Some(Msat::from_sat(1)))
        .await;
    assert!(!honest.is_price_wrong());
    let now = world.registry.clock().wall();
    let history = world.store.history(id, now).await.expect("a history");
    let prices: Vec<_> = history.points.iter().map(|point| point.price).collect();
    assert_eq!(prices, [10_000, 1].map(|sat| Some(Msat::from_sat(sat))));
}

// ATTACKS G-04: ten thousand listings of one victim, and a service that must not wait behind them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_is_asked_once_a_second_however_many_listings_it_has() {
    let times: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let write = Arc::clone(&times);
    let victim = RawServer::start(move |_| {
        write.lock().expect("a lock").push(Instant::now());
        answer(404, "", "")
    });
    let victim = victim.await;
    let other = RawServer::start(|request| match path(request) {
        "/robots.txt" => answer(404, "", ""),
        _ => sound(10),
    });
    let other = other.await;
    let crowd = (0..10_000).map(|at| submitted(&victim.url(&format!("/{at}"))));
    let last = listed(&other.url("/api"), 10);
    let begin = Instant::now();
    let world = World::with(crowd.chain([last.clone()]).collect()).await;
    world
        .until(id(&last), |it| it.health.state == State::Up)
        .await;
    // One more than seconds, and no time of arrival can be early.
    while times.lock().expect("a lock").len() < 4 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for (at, time) in (0_u32..).zip(times.lock().expect("a lock").iter()) {
        assert!(
            *time - begin >= Duration::from_secs(1) * at,
            "{at} {:?}",
            *time - begin
        );
    }
    // Those that wait have a time of their own, apart from each other.
    let now = world.registry.clock().wall();
    let due = world.store.due(now, 20_000).await.expect("a store");
    assert!(due.len() < 10_000, "{}", due.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_services_of_one_gateway_are_soon_seen_and_down_soon_after_its_end() {
    let is_open = Arc::new(Mutex::new(true));
    let open = Arc::clone(&is_open);
    let server =
        RawServer::start(
            move |request| match (path(request), *open.lock().expect("a lock")) {
                ("/robots.txt", true) => answer(404, "", ""),
                ("/third", true) => sound(10),
                (_, true) => sound(50),
                // Not HTTP at all: as if nobody were there.
                (_, false) => Vec::new(),
            },
        );
    let server = server.await;
    let listings = ["/first", "/second", "/third"].map(|path| listed(&server.url(path), 50));
    let world = World::with(listings.to_vec()).await;
    for (listing, sat) in listings.iter().zip([50, 50, 10]) {
        let seen = world
            .until(id(listing), |it| it.health.state == State::Up)
            .await;
        assert_eq!(
            seen.observed.and_then(|seen| seen.price),
            Some(Msat::from_sat(sat))
        );
    }
    *is_open.lock().expect("a lock") = false;
    for listing in &listings {
        let down = world
            .until(id(listing), |it| it.health.state == State::Down)
            .await;
        assert!(down.health.failures >= 3);
        assert_eq!(
            down.health.reason.map(|why| why.code).as_deref(),
            Some("no_answer")
        );
    }
}

#[tokio::test]
async fn a_listing_that_is_added_later_is_probed_when_the_schedule_is_woken() {
    let server = RawServer::start(|request| match path(request) {
        "/robots.txt" => answer(404, "", ""),
        _ => sound(10),
    });
    let server = server.await;
    let world = World::with(Vec::new()).await;
    let new = listed(&server.url("/api"), 10);
    let now: UnixTime = world.registry.clock().wall();
    world
        .store
        .add(vec![new.clone()], now)
        .await
        .expect("added");
    world.registry.wake_probes();
    let seen = world
        .until(id(&new), |it| it.health.state == State::Up)
        .await;
    assert!(!seen.is_price_wrong());
}
