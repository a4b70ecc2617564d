//! The trial of one upstream: many tables, many targets, one question.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use crate::exempt::is_exempt;
use crate::grammar::{BASE, PREFIXES, RESOURCES, target};
use crate::random::Random;
use crate::shop::{Shop, field};
use crate::table::{Level, Table};

/// Targets for each table.
const PER_TABLE: usize = 50;

/// Findings that are told of one upstream.
const FINDINGS: usize = 10;

/// The trial of one upstream.
pub(crate) struct Trial {
    name: String,
    upstream: SocketAddr,
    shop: Shop,
    random: Random,
    seed: u64,
}

/// The result of a trial.
pub(crate) struct Report {
    name: String,
    seed: u64,
    tables: usize,
    refused: usize,
    targets: usize,
    /// Resources that were sold, over all tables.
    pub(crate) sold: usize,
    /// Targets that were served.
    pub(crate) served: usize,
    pub(crate) findings: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            seed,
            tables,
            refused,
            targets,
            sold,
            served,
            findings,
        } = self;
        let findings = findings.len();
        write!(
            f,
            "{name}: seed {seed}, {tables} tables ({refused} refused), {sold} resources sold, \
             {targets} targets, {served} served, {findings} findings"
        )
    }
}

impl Trial {
    pub(crate) fn new(name: &str, upstream: SocketAddr, seed: u64) -> Self {
        Self {
            name: name.to_owned(),
            upstream,
            shop: Shop::open(upstream),
            random: Random::new(seed),
            seed,
        }
    }

    /// Tries so many targets.
    pub(crate) fn run(mut self, targets: usize) -> Report {
        let mut report = Report {
            name: self.name.clone(),
            seed: self.seed,
            tables: 0,
            refused: 0,
            targets: 0,
            sold: 0,
            served: 0,
            findings: Vec::new(),
        };
        let mut usual = Table::usual();
        while report.targets < targets && report.findings.len() < FINDINGS {
            // Those that people write, and in between what nobody would.
            let table = usual.pop().filter(|_| !self.random.one_in(3));
            let table = table.unwrap_or_else(|| Table::draw(&mut self.random));
            let Some(config) = table.config(self.upstream) else {
                report.refused += 1;
                continue;
            };
            self.shop.set(config);
            let sold = self.sold(&table);
            // Nothing to steal.
            if sold.is_empty() {
                continue;
            }
            report.tables += 1;
            report.sold += sold.len();
            for _ in 0..PER_TABLE {
                self.try_one(&table, &sold, &mut report);
            }
        }
        report
    }

    /// Asks for plain paths, and pays. Returns what came, with its price.
    fn sold(&self, table: &Table) -> BTreeMap<String, Level> {
        let mut sold = BTreeMap::new();
        let index = format!("{BASE}/index.html");
        let plain = RESOURCES.iter().copied().chain([index.as_str()]);
        let prefixes = PREFIXES
            .iter()
            .filter(|prefix| table.strips(prefix))
            .chain([&""]);
        let paths = plain.flat_map(|path| {
            let short = path.strip_prefix(BASE).filter(|short| !short.is_empty());
            let both = [Some(path), short].into_iter().flatten();
            both.flat_map(|path| {
                prefixes
                    .clone()
                    .map(move |prefix| format!("{prefix}{path}"))
            })
        });
        for path in paths {
            let challenge = self.shop.ask(path.as_bytes(), Level::Free);
            let price = field(&challenge, "price_msat").filter(|_| challenge.status == 402);
            let Some(price) = price.and_then(|price| price.parse().ok()) else {
                continue;
            };
            let level = Level::of_price(price);
            let answer = self.shop.ask(path.as_bytes(), level);
            if let Some(resource) = answer.resource() {
                let known = sold.entry(resource.to_owned()).or_insert(level);
                *known = level.max(*known);
            }
        }
        sold
    }

    fn try_one(&mut self, table: &Table, sold: &BTreeMap<String, Level>, report: &mut Report) {
        let target = target(&mut self.random);
        let paid = match self.random.one_in(3) {
            true => Level::Cheap,
            false => Level::Free,
        };
        let answer = self.shop.ask(&target, paid);
        report.targets += 1;
        assert_ne!(answer.status, 500, "{target:?}");
        let Some(resource) = answer.resource() else {
            return;
        };
        report.served += 1;
        let price = sold.get(resource).copied().unwrap_or(Level::Free);
        let row = answer.route.and_then(|route| table.0.get(route));
        if price > paid && !row.is_some_and(|row| is_exempt(row, resource)) {
            report.findings.push(format!(
                "{}: {resource} ({price:?}) came for {paid:?} by {:?} through {row:?} in\n{}",
                self.name,
                String::from_utf8_lossy(&target),
                table.text(self.upstream)
            ));
        }
    }
}
