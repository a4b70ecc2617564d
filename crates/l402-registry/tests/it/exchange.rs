//! Import and export.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use l402::UnixTime;
use l402_host::{Clock, ManualClock};
use l402_registry::{
    CanonicalUrl, ClaimedPrice, DeskError, ExportFormat, Fetcher, Imported, Listing, ListingId,
    NewListing, Reachable, Registry, RegistryOptions, SqliteStore, Words, WordsFrom,
};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A registry that asks nobody.
struct World {
    registry: Registry,
    clock: Arc<ManualClock>,
    _folder: TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(&folder.path().join("registry.db")).expect("a store");
        let clock = Arc::new(ManualClock::new(UnixTime::from_secs(1_800_000_000)));
        let options = RegistryOptions {
            public_url: "https://registry.example".parse().expect("a URL"),
            submissions_per_hour: 60,
            probe_interval: Duration::from_secs(900),
            owner_interval: Duration::from_secs(7 * 86_400),
        };
        let registry = Registry::new(
            Arc::new(store),
            Fetcher::new(Reachable::default()),
            Arc::clone(&clock) as Arc<dyn Clock>,
            options,
        );
        Self {
            registry,
            clock,
            _folder: folder,
        }
    }

    async fn import(&self, document: &Value) -> Imported {
        let text = document.to_string().into_bytes();
        let imported = self.registry.import(std::io::Cursor::new(text)).await;
        imported.expect("an import")
    }

    async fn export(&self, format: ExportFormat) -> String {
        let mut export = self.registry.export(format);
        let mut all = Vec::new();
        while let Some(piece) = export.next().await.expect("a piece") {
            all.extend(piece);
        }
        String::from_utf8(all).expect("text")
    }

    async fn add(&self, url: &str, words: Words) {
        self.add_all(vec![submitted(url, words)]).await;
    }

    async fn add_all(&self, new: Vec<NewListing>) {
        let added = self.registry.store().add(new, self.clock.wall());
        added.await.expect("a store");
    }

    async fn listing(&self, url: &str) -> Listing {
        let url: CanonicalUrl = url.parse().expect("a URL");
        let listing = self.registry.store().listing(ListingId::of(&url)).await;
        listing.expect("a store").expect("a listing")
    }
}

fn submitted(url: &str, words: Words) -> NewListing {
    NewListing {
        url: url.parse().expect("a URL"),
        method: "GET".to_owned(),
        words: words.cleaned(),
        words_from: WordsFrom::Submitted,
        no_probe: false,
    }
}

fn named(name: &str) -> Words {
    Words {
        name: name.to_owned(),
        description: name.to_owned(),
        provider: name.to_owned(),
        ..Words::default()
    }
}

#[tokio::test]
async fn imports_what_402index_lists() {
    let world = World::new();
    let service = |url: &str, protocol: &str| {
        json!({"id": 7, "name": "N", "description": "D", "url": url, "protocol": protocol,
               "price_sats": 10, "price_usd": null, "payment_network": "base", "category": "ai-ml",
               "provider": "P", "source": "bazaar", "health_status": "healthy", "http_method": "POST"})
    };
    let mut lightning_mpp = service("https://d.example/", "MPP");
    lightning_mpp["payment_network"] = json!("Lightning");
    let mut dollars = service("https://e.example/", "L402");
    dollars["price_sats"] = json!(0);
    dollars["price_usd"] = json!(0.01);
    let report = world
        .import(&json!({"total": 8, "limit": 200, "offset": 0, "services": [
            service("https://a.example/x", "L402"),
            service("https://a.example./x#y", "L402"),
            service("https://b.example/", "x402"),
            service("https://c.example/", "MPP"),
            lightning_mpp, dollars,
            service("ftp://f.example/", "L402"), 5,
        ]}))
        .await;
    let counts = (report.read, report.new, report.known, report.skipped);
    assert_eq!(counts, (8, 3, 1, 4));
    assert_eq!(report.reasons["it is not paid over Lightning"], 2);
    assert_eq!(report.shown[0].entry, "https://b.example/");
    assert_eq!(report.fault, None);
    let listing = world.listing("https://a.example/x").await;
    assert_eq!(listing.words_from, WordsFrom::Imported);
    assert_eq!(listing.method, "POST");
    assert_eq!(listing.words.price, ClaimedPrice::of_msat(10_000));
    assert_eq!(listing.words.category.as_deref(), Some("ai"));
    assert_eq!(listing.words.provider, "P");
    // What the other directory has seen is not what this one has seen.
    assert_eq!(listing.health.state, l402_registry::State::Unknown);
    assert_eq!(listing.observed, None);
    let dollars = world.listing("https://e.example/").await;
    assert_eq!(dollars.words.price.other.as_deref(), Some("0.01 USD"));
}

#[tokio::test]
async fn imports_what_satring_lists() {
    let world = World::new();
    let report = world
        .import(&json!({"services": [
            {"name": "S", "url": "https://a.example/", "protocol": "L402+x402", "pricing_sats": 21,
             "categories": [{"slug": "ai", "name": "AI"}, {"slug": "tools"}], "status": "live"},
            {"name": "M", "url": "https://b.example/", "protocol": "MPP", "mpp_method": "lightning"},
            {"name": "T", "url": "https://c.example/", "protocol": "MPP", "mpp_method": "tempo"},
            {"name": "P", "url": "https://d.example/", "protocol": "L402", "status": "purged"},
        ], "total": 4}))
        .await;
    assert_eq!((report.new, report.skipped), (2, 2));
    let listing = world.listing("https://a.example/").await;
    assert_eq!(listing.words.price, ClaimedPrice::of_msat(21_000));
    assert_eq!(listing.words.category.as_deref(), Some("ai"));
    assert_eq!(listing.words.tags, ["tools"]);
}

#[tokio::test]
async fn what_it_exports_it_can_import() {
    let world = World::new();
    let new = (0..1201).map(|n| {
        let words = Words {
            name: format!("Service {n}"),
            tags: vec!["tag".to_owned()],
            docs: Some("https://docs.example/".to_owned()),
            price: ClaimedPrice::of_msat(1500 + n),
            ..Words::default()
        };
        submitted(&format!("https://a.example/{n}"), words)
    });
    world.add_all(new.collect()).await;
    let text = world.export(ExportFormat::Json).await;
    let document: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document["services"].as_array().map(Vec::len), Some(1201));
    let other = World::new();
    let report = other.import(&document).await;
    assert_eq!((report.read, report.new), (1201, 1201));
    let (theirs, ours) = (
        other.listing("https://a.example/7").await,
        world.listing("https://a.example/7").await,
    );
    assert_eq!(theirs.words, ours.words);
    let again = other.import(&document).await;
    assert_eq!((again.new, again.known), (0, 1201));
}

#[tokio::test]
async fn an_empty_registry_exports_an_empty_list() {
    let world = World::new();
    let text = world.export(ExportFormat::Json).await;
    let document: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document, json!({"services": []}));
    assert_eq!(world.import(&document).await, Imported::default());
    let text = world.export(ExportFormat::Csv).await;
    assert_eq!(text.lines().count(), 1);
}

#[tokio::test]
async fn a_list_that_breaks_is_imported_up_to_there() {
    let world = World::new();
    let text = r#"{"services": [{"url": "https://a.example/"}, {"url": "https://b.exa"#;
    let report = world.registry.import(text.as_bytes()).await;
    let report = report.expect("a report");
    assert_eq!((report.read, report.new), (1, 1));
    assert!(report.fault.is_some_and(|fault| fault.contains("EOF")));
    let refused = world.registry.import(&b"<html>"[..]).await;
    assert!(
        matches!(refused, Err(DeskError::BadInput { .. })),
        "{refused:?}"
    );
}

/// `{"services": […]}` with so many services, made while it is read.
struct Long {
    left: u32,
    piece: std::io::Cursor<Vec<u8>>,
}

impl Read for Long {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.piece.read(into)?;
        if read > 0 || self.left == 0 {
            return Ok(read);
        }
        self.left -= 1;
        let end = if self.left == 0 { "]}" } else { "," };
        let service = json!({"url": format!("https://h{}.example/v1", self.left), "name": "n",
                             "description": "d".repeat(500), "protocol": "L402", "price_sats": 5});
        self.piece = std::io::Cursor::new(format!("{service}{end}").into_bytes());
        self.piece.read(into)
    }
}

#[tokio::test]
async fn a_list_of_many_is_imported_as_it_is_read() {
    let left = 5_000;
    let world = World::new();
    let piece = std::io::Cursor::new(b"{\"services\":[".to_vec());
    let report = world.registry.import(Long { left, piece }).await;
    let report = report.expect("an import");
    assert_eq!((report.read, report.new), (left.into(), left.into()));
}

/// Texts that mean something to a spreadsheet, to a reader of XML or to a browser.
const HOSTILE: [&str; 9] = [
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1+1)",
    "\"quoted\", and, commas\nand lines",
    "<img src=x onerror=alert(1)>",
    "]]><script>alert(1)</script><![CDATA[",
    "&lt;b&gt; &amp; &#x1b; &undefined;",
    "\u{202e}\u{0}\u{1b}]0;title\u{7}\u{fffe}",
];

// ATTACKS G-06: strangers' texts in a table are texts, and stay in their cells.
#[tokio::test]
async fn no_cell_of_the_table_is_a_formula() {
    let world = World::new();
    for (n, text) in HOSTILE.iter().enumerate() {
        world
            .add(&format!("https://a.example/{n}"), named(text))
            .await;
    }
    let text = world.export(ExportFormat::Csv).await;
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let columns = table.headers().expect("a head").len();
    let mut rows = 0;
    for row in table.records() {
        let row = row.expect("a row");
        assert_eq!(row.len(), columns);
        for cell in &row {
            assert!(
                !cell.starts_with(['=', '+', '-', '@', '\t', '\r']),
                "{cell}"
            );
        }
        rows += 1;
    }
    assert_eq!(rows, HOSTILE.len());
}

// ATTACKS G-06: strangers' texts in the feed are texts.
#[tokio::test]
async fn the_feed_has_no_markup_but_its_own() {
    let world = World::new();
    for (n, text) in HOSTILE.iter().enumerate() {
        world
            .add(&format!("https://a.example/{n}?a=1&b=<x>"), named(text))
            .await;
    }
    let feed = world.registry.feed().await.expect("a feed");
    let known = [
        "feed",
        "entry",
        "id",
        "title",
        "updated",
        "published",
        "link",
        "author",
        "name",
        "summary",
    ];
    let mut reader = Reader::from_str(&feed);
    let (mut entries, mut texts) = (0, String::new());
    loop {
        match reader.read_event().expect("XML") {
            Event::Start(element) | Event::Empty(element) => {
                let name = element.name();
                let name: &str = name.as_ref();
                assert!(known.contains(&name), "{name}");
                entries += u32::from(name == "entry");
            }
            Event::Text(text) => texts.push_str(&text),
            Event::GeneralRef(reference) => {
                let name: &str = &reference;
                assert!(
                    ["lt", "gt", "amp", "quot", "apos"].contains(&name),
                    "{name}"
                );
            }
            Event::End(_) | Event::Decl(_) => {}
            Event::Eof => break,
            other => panic!("markup of a stranger: {other:?}"),
        }
    }
    assert_eq!(entries as usize, HOSTILE.len());
    assert!(!texts.contains(['\u{202e}', '\u{0}', '\u{1b}', '\u{fffe}']));
}

#[tokio::test]
async fn the_feed_has_the_newest_fifty() {
    let world = World::new();
    for n in 0..60 {
        world.clock.advance(Duration::from_secs(60));
        let url = format!("https://a.example/{n}");
        world.add(&url, Words::default()).await;
    }
    let feed = world.registry.feed().await.expect("a feed");
    assert_eq!(feed.matches("<entry>").count(), 50);
    let first = feed.find("https://a.example/59 ").expect("the newest");
    let last = feed.find("https://a.example/10 ").expect("the fiftieth");
    assert!(first < last);
    assert!(!feed.contains("https://a.example/9 "));
    assert!(feed.contains(r#"<link rel="self" href="https://registry.example/feed.xml"/>"#));
}
