//! Submissions: what is asked, what is listed, and what is refused with which words.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use l402::UnixTime;
use l402_host::{Clock, ManualClock};
use l402_registry::{
    Added, ClaimedPrice, DeskError, Fetcher, Hidden, Listing, ListingId, NewListing, Own,
    Reachable, Registry, RegistryOptions, SqliteStore, Submission, Submitted, Words, WordsFrom,
};
use l402_testkit::TestServer;
use serde_json::json;
use tempfile::TempDir;

type Answer = Response<Full<Bytes>>;

/// A registry that may ask this machine, and a seller with a few addresses.
struct World {
    registry: Registry,
    clock: Arc<ManualClock>,
    seller: TestServer,
    asked: Arc<Mutex<Vec<String>>>,
    _folder: TempDir,
}

impl World {
    /// Starts both. `answer` makes the seller's answers from method and path.
    fn new<F>(answer: F) -> Self
    where
        F: Fn(&str, &str) -> Answer + Clone + Send + 'static,
    {
        Self::reaching(|_| loopback(), answer)
    }

    fn reaching<F>(reachable: impl FnOnce(u16) -> Reachable, answer: F) -> Self
    where
        F: Fn(&str, &str) -> Answer + Clone + Send + 'static,
    {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let seller = TestServer::start(move |request: Request<Incoming>| {
            let (method, path) = (
                request.method().to_string(),
                request.uri().path().to_owned(),
            );
            seen.lock()
                .expect("a list")
                .push(format!("{method} {path}"));
            let answer = answer(&method, &path);
            async move { answer }
        });
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(&folder.path().join("registry.db")).expect("a store");
        let clock = Arc::new(ManualClock::new(UnixTime::from_secs(1_800_000_000)));
        let options = RegistryOptions {
            public_url: "http://127.0.0.1:8406".parse().expect("a URL"),
            submissions_per_hour: 60,
            probe_interval: Duration::from_secs(900),
            owner_interval: Duration::from_secs(7 * 86_400),
        };
        let registry = Registry::new(
            Arc::new(store),
            Fetcher::new(reachable(seller.address().port())),
            Arc::clone(&clock) as Arc<dyn Clock>,
            options,
        );
        Self {
            registry,
            clock,
            seller,
            asked,
            _folder: folder,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.seller.address())
    }

    async fn submit(&self, path: &str) -> Result<Submitted, DeskError> {
        self.registry.submit(&*self.url(path), None).await
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("a list"))
    }

    async fn listing(&self, id: ListingId) -> Listing {
        let listing = self.registry.store().listing(id).await;
        listing.expect("a store").expect("a listing")
    }

    async fn count(&self) -> u64 {
        let now = self.clock.wall();
        let totals = self.registry.store().totals(now).await;
        totals.expect("totals").listings
    }

    /// Lists an address without asking it.
    async fn import(&self, path: &str, words: Words) -> ListingId {
        let new = NewListing {
            url: self.url(path).parse().expect("a URL"),
            method: "POST".to_owned(),
            words,
            words_from: WordsFrom::Imported,
            no_probe: true,
        };
        let added = self.registry.store().add(vec![new], self.clock.wall());
        added.await.expect("a store")[0].id()
    }
}

fn loopback() -> Reachable {
    Reachable {
        loopback: true,
        ..Reachable::default()
    }
}

fn answer(status: u16, body: &str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body.to_owned())));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
    answer
}

fn redirect(status: u16, to: &str) -> Answer {
    let mut answer = answer(status, "");
    let to = to.parse().expect("a header");
    answer.headers_mut().insert("location", to);
    answer
}

fn paid(_method: &str, _path: &str) -> Answer {
    answer(402, "pay")
}

fn urls(submitted: &Submitted) -> Vec<&str> {
    let listings = submitted.listings.iter();
    listings.map(|(_, url)| url.url().path()).collect()
}

fn unlistable(refused: Result<Submitted, DeskError>) -> (&'static str, String) {
    match refused {
        Err(DeskError::Unlistable(code, text)) => (code, text),
        other => panic!("listed, or refused otherwise: {other:?}"),
    }
}

#[tokio::test]
async fn lists_an_endpoint_that_answers_402_with_the_words_of_the_submitter() {
    let world = World::new(paid);
    let submission = Submission {
        url: world.url("/joke?#top"),
        method: None,
        words: Words {
            name: "  Jokes\n".to_owned(),
            tags: vec!["Fun!".to_owned()],
            price: ClaimedPrice::of_msat(50_000),
            ..Words::default()
        },
    };
    let submitted = world.registry.submit(submission, None).await;
    let submitted = submitted.expect("listed");
    assert_eq!(submitted.skipped, []);
    let (Added::New(id), url) = &submitted.listings[0] else {
        panic!("it is new");
    };
    assert_eq!(url.to_string(), world.url("/joke"));
    let listing = world.listing(*id).await;
    assert_eq!(listing.words.name, "Jokes");
    assert_eq!(listing.words.tags, ["fun"]);
    assert_eq!(listing.words_from, WordsFrom::Submitted);
    assert_eq!(listing.method, "GET");
    assert_eq!(listing.owner, None);
    assert_eq!(listing.health.next_probe, Some(world.clock.wall()));
    // The schedule has been woken.
    world.registry.probes_wanted().await;
    assert_eq!(world.asked(), ["GET /joke"]);
}

#[tokio::test]
async fn finds_out_that_an_endpoint_is_posted_to() {
    let world = World::new(|method, _| match method {
        "POST" => answer(402, ""),
        _ => answer(405, ""),
    });
    let submitted = world.submit("/ask").await.expect("listed");
    let listing = world.listing(submitted.listings[0].0.id()).await;
    assert_eq!(listing.method, "POST");
    assert_eq!(world.asked(), ["GET /ask", "POST /ask"]);
}

#[tokio::test]
async fn asks_with_the_method_that_the_submitter_names_but_deletes_nothing() {
    let world = World::new(paid);
    for (method, asked) in [("put", "PUT /x"), ("DELETE", "GET /x/DELETE")] {
        let path = asked.split_once(' ').expect("a path").1;
        let submission = Submission {
            url: world.url(path),
            method: Some(method.to_owned()),
            ..Submission::default()
        };
        let submitted = world.registry.submit(submission, None).await;
        let id = submitted.expect("listed").listings[0].0.id();
        assert_eq!(world.listing(id).await.method, method.to_uppercase());
        assert_eq!(world.asked(), [asked]);
    }
}

#[tokio::test]
async fn lists_the_address_behind_permanent_redirects() {
    let world = World::new(|_, path| match path {
        "/old" => redirect(301, "/newer"),
        "/newer" => redirect(308, "/new"),
        "/for-now" => redirect(307, "/new-too"),
        "/mixed" => redirect(302, "/old"),
        _ => answer(402, ""),
    });
    for (submitted, listed) in [
        ("/old", "/new"),
        ("/for-now", "/for-now"),
        ("/mixed", "/mixed"),
    ] {
        let found = world.submit(submitted).await.expect("listed");
        assert_eq!(urls(&found), [listed]);
    }
}

// ATTACKS G-08: an open redirect of somebody else's host makes no listing of that host.
#[tokio::test]
async fn lists_nothing_behind_a_temporary_redirect_to_another_origin() {
    let other = World::new(paid);
    let elsewhere = other.url("/pay");
    let world = World::new(move |_, path| match path {
        "/moved" => redirect(301, &elsewhere),
        _ => redirect(302, &elsewhere),
    });
    let (code, text) = unlistable(world.submit("/redirect").await);
    assert_eq!(code, "redirects_elsewhere");
    assert!(text.contains(&other.url("/pay")), "{text}");
    // A permanent one hands the name on, and the listing is that of the other host.
    let moved = world.submit("/moved").await.expect("listed");
    assert_eq!(moved.listings[0].1.to_string(), other.url("/pay"));
}

#[tokio::test]
async fn lists_what_a_document_lists() {
    let document = r#"{"services": [
        {"endpoint": "/a", "method": "GET", "name": "A", "price_msat": 1500},
        {"endpoint": "/b", "no_probe": true},
        {"endpoint": "https://victim.example/c"}]}"#;
    let world = World::new(move |_, path| match path {
        "/.well-known/l402-services" | "/my/list" => answer(200, document),
        _ => answer(402, ""),
    });
    let found = world.submit("/.well-known/l402-services").await;
    let found = found.expect("listed");
    assert_eq!(urls(&found), ["/a", "/b"]);
    assert_eq!(found.skipped[0].0, "https://victim.example/c");
    let listing = world.listing(found.listings[0].0.id()).await;
    assert_eq!(listing.words_from, WordsFrom::Document);
    assert_eq!(listing.words.price, ClaimedPrice::of_msat(1500));
    assert!(world.listing(found.listings[1].0.id()).await.no_probe);
    // The endpoints are the schedule's to ask, at its pace.
    assert_eq!(world.asked(), ["GET /.well-known/l402-services"]);
    let elsewhere = World::new(move |_, _| answer(200, document));
    let found = elsewhere.submit("/my/list").await.expect("listed");
    let listing = elsewhere.listing(found.listings[0].0.id()).await;
    assert_eq!(listing.words_from, WordsFrom::Submitted);
}

#[tokio::test]
async fn says_what_was_seen_of_an_address_that_is_not_listed() {
    let world = World::new(|_, path| match path {
        "/openapi.json" => answer(200, "<html>"),
        "/.well-known/l402.json" => answer(200, r#"{"endpoints": []}"#),
        "/.well-known/l402-services" => answer(402, ""),
        "/gone" => answer(404, ""),
        "/down" => answer(503, ""),
        "/loop" => redirect(301, "/loop"),
        "/huge" => answer(200, &"x".repeat(3_000_000)),
        _ => answer(200, "<h1>free</h1>"),
    });
    for (path, code, word) in [
        ("/free", "not_402", "answered 200"),
        ("/gone", "not_402", "answered 404"),
        ("/down", "not_402", "answered 503"),
        ("/huge", "not_402", "answered 200"),
        ("/loop", "redirects", "redirects too often"),
        ("/openapi.json", "bad_document", "no JSON"),
        (
            "/.well-known/l402.json",
            "bad_document",
            "lists no endpoint",
        ),
        ("/.well-known/l402-services", "no_document", "answered 402"),
    ] {
        let (found, text) = unlistable(world.submit(path).await);
        assert_eq!(found, code, "{path}: {text}");
        assert!(text.contains(word), "{path}: {text}");
    }
    assert_eq!(world.count().await, 0);
    let odd = world.registry.submit("gopher://a.example/", None).await;
    let DeskError::BadInput { field, text } = odd.expect_err("no URL of ours") else {
        panic!("bad input");
    };
    assert_eq!(field, "url");
    assert!(text.contains("https"));
}

// ATTACKS G-01: a submission reaches neither this machine nor a port of this program.
#[tokio::test]
async fn asks_no_address_that_it_may_not() {
    let closed = World::reaching(|_| Reachable::default(), paid);
    let own = World::reaching(
        |port| Reachable {
            own: Own(Arc::new(move || vec![("127.0.0.1".to_owned(), port)])),
            ..loopback()
        },
        paid,
    );
    for world in [closed, own] {
        let (code, _) = unlistable(world.submit("/joke").await);
        assert_eq!(code, "private_address");
        assert_eq!(world.asked(), Vec::<String>::new());
        assert_eq!(world.count().await, 0);
    }
}

#[tokio::test]
async fn asks_nothing_of_a_banned_host_and_shows_nothing_again_that_is_hidden() {
    let world = World::new(paid);
    let id = world.import("/hidden", Words::default()).await;
    let hidden = Hidden {
        reason: "spam".to_owned(),
        merged_into: None,
    };
    let (store, now) = (world.registry.store(), world.clock.wall());
    store.hide(id, Some(hidden), now).await.expect("hidden");
    let refused = world.submit("/hidden").await.expect_err("hidden");
    assert_eq!(
        refused,
        DeskError::Banned("a moderator has hidden it: spam".to_owned())
    );
    let ban = store.ban("127.0.0.1".to_owned(), Some("abuse".to_owned()), now);
    ban.await.expect("banned");
    let refused = world.submit("/joke").await.expect_err("banned");
    assert_eq!(
        refused,
        DeskError::Banned("the host is banned: abuse".to_owned())
    );
    assert_eq!(world.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn a_known_address_is_not_asked_and_keeps_its_words() {
    let world = World::new(paid);
    let words = Words {
        name: "Imported".to_owned(),
        ..Words::default()
    };
    let id = world.import("/joke", words.clone()).await;
    let bare = world.submit("/joke").await.expect("known");
    assert_eq!(bare.listings[0].0, Added::Known(id));
    assert_eq!(world.listing(id).await.words, words);
    let submission = Submission {
        url: world.url("/joke"),
        method: None,
        words: Words {
            name: "Submitted".to_owned(),
            ..Words::default()
        },
    };
    let named = world.registry.submit(submission, None).await;
    assert_eq!(named.expect("known").listings[0].0, Added::Known(id));
    let listing = world.listing(id).await;
    assert_eq!(listing.words.name, "Submitted");
    assert_eq!(listing.method, "POST");
    // What the seller asked for is not taken back by a stranger.
    assert!(listing.no_probe);
    assert_eq!(world.asked(), Vec::<String>::new());
}

// ATTACKS G-04: submissions are counted by address and by the host that is asked.
#[tokio::test]
async fn an_address_submits_sixty_times_an_hour() {
    let world = World::new(paid);
    let id = world.import("/joke", Words::default()).await;
    let peer = |text: &str| Some(text.parse::<IpAddr>().expect("an address"));
    let submit = async |from: &str| {
        let url = world.url("/joke");
        let submitted = world.registry.submit(&*url, peer(from)).await;
        submitted.map(|it| it.listings[0].0)
    };
    for n in 0..60 {
        let from = format!("2001:db8::{n:x}");
        assert_eq!(submit(&from).await, Ok(Added::Known(id)));
    }
    let refused = submit("2001:db8::ffff").await;
    assert!(matches!(refused, Err(DeskError::TooMany(_))), "{refused:?}");
    assert!(submit("2001:db8:1::1").await.is_ok());
    world.clock.advance(Duration::from_secs(60));
    assert!(submit("2001:db8::1").await.is_ok());
    assert!(submit("2001:db8::1").await.is_err());
}

// ATTACKS G-04: many submitters do not make the registry ask one host more often.
#[tokio::test]
async fn a_host_is_asked_by_thirty_submissions_at_once() {
    let world = World::new(|_, _| answer(200, "free"));
    let refused = AtomicUsize::new(0);
    for n in 0..40 {
        let url = world.url(&format!("/{n}"));
        let peer = format!("192.0.2.{n}").parse().ok();
        match world.registry.submit(&*url, peer).await {
            Err(DeskError::TooMany(_)) => refused.fetch_add(1, Ordering::Relaxed),
            other => usize::from(other.is_ok()),
        };
    }
    assert_eq!(refused.into_inner(), 10);
    assert_eq!(world.asked().len(), 30);
}

// ATTACKS G-04: a probe costs the seller an invoice, and strangers may not order one a second.
#[tokio::test]
async fn submitters_bring_the_probe_of_a_known_address_forward_once_in_ten_minutes() {
    let world = World::new(paid);
    let id = world.import("/joke", Words::default()).await;
    let later = world.clock.wall().saturating_add(Duration::from_secs(900));
    let next = async || world.listing(id).await.health.next_probe;
    let submit = async |peer: u8| {
        let store = world.registry.store();
        store.schedule(id, Some(later)).await.expect("a store");
        let url = world.url("/joke");
        let submitted = world.registry.submit(&*url, Some([192, 0, 2, peer].into()));
        submitted.await.expect("known");
    };
    submit(1).await;
    assert_eq!(next().await, Some(world.clock.wall()));
    for peer in 2..20 {
        submit(peer).await;
        assert_eq!(next().await, Some(later));
    }
    world.clock.advance(Duration::from_secs(600));
    submit(20).await;
    assert_eq!(next().await, Some(world.clock.wall()));
}

// ATTACKS G-04: one host fills the registry with the entries of its documents.
#[tokio::test]
async fn a_host_has_a_thousand_listings_by_submission() {
    let world = World::new(|_, path| match path.strip_prefix("/docs/") {
        Some(number) => {
            let entries = (0..400).map(|at| json!({ "endpoint": format!("/{number}/{at}") }));
            let entries: Vec<_> = entries.collect();
            answer(200, &json!({ "services": entries }).to_string())
        }
        None => answer(402, "pay"),
    });
    for (number, listed) in [("1", 400), ("2", 400), ("3", 200), ("3", 200), ("4", 0)] {
        let submitted = world.submit(&format!("/docs/{number}")).await;
        let submitted = submitted.expect("a document");
        assert_eq!(submitted.listings.len(), listed, "{number}");
        let skipped = &submitted.skipped;
        assert_eq!(skipped.len(), 400 - listed, "{number}");
        let is_told = |(_, reason): &(String, String)| reason.contains("1000 listings");
        assert!(skipped.iter().all(is_told), "{skipped:?}");
    }
    assert_eq!(world.count().await, 1000);
    let (code, _) = unlistable(world.submit("/one-more").await);
    assert_eq!(code, "host_full");
    // What is listed stays reachable.
    let known = world.submit("/1/7").await.expect("known");
    assert!(matches!(known.listings[0].0, Added::Known(_)));
}
