//! Tables of routes, drawn at random. Most are refused; those that are accepted have to be safe.

use std::fmt::Write as _;
use std::net::SocketAddr;

use l402_gateway::Config;

use crate::grammar::{BASE, PREFIXES};
use crate::random::Random;

const PATTERNS: [&str; 20] = [
    "/{*rest}",
    "/{*rest}",
    "/",
    "/paid",
    "/paid/",
    "/gold",
    "/dir/{*rest}",
    "/dir/{x}",
    "/dir/secret",
    "/dir/",
    "/dir/index.html",
    "/dir/deep/{*rest}",
    "/{a}/secret",
    "/{a}/{b}",
    "/open/{*rest}",
    "/user/{id}",
    "/cgi-bin/{*rest}",
    "/cgi-bin/paid.py",
    "/Mixed",
    "/p{x}",
];

/// What a request to a route costs. Ordered: the dearer the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Free,
    Cheap,
    Dear,
}

impl Level {
    /// The access and service in a table. Tokens are for a time, so that one is enough for a run.
    fn text(self) -> &'static str {
        match self {
            Self::Free => "free = true",
            Self::Cheap => "service = \"cheap\"\npolicy = \"time=30d\"\nprice = \"1 sat\"",
            Self::Dear => "service = \"dear\"\npolicy = \"time=30d\"\nprice = \"100 sat\"",
        }
    }

    /// Reads the price of a challenge.
    pub(crate) fn of_price(msat: u64) -> Self {
        if msat > 1000 { Self::Dear } else { Self::Cheap }
    }
}

/// One route of a table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) pattern: String,
    strip_prefix: Option<String>,
    base: Option<&'static str>,
    level: Level,
    insensitive: bool,
    get_only: bool,
}

/// The routes of a gateway.
#[derive(Clone, Debug)]
pub(crate) struct Table(pub(crate) Vec<Row>);

impl Row {
    pub(crate) fn new(pattern: &str, level: Level) -> Self {
        Self {
            pattern: pattern.to_owned(),
            strip_prefix: None,
            base: None,
            level,
            insensitive: false,
            get_only: false,
        }
    }

    fn draw(random: &mut Random) -> Self {
        let level = *random.pick(&[Level::Free, Level::Free, Level::Cheap, Level::Dear]);
        let mut row = Self::new(PATTERNS[random.below(PATTERNS.len())], level);
        if random.one_in(4) {
            let prefix = *random.pick(&PREFIXES);
            row.pattern = format!("{prefix}{}", row.pattern);
            row.strip_prefix = Some(prefix.to_owned());
        }
        row.base = random.one_in(10).then_some(BASE);
        row.insensitive = random.one_in(8);
        row.get_only = random.one_in(8);
        row
    }

    /// Returns the part of the pattern before its parameters, as the upstream gets it.
    pub(crate) fn literal_at_upstream(&self) -> String {
        let prefix = self.strip_prefix.as_deref().unwrap_or_default();
        let rest = self.pattern.strip_prefix(prefix).unwrap_or(&self.pattern);
        let literal = rest.split('{').next().unwrap_or_default();
        format!("{}{literal}", self.base.unwrap_or_default())
    }

    fn text(&self, index: usize, upstream: SocketAddr) -> String {
        let base = self.base.unwrap_or_default();
        let mut text = format!(
            "[[route]]\npath = \"{}\"\nupstream = \"http://{upstream}{base}\"\n{}\n",
            self.pattern,
            self.level.text()
        );
        if let Some(prefix) = &self.strip_prefix {
            let _ = writeln!(text, "strip_prefix = \"{prefix}\"");
        }
        if self.insensitive {
            text += "case = \"insensitive\"\n";
        }
        if self.get_only {
            text += "methods = [\"get\"]\n";
        }
        let _ = writeln!(text, "upstream_headers = {{ x-route = \"{index}\" }}");
        text
    }
}

impl Table {
    /// Draws a table of two to six routes.
    pub(crate) fn draw(random: &mut Random) -> Self {
        let mut rows: Vec<_> = (0..2 + random.below(4))
            .map(|_| Row::draw(random))
            .collect();
        // Without it most targets would find no route, and prove nothing.
        if !random.one_in(4) {
            let level = *random.pick(&[Level::Free, Level::Free, Level::Cheap]);
            rows.push(Row::new("/{*rest}", level));
        }
        Self(rows)
    }

    /// Tables that people write, of each kind.
    pub(crate) fn usual() -> Vec<Self> {
        let priced = |pattern: &str| {
            vec![
                Row::new("/{*rest}", Level::Free),
                Row::new(pattern, Level::Dear),
            ]
        };
        let mut tables: Vec<_> = [
            "/paid",
            "/dir/{*rest}",
            "/dir/secret",
            "/dir/",
            "/dir/index.html",
            "/user/{id}",
            "/cgi-bin/paid.py",
            "/Mixed",
        ]
        .map(|pattern| Self(priced(pattern)))
        .into();
        let mut cheap = priced("/gold");
        cheap[0] = Row::new("/{*rest}", Level::Cheap);
        tables.push(Self(cheap));
        tables
    }

    /// Returns true if some route strips the prefix.
    pub(crate) fn strips(&self, prefix: &str) -> bool {
        self.0
            .iter()
            .any(|row| row.strip_prefix.as_deref() == Some(prefix))
    }

    /// Returns the file of the table, which ends in its routes.
    pub(crate) fn text(&self, upstream: SocketAddr) -> String {
        let head = "listen = [\"127.0.0.1:0\"]\nworkers = 1\n[log]\naccess = \"off\"\n[challenges]\n\
                    per_peer_per_second = 0\nper_prefix_per_second = 0\ntotal_per_second = 0\n";
        let rows = self.0.iter().enumerate();
        rows.fold(head.to_owned(), |text, (index, row)| {
            text + &row.text(index, upstream)
        })
    }

    /// Returns the configuration, or `None` if it is refused.
    pub(crate) fn config(&self, upstream: SocketAddr) -> Option<Config> {
        Config::from_toml(&self.text(upstream), "table.toml").ok()
    }
}
