//! A registry with a store in a new folder, and a seller's host, DNS server and node beside it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_server::Server;
use hickory_server::proto::rr::rdata::{SOA, TXT};
use hickory_server::proto::rr::{Name, RData, Record, RecordType, RrKey};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use l402::{Network, UnixTime};
use l402_host::{Clock as _, ManualClock};
use l402_lightning::Sign as _;
use l402_lightning::sandbox::Sandbox;
use l402_registry::{
    ClaimInstructions, ClaimTicket, DeskError, Fetcher, Listing, ListingId, Owner, OwnerProof,
    Probed, Reachable, Registry, RegistryOptions, SqliteStore, State, Store as _,
};
use l402_testkit::{TestServer, clock};
use tempfile::TempDir;
use tokio::net::UdpSocket;

use super::store_fixture::{health, observed, submitted};

/// The host of the seller.
pub(crate) const HOST: &str = "api.seller.example";

/// A day.
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// The answer of the host to the request for its file: a status, a body, and perhaps a redirect.
type FileAnswer = (StatusCode, String, Option<String>);

pub(crate) struct World {
    pub(crate) registry: Registry,
    pub(crate) store: SqliteStore,
    pub(crate) clock: Arc<ManualClock>,
    /// Removed at the end.
    _folder: TempDir,
    pub(crate) host: TestServer,
    /// The node of the seller.
    pub(crate) node: Sandbox,
    file: Arc<Mutex<FileAnswer>>,
    /// The number of requests to the host.
    asked: Arc<AtomicUsize>,
    zone: Arc<InMemoryZoneHandler>,
    /// Keeps the DNS server alive.
    _dns: Server<Catalog>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(&folder.path().join("registry.db")).expect("a store");
        let clock = clock();
        let file = Arc::new(Mutex::new((StatusCode::NOT_FOUND, String::new(), None)));
        let asked = Arc::new(AtomicUsize::new(0));
        let host = host(file.clone(), asked.clone());
        let (zone, dns, server) = dns().await;
        let node = Sandbox::open(&folder.path().join("seller"), clock.clone());
        Self {
            registry: registry("https://registry.example/", &store, &clock, server),
            clock,
            host,
            node: node.expect("a node"),
            file,
            asked,
            zone,
            _dns: dns,
            store,
            _folder: folder,
        }
    }

    /// Returns another registry with the same listings, as somebody may run who copies them.
    pub(crate) fn other_registry(&self, public_url: &str) -> Registry {
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        registry(public_url, &self.store, &self.clock, nowhere)
    }

    /// Returns the number of requests that the host has had.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn now(&self) -> UnixTime {
        self.clock.wall()
    }

    /// Returns the address of a service of the seller.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{HOST}:{}{path}", self.host.address().port())
    }

    /// Adds a service of the seller, whose 402 was just seen.
    pub(crate) async fn listed(&self, path: &str) -> ListingId {
        let id = self.add(&self.url(path)).await;
        self.seen(id, self.node.payee()).await;
        id
    }

    /// Adds a listing that was never probed.
    pub(crate) async fn add(&self, url: &str) -> ListingId {
        let added = self.store.add(vec![submitted(url)], self.now()).await;
        added.expect("added")[0].id()
    }

    /// Records that the invoice of a listing was just signed by this node.
    pub(crate) async fn seen(&self, id: ListingId, node: [u8; 33]) {
        let mut seen = observed(0, 10_000);
        seen.at = self.now();
        seen.node = Some(node);
        seen.network = Some(Network::Regtest);
        let probed = Probed {
            at: self.now(),
            health: health(State::Up, 0),
            observed: Some(seen),
            no_probe: false,
        };
        self.store.record(id, probed).await.expect("recorded");
    }

    pub(crate) async fn listing(&self, id: ListingId) -> Listing {
        let found = self.store.listing(id).await.expect("a store");
        found.expect("a listing")
    }

    /// Sets what the host answers to the request for its file.
    pub(crate) fn publish(&self, text: &str) {
        self.answer(StatusCode::OK, text, None);
    }

    pub(crate) fn answer(&self, status: StatusCode, text: &str, redirect: Option<String>) {
        *self.file.lock().expect("not poisoned") = (status, text.to_owned(), redirect);
    }

    /// Sets the TXT records of the seller; none takes them away.
    pub(crate) async fn set_txt(&self, texts: &[&str]) {
        let name: Name = format!("_l402-registry.{HOST}.").parse().expect("a name");
        let key = RrKey::new((&name).into(), RecordType::TXT);
        self.zone.records_mut().await.remove(&key);
        for text in texts {
            let text = RData::TXT(TXT::new(vec![(*text).to_owned()]));
            let record = Record::from_rdata(name.clone(), 60, text);
            assert!(self.zone.upsert(record, 0).await);
        }
    }

    pub(crate) async fn begin(&self, id: ListingId, proof: OwnerProof) -> ClaimTicket {
        let ticket = self.registry.claim_begin(id, proof, None).await;
        ticket.expect("a ticket")
    }

    pub(crate) async fn finish(&self, ticket: &ClaimTicket) -> Result<Owner, DeskError> {
        let registry = &self.registry;
        registry
            .claim_finish(&ticket.nonce, &ticket.key, None)
            .await
    }

    /// Claims by a file, and publishes it; returns the key.
    pub(crate) async fn own_by_file(&self, id: ListingId) -> String {
        let ticket = self.begin(id, OwnerProof::File).await;
        self.publish(&line(&ticket));
        self.finish(&ticket).await.expect("proved");
        ticket.key
    }

    /// Claims by the node's signature; returns the key.
    pub(crate) async fn own_by_node(&self, id: ListingId) -> String {
        let ticket = self.begin(id, OwnerProof::Node).await;
        let signature = self.sign(&line(&ticket)).await;
        let registry = &self.registry;
        let owner = registry.claim_finish(&ticket.nonce, &ticket.key, Some(&signature));
        owner.await.expect("proved");
        ticket.key
    }

    pub(crate) async fn sign(&self, message: &str) -> String {
        self.node.sign(message.as_bytes()).await.expect("signed")
    }
}

/// Returns what is to be published or signed.
pub(crate) fn line(ticket: &ClaimTicket) -> String {
    match ticket.instructions.clone() {
        ClaimInstructions::File { line, .. } => line,
        ClaimInstructions::Dns { text, .. } => text,
        ClaimInstructions::Node { message } => message,
    }
}

fn registry(
    public_url: &str,
    store: &SqliteStore,
    clock: &Arc<ManualClock>,
    dns: SocketAddr,
) -> Registry {
    let reachable = Reachable {
        loopback: true,
        ..Reachable::default()
    };
    let fetcher = Fetcher::new(reachable).with_resolver(|name| {
        Box::pin(async move {
            let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let is_here = name.trim_end_matches('.') == HOST;
            is_here
                .then(|| vec![here])
                .ok_or(io::ErrorKind::NotFound.into())
        })
    });
    let options = RegistryOptions {
        public_url: public_url.parse().expect("a URL"),
        submissions_per_hour: 60,
        probe_interval: Duration::from_secs(900),
        owner_interval: 7 * DAY,
    };
    Registry::new(Arc::new(store.clone()), fetcher, clock.clone(), options).with_dns_server(dns)
}

/// Starts the host of the seller, which has the file and nothing else.
fn host(file: Arc<Mutex<FileAnswer>>, asked: Arc<AtomicUsize>) -> TestServer {
    TestServer::start(move |request: Request<Incoming>| {
        asked.fetch_add(1, Ordering::SeqCst);
        let (mut status, text, redirect) = file.lock().expect("not poisoned").clone();
        if request.uri().path() == "/elsewhere" {
            status = StatusCode::OK;
        } else if request.uri().path() != "/.well-known/l402-registry-verify.txt" {
            status = StatusCode::NOT_FOUND;
        }
        let mut answer = Response::builder().status(status);
        if let Some(to) = redirect {
            answer = answer.header("location", to);
        }
        let answer = answer
            .body(Full::new(Bytes::from(text)))
            .expect("an answer");
        std::future::ready(answer)
    })
}

/// Starts a DNS server for the zone of the seller.
async fn dns() -> (Arc<InMemoryZoneHandler>, Server<Catalog>, SocketAddr) {
    let origin: Name = "seller.example.".parse().expect("a name");
    let zone = InMemoryZoneHandler::empty(origin.clone(), ZoneType::Primary, AxfrPolicy::Deny);
    let zone = Arc::new(zone);
    let soa = SOA::new(origin.clone(), origin.clone(), 1, 60, 60, 60, 60);
    let soa = Record::from_rdata(origin.clone(), 60, RData::SOA(soa));
    assert!(zone.upsert(soa, 0).await);
    let mut catalog = Catalog::new();
    catalog.upsert((&origin).into(), vec![zone.clone()]);
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let address = socket.local_addr().expect("an address");
    let mut server = Server::new(catalog);
    server.register_socket(socket);
    (zone, server, address)
}
