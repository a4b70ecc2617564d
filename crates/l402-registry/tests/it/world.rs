//! A registry for tests: a store in a folder of its own, a clock that stands still, and no port.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use l402_host::{Clock, ManualClock};
use l402_registry::{
    AdminToken, ApiSettings, CanonicalUrl, ClaimedPrice, Fetcher, ListingId, NewListing, Reachable,
    Registry, RegistryOptions, SqliteStore, Words, WordsFrom,
};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt as _;

/// The token of the moderators.
pub(crate) const ADMIN: &str = "Bearer a-token-of-moderators";

/// The host of the registry.
pub(crate) const HOST: &str = "registry.example";

/// A registry and its API.
pub(crate) struct World {
    pub(crate) registry: Registry,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) api: Router,
    _folder: TempDir,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a body of JSON")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self
            .headers
            .get(name)
            .map(|it| it.to_str().expect("a text"));
        value.unwrap_or_default()
    }

    /// Returns status and code of a refusal.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json");
        let code = self.json()["code"].as_str().expect("a code").to_owned();
        assert_eq!(self.json()["status"], self.status.as_u16());
        (self.status.as_u16(), code)
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_rate(None)
    }

    pub(crate) fn with_rate(rate: Option<(u32, u32)>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(&folder.path().join("registry.db")).expect("a store");
        let clock = Arc::new(ManualClock::new(l402_testkit::START));
        let options = RegistryOptions {
            public_url: "https://registry.example/".parse().expect("a URL"),
            submissions_per_hour: 60,
            probe_interval: Duration::from_secs(900),
            owner_interval: Duration::from_secs(7 * 24 * 3600),
        };
        let fetcher = Fetcher::new(Reachable {
            loopback: true,
            ..Reachable::default()
        });
        let time: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let registry = Registry::new(Arc::new(store), fetcher, time, options);
        let settings = ApiSettings {
            listeners: vec![SocketAddr::from(([127, 0, 0, 1], 8406))],
            admin: AdminToken::new(b"a-token-of-moderators"),
            rate,
            ..ApiSettings::default()
        };
        Self {
            api: l402_registry::api_router(registry.clone(), &settings),
            registry,
            clock,
            _folder: folder,
        }
    }

    /// Asks the API as it is asked from an address.
    pub(crate) async fn ask(&self, request: http::request::Builder, body: &str) -> Answer {
        let mut request = request
            .body(Body::from(body.to_owned()))
            .expect("a request");
        let peer = SocketAddr::from(([203, 0, 113, 9], 4711));
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = self.api.clone().oneshot(request).await;
        let answer = answer.unwrap_or_else(|no| match no {});
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.expect("a whole body");
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.to_bytes().to_vec(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(request("GET", path), "").await
    }

    /// Sends JSON with the key of an owner, the token of a moderator, or none.
    pub(crate) async fn send(&self, method: &str, path: &str, key: &str, body: &Value) -> Answer {
        let mut request = request(method, path).header("content-type", "application/json");
        if !key.is_empty() {
            request = request.header("authorization", key);
        }
        self.ask(request, &body.to_string()).await
    }

    /// Adds a listing with this address, name and claimed price.
    pub(crate) async fn add(&self, url: &str, name: &str, price_msat: u64) -> ListingId {
        let new = NewListing {
            url: url.parse::<CanonicalUrl>().expect("an address"),
            method: "GET".to_owned(),
            words: Words {
                name: name.to_owned(),
                description: format!("{name} for money"),
                category: Some("data".to_owned()),
                price: ClaimedPrice {
                    price_msat: Some(price_msat),
                    other: None,
                },
                ..Words::default()
            },
            words_from: WordsFrom::Submitted,
            no_probe: false,
        };
        let now = self.clock.wall();
        let added = self.registry.store().add(vec![new], now).await;
        added.expect("it is added")[0].id()
    }
}

/// Begins a request with the host of the registry.
pub(crate) fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", HOST)
}
