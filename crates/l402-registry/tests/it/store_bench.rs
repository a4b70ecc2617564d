//! A large registry: import, search, memory and size of the file. `tests/long.sh registry` runs it with
//! 100,000 listings; what is asserted are counts, never times.

use std::collections::HashSet;
use std::time::Duration;

use l402::{Msat, Network, PaymentHash};
use l402_host::{Clock as _, SystemClock};
use l402_registry::{
    Evidence, Filter, Form, Health, NewListing, Observed, Probed, Query, Sort, State, Store, Words,
    WordsFrom,
};

use crate::page_fixture::{page_of, pages};
use crate::store_fixture::{World, at, url};

/// The listings of one call of `add`, and the records that wait at once.
const BATCH: usize = 500;

/// The listings, if a long run does not ask for another number.
const LISTINGS: u64 = 10_000;

/// The syllables that the words of the generator are made of.
const SYLLABLES: [&str; 24] = [
    "ba", "co", "di", "fu", "ga", "hi", "jo", "ka", "le", "mi", "no", "pu", "qua", "ri", "sa",
    "te", "vo", "wa", "xe", "yi", "zo", "chi", "sto", "bra",
];

/// The first parts of the categories.
const CATEGORIES: [&str; 8] = [
    "ai", "data", "fun", "maps", "media", "money", "text", "tools",
];

/// A generator of listings; the same seed makes the same ones.
struct Generator {
    random: fastrand::Rng,
}

impl Generator {
    fn new() -> Self {
        Self {
            random: fastrand::Rng::with_seed(number("L402_SEED", 402)),
        }
    }

    /// Returns a word of 3,000, the first of them far more often than the last.
    fn word(&mut self) -> String {
        let rank = (self.random.f64().powi(3) * 3000.0).floor();
        let mut left = format!("{rank:.0}").parse::<usize>().expect("a number") + 1;
        let mut word = String::new();
        while left > 0 {
            word.push_str(SYLLABLES[left % SYLLABLES.len()]);
            left /= SYLLABLES.len();
        }
        word
    }

    fn sentence(&mut self, words: usize) -> String {
        let words: Vec<String> = (0..words).map(|_| self.word()).collect();
        words.join(" ")
    }

    fn listing(&mut self, number: usize) -> NewListing {
        let host = format!("{}-{}.example", self.word(), number % 5000);
        let address = format!(
            "https://{host}/v1/{}/{}?n={number}",
            self.word(),
            self.word()
        );
        let category = {
            let [first, second] = [(); 2].map(|()| CATEGORIES[self.random.usize(..8)]);
            format!("{first}/{second}")
        };
        let (of_name, of_description) = (self.random.usize(2..5), self.random.usize(10..60));
        NewListing {
            url: url(&address),
            method: "GET".to_owned(),
            words: Words {
                name: self.sentence(of_name),
                description: self.sentence(of_description),
                category: self.random.bool().then_some(category),
                tags: (0..3).map(|_| self.word()).collect(),
                provider: self.word(),
                ..Words::default()
            },
            words_from: WordsFrom::Submitted,
            no_probe: false,
        }
    }

    /// Returns a probe: seven in ten are up.
    fn probe(&mut self) -> Probed {
        let secs = self.random.u64(..86_400);
        let state = match self.random.u8(..10) {
            0..7 => State::Up,
            7 => State::Degraded,
            8 => State::Down,
            _ => State::Not402,
        };
        Probed {
            at: at(secs),
            health: Health {
                state,
                reason: None,
                since: at(secs),
                failures: u32::from(state == State::Down) * 3,
                last_probe: Some(at(secs)),
                next_probe: Some(at(secs + 900)),
            },
            observed: (state != State::Down).then(|| self.observed(secs)),
            no_probe: false,
        }
    }

    fn observed(&mut self, secs: u64) -> Observed {
        let mut node = [2; 33];
        node[1..3].copy_from_slice(&self.random.u16(..3000).to_be_bytes());
        Observed {
            at: at(secs),
            price: Some(Msat::from_sat(self.random.u64(1..1000))),
            network: Some(if self.random.u8(..50) == 0 {
                Network::Signet
            } else {
                Network::Bitcoin
            }),
            expiry_secs: Some(3600),
            node: Some(node),
            payment_hash: Some(PaymentHash::from_bytes([7; 32])),
            hash_matches: Some(true),
            forms: vec![Form::ALL[self.random.usize(..5)]],
            clients: vec!["l402".to_owned(), "lnget".to_owned()],
            latency_ms: self.random.u32(20..2000),
            tls_until: Some(at(9_000_000)),
            evidence: Evidence {
                method: "GET".to_owned(),
                url: "https://evidence.example/".to_owned(),
                status: 402,
                challenges: vec!["L402 macaroon=\"AgEEbHNhdA\"".repeat(10)],
                invoice: Some("lnbc1".repeat(60)),
                findings: vec![("rule".into(), "sound".into(), "as it should be".into()); 8],
            },
        }
    }

    /// Returns a filter that few, some or many listings have.
    fn filter(&mut self) -> Filter {
        let mut filter = Filter::default();
        match self.random.u8(..8) {
            0 => filter.states = vec![State::Up],
            1 => filter.states = vec![State::Down],
            2 => filter.category = Some(CATEGORIES[self.random.usize(..8)].to_owned()),
            3 => filter.network = Some(Network::Signet),
            4 => filter.price_to = Some(Msat::from_sat(self.random.u64(1..50))),
            5 => filter.node = self.observed(0).node,
            6 => filter.forms = vec![Form::L402],
            _ => {
                filter.states = vec![State::Up, State::Degraded];
                filter.price_from = Some(Msat::from_sat(self.random.u64(500..990)));
                filter.category = Some("ai".to_owned());
            }
        }
        filter
    }
}

/// Reads a number from the environment.
#[expect(clippy::disallowed_methods, reason = "the size of a long run")]
fn number(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(default, |it| it.parse().expect("a number"))
}

/// Returns the number of listings.
fn listings() -> usize {
    usize::try_from(number("L402_REGISTRY_LISTINGS", LISTINGS)).expect("a size")
}

/// Returns the number of searches of each kind. A run that measures has more, for its times to say something.
fn searches() -> usize {
    if listings() as u64 > LISTINGS { 40 } else { 5 }
}

/// Measures how long something takes.
fn timed<T>(action: impl FnOnce() -> T) -> (Duration, T) {
    let clock = SystemClock::default();
    let begin = clock.monotonic();
    let done = action();
    (clock.monotonic().saturating_sub(begin), done)
}

/// Returns the memory that the process holds, in MiB.
fn resident_mib() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split(' ').nth(1).and_then(|it| it.parse().ok());
    pages.unwrap_or(0_u64) * 4096 / (1 << 20)
}

/// What was measured, as tables.
struct Report(String);

impl Report {
    /// Adds a row.
    fn row(&mut self, what: &str, values: &[String]) {
        self.0
            .push_str(&format!("| {what} | {} |\n", values.join(" | ")));
    }

    /// Begins a table.
    fn table(&mut self, what: &str, columns: &[&str]) {
        self.0.push('\n');
        self.row(
            what,
            &columns
                .iter()
                .map(|it| (*it).to_owned())
                .collect::<Vec<_>>(),
        );
        let line = "|---".repeat(columns.len() + 1);
        self.0.push_str(&format!("{line}|\n"));
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}

/// Adds listings, and records a probe of each.
fn fill(world: &World, generator: &mut Generator, count: usize, report: &mut Report) {
    let mut ids = Vec::new();
    let (time, ()) = timed(|| {
        for first in (0..count).step_by(BATCH) {
            let numbers = first..(first + BATCH).min(count);
            let new = numbers.map(|it| generator.listing(it)).collect();
            let added = world.done(world.store.add(new, at(first as u64)));
            ids.extend(added.into_iter().map(l402_registry::Added::id));
        }
    });
    report.row("import of all listings", &[seconds(time)]);
    let (time, ()) = timed(|| {
        for some in ids.chunks(BATCH) {
            let probes = some.iter().map(|id| (*id, generator.probe()));
            world.record_many(probes);
        }
    });
    report.row("record of a probe of each", &[seconds(time)]);
}

/// Turns all pages in each order.
fn every_listing_is_on_one_page(world: &World, count: usize) {
    for sort in Sort::ALL {
        let all = world.find(Query {
            sort,
            limit: 200,
            ..Query::default()
        });
        assert_eq!(all.len(), count, "{}", sort.name());
        let distinct: HashSet<_> = all.into_iter().collect();
        assert_eq!(distinct.len(), count, "{}", sort.name());
    }
}

/// Measures answers of one kind, and adds how long they take. `answer` is measured, `check` is not.
fn measure<T>(
    report: &mut Report,
    kind: &str,
    mut answer: impl FnMut() -> (Duration, T),
    mut check: impl FnMut(T),
) {
    let count = searches();
    let mut times: Vec<Duration> = (0..count)
        .map(|_| {
            let (time, answered) = answer();
            check(answered);
            time
        })
        .collect();
    times.sort_unstable();
    let [p50, p99] = [50, 99].map(|it| times[(count * it / 100).min(count - 1)]);
    report.row(kind, &[millis(p50), millis(p99)]);
}

/// Asks questions of one kind.
fn ask(world: &World, report: &mut Report, kind: &str, mut query: impl FnMut() -> Query) {
    let answer = || {
        let query = query();
        let limit = u64::from(query.limit);
        let (time, found) = timed(|| world.done(world.store.search(query)));
        (time, (limit, found))
    };
    measure(report, kind, answer, |(limit, found)| {
        let shown = found.listings.len() as u64;
        assert_eq!(shown, found.total.min(limit), "{kind}");
        assert_eq!(found.next.is_some(), found.total > limit, "{kind}");
    });
}

/// Asks for pages of one kind, and returns the bytes of the largest.
fn ask_pages(
    world: &World,
    report: &mut Report,
    kind: &str,
    mut path: impl FnMut() -> String,
) -> usize {
    let (router, mut largest) = (pages(world), 0);
    let answer = || {
        let (router, path) = (router.clone(), path());
        timed(|| page_of(world, router, &path))
    };
    measure(report, kind, answer, |page| {
        assert_eq!(page.status, http::StatusCode::OK, "{kind}");
        largest = largest.max(page.html.len());
    });
    largest
}

/// Asks for pages through the router: the store, and the making of the page. Returns the bytes of the largest
/// list.
fn ask_all_pages(world: &World, generator: &mut Generator, report: &mut Report) -> usize {
    let mut turn = 0;
    let mut order = move || {
        turn += 1;
        Sort::ALL[turn % Sort::ALL.len()].name()
    };
    let mut largest = ask_pages(world, report, "`/search`, all, in each order", || {
        format!("/search?sort={}", order())
    });
    largest = largest.max(ask_pages(
        world,
        report,
        "`/search`, a filter, in each order",
        || {
            let filter = match generator.random.u8(..5) {
                0 => "state=up".to_owned(),
                1 => format!("category={}", CATEGORIES[generator.random.usize(..8)]),
                2 => format!("max_price_sat={}", generator.random.u32(1..50)),
                3 => "network=signet".to_owned(),
                _ => "state=up&client=lnget&form=l402&category=ai".to_owned(),
            };
            format!("/search?{filter}&sort={}", order())
        },
    ));
    largest = largest.max(ask_pages(
        world,
        report,
        "`/search`, two words, by relevance",
        || format!("/search?q={}+{}", generator.word(), generator.word()),
    ));
    largest = largest.max(ask_pages(
        world,
        report,
        "`/search`, a word and a filter, in each order",
        || {
            let word = generator.word();
            format!("/search?q={word}&state=up&sort={}", order())
        },
    ));
    ask_pages(world, report, "the home page", || "/".to_owned());
    largest
}

fn in_order(generator: &mut Generator, text: String, filter: Filter) -> Query {
    Query {
        text,
        filter,
        sort: Sort::ALL[generator.random.usize(1..5)],
        ..Query::default()
    }
}

/// Asks questions of six kinds.
fn ask_all(world: &World, generator: &mut Generator, report: &mut Report) {
    let none = Filter::default;
    ask(world, report, "all, in each order", || {
        in_order(generator, String::new(), none())
    });
    ask(world, report, "a filter, in each order", || {
        let filter = generator.filter();
        in_order(generator, String::new(), filter)
    });
    ask(world, report, "two words, by relevance", || Query {
        text: generator.sentence(2),
        ..Query::default()
    });
    ask(
        world,
        report,
        "the most frequent word, by relevance",
        || Query {
            text: "co".to_owned(),
            ..Query::default()
        },
    );
    ask(world, report, "a word, in each order", || {
        let text = generator.word();
        in_order(generator, text, none())
    });
    ask(world, report, "a word and a filter, in each order", || {
        let (text, filter) = (generator.word(), generator.filter());
        in_order(generator, text, filter)
    });
}

#[test]
#[expect(clippy::print_stdout, reason = "the tables are what a long run is for")]
fn a_large_registry_finds_what_it_has() {
    let count = listings();
    let (mut generator, mut report) = (Generator::new(), Report(String::new()));
    let before = resident_mib();
    let world = World::new();
    report.table(&format!("{count} listings"), &["time"]);
    fill(&world, &mut generator, count, &mut report);
    let all = world.done(world.store.search(Query::default()));
    assert_eq!(all.total, count.min(10_000) as u64);
    let (totals_time, totals) = timed(|| world.done(world.store.totals(at(0))));
    assert_eq!(totals.listings, count as u64);
    let (categories_time, categories) = timed(|| world.done(world.store.categories()));
    assert_eq!(categories.len(), 8 + 64);
    every_listing_is_on_one_page(&world, count);

    report.table("search, a page of 50", &["p50, ms", "p99, ms"]);
    ask_all(&world, &mut generator, &mut report);
    report.table("a page of the site", &["p50, ms", "p99, ms"]);
    let largest = ask_all_pages(&world, &mut generator, &mut report);
    assert!(largest <= 60 * 1024, "{largest} bytes");
    report.table("other questions", &["ms"]);
    report.row("the totals", &[millis(totals_time)]);
    report.row("the categories", &[millis(categories_time)]);

    let file = world.folder.path().join("registry.db");
    let bytes = std::fs::metadata(&file).expect("the file").len();
    report.table("size", &["KiB"]);
    report.row("the largest list", &[(largest / 1024).to_string()]);
    report.table("size", &["MiB"]);
    report.row("memory of the process before", &[before.to_string()]);
    report.row("memory of the process after", &[resident_mib().to_string()]);
    report.row("the file", &[(bytes / (1 << 20)).to_string()]);
    println!("{}", report.0);
}
