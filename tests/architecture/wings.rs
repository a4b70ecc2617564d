//! The wings of each crate, and the wings that each of them may use.

use std::collections::BTreeMap;
use std::path::Path;

use crate::paths::{Arrow, arrows};
use crate::source::{Source, fixture, read, tokens};
use crate::{root, sources};

/// A wing per row: its names, and after them the wings that it may use, `*` for all rows below. A
/// wing is a folder below `src`, or the files there that are named together; the files of one wing
/// may use one another. A row uses rows below it only, and every row may use the last one.
type Table = &'static [(&'static str, &'static str)];

const L402: Table = &[
    ("mpp", "header token"),
    ("header", "token"),
    ("token", ""),
    ("amount invoice network preimage text time", ""),
];

const HOST: Table = &[
    ("sqlite", "private lock"),
    ("postgres", "postgres_url"),
    ("lock", "private"),
    ("private", ""),
    (
        "address clock descriptors error future path postgres_url stderr",
        "",
    ),
];

const LIGHTNING: Table = &[
    ("connect", "backend node"),
    ("backend", "node transport"),
    ("node", ""),
    ("transport", ""),
    ("check error message pay receive sign zbase32", ""),
];

const CLIENT: Table = &[
    ("layers", "*"),
    ("builder client", "*"),
    (
        "purchase",
        "offer examine recording response journal hook http",
    ),
    ("offer", "examine"),
    ("examine", ""),
    ("recording response tee", "journal http"),
    ("hook", "journal http"),
    ("http", ""),
    ("journal", ""),
    (
        "coverage error failpoint limits narrow origin receipt request scheme",
        "",
    ),
];

const SERVER: Table = &[
    ("tower", "*"),
    ("admit", "*"),
    ("granted", "decide answer ledger observe table request"),
    ("decide", "pass table request"),
    ("pass", "table request"),
    ("settled", "challenge"),
    ("answer", "ledger challenge observe table request"),
    ("books", "ledger observe table request"),
    ("ledger", "revoked"),
    ("challenge", "observe table request"),
    ("observe", "table request"),
    ("table", "request revoked"),
    ("revoked", ""),
    ("request", ""),
];

const GATEWAY: Table = &[
    ("fuzzing", "*"),
    // It stands on a running gateway, as a program does.
    ("admin", "run log listen table upstream config"),
    ("run", "*"),
    ("acme", "listen config"),
    ("webhooks", "config"),
    ("log", "config"),
    ("listen", "exchange table config"),
    ("exchange", "table publish upstream trace page config"),
    ("trace", "config"),
    ("table", "publish upstream page config"),
    ("publish", "config"),
    ("upstream", "config"),
    ("config", "page"),
    ("page", ""),
    (
        "amount certificate error framing framing_header metrics notice number share timer warning",
        "",
    ),
];

const REGISTRY: Table = &[
    ("run", "*"),
    ("page", "desk search store listing"),
    // `owner` for the ticket of a claim, which is sent as it was made.
    ("api", "desk owner search store listing"),
    ("probe", "desk fetch search store listing"),
    ("desk", "owner review fetch search store listing"),
    ("owner", "fetch store listing"),
    ("review", "store listing"),
    ("fetch", ""),
    ("store", "search listing"),
    ("search", "listing"),
    ("listing", ""),
];

const CLI: Table = &[
    ("run usage", "*"),
    ("cli", "command context logging operator"),
    ("command", "*"),
    ("demo", "*"),
    ("mcp", "*"),
    (
        "registry",
        "purchases buyer seller environment context note outgoing port signal",
    ),
    ("agent", "context note operator owner"),
    ("proxy", "*"),
    ("operator", "context signal terminal"),
    ("note", "context"),
    ("purchases", "buyer confirm context get token wallet"),
    ("doctor", ""),
    ("get", "buyer context outgoing signal"),
    ("node", "context signal"),
    ("backup", ""),
    ("token", ""),
    ("budget", "confirm"),
    ("wallet", "buyer context environment signal"),
    ("buyer", "context environment outgoing"),
    ("admin", "context seller"),
    ("books keys revoke webhooks", ""),
    ("seller", "confirm context environment port signal"),
    ("environment", "context"),
    ("context", "home"),
    (
        "access_token confirm home outgoing owner port signal terminal",
        "",
    ),
    ("logging", ""),
    ("error exit_code header text", ""),
];

const TABLES: &[(&str, Table)] = &[
    ("l402", L402),
    ("l402-host", HOST),
    ("l402-lightning", LIGHTNING),
    ("l402-client", CLIENT),
    ("l402-server", SERVER),
    ("l402-gateway", GATEWAY),
    ("l402-registry", REGISTRY),
    ("l402-cli", CLI),
];

/// A crate of more files than this has wings.
const FLAT_FILES: usize = 12;

/// The circles that are shown of one crate.
const SHOWN_CIRCLES: usize = 8;

/// Keywords that `lib.rs` and `mod.rs` may not hold: they are docs, attributes, `mod` and `use`.
const LOGIC: &str = "const enum fn impl static struct trait type";

/// Each crate with its sources.
pub(crate) fn crates() -> BTreeMap<String, Vec<Source>> {
    let folders = std::fs::read_dir(root().join("crates")).expect("crates/");
    folders
        .map(|folder| {
            let folder = folder.expect("an entry").path();
            let name = folder.file_name().expect("a name").to_string_lossy();
            (name.into_owned(), read_crate(&folder.join("src")))
        })
        .collect()
}

/// The sources below a folder, in the order of their paths.
fn read_crate(src: &Path) -> Vec<Source> {
    let files: Vec<_> = sources(src)
        .into_iter()
        .map(|(path, text)| {
            let path = path.strip_prefix(src).expect("a file below src");
            (path.to_string_lossy().into_owned(), text)
        })
        .collect();
    read(files)
}

/// The row of a file in the table, `None` for the root of the crate or of its program.
fn row(table: Table, source: &Source) -> Result<Option<usize>, String> {
    let Some(wing) = source.module.first().filter(|wing| *wing != "main") else {
        return Ok(None);
    };
    let is_named = |(names, _): &(&str, &str)| names.split(' ').any(|name| name == wing);
    match table.iter().position(is_named) {
        Some(row) => Ok(Some(row)),
        None => Err(format!(
            "{}: `{wing}` is in no row of the table",
            source.path
        )),
    }
}

/// Looks up an arrow between two rows.
fn may_use(table: Table, from: usize, to: usize) -> bool {
    let is_ground = to + 1 == table.len();
    let (_, uses) = table[from];
    let is_named = || {
        table[to]
            .0
            .split(' ')
            .any(|name| uses.split(' ').any(|wing| wing == name))
    };
    from == to || is_ground || (uses == "*" && from < to) || is_named()
}

/// Lists the arrows of a crate that its table lacks, the files that no row names, and the circles.
fn complaints(table: Table, sources: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut row_of = |source| row(table, source).map_err(|error| wrong.push(error));
    let rows: Vec<_> = sources.iter().map(|source| row_of(source).ok()).collect();
    let mut graph = Vec::new();
    for arrow in arrows(sources) {
        let (Some(Some(from)), Some(to)) = (rows[arrow.from], rows[arrow.to]) else {
            continue;
        };
        let file = &sources[arrow.from].path;
        let Some(to) = to else {
            let (line, path) = (arrow.line, &arrow.path);
            wrong.push(format!(
                "{file}:{line}: {path} leads to the root and no further"
            ));
            continue;
        };
        if !may_use(table, from, to) {
            let (line, path) = (arrow.line, &arrow.path);
            wrong.push(format!(
                "{file}:{line}: {} -> {} by {path}",
                table[from].0, table[to].0
            ));
        }
        graph.push(arrow);
    }
    wrong.extend(circles(sources, &rows, &graph));
    wrong
}

/// The circles of files that lead through two wings, the shortest first, each as `a -> b -> a`.
fn circles(sources: &[Source], rows: &[Option<Option<usize>>], graph: &[Arrow]) -> Vec<String> {
    let across = graph
        .iter()
        .filter(|arrow| rows[arrow.from] != rows[arrow.to]);
    let mut found: Vec<_> = across
        .filter_map(|arrow| {
            let mut way = way(graph, arrow.to, arrow.from)?;
            // The same circle begins at its first file, wherever the search began.
            let first = way.iter().enumerate().min_by_key(|(_, file)| **file)?.0;
            way.rotate_left(first);
            way.push(way[0]);
            let names: Vec<_> = way.iter().map(|file| &*sources[*file].path).collect();
            Some(format!("a circle: {}", names.join(" -> ")))
        })
        .collect();
    found.sort_by_key(|circle| (circle.matches("->").count(), circle.clone()));
    found.dedup();
    // One arrow that is turned round often breaks many circles.
    found.truncate(SHOWN_CIRCLES);
    found
}

/// The shortest way along the arrows, both ends included.
fn way(graph: &[Arrow], from: usize, to: usize) -> Option<Vec<usize>> {
    let mut ways = vec![vec![from]];
    let mut seen = vec![from];
    while !ways.is_empty() {
        if let Some(way) = ways.iter().find(|way| way.last() == Some(&to)) {
            return Some(way.clone());
        }
        let mut longer = Vec::new();
        for way in &ways {
            for arrow in graph.iter().filter(|arrow| way.last() == Some(&arrow.from)) {
                if !seen.contains(&arrow.to) {
                    seen.push(arrow.to);
                    longer.push([&way[..], &[arrow.to]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

#[test]
fn a_row_uses_rows_below_it_only() {
    for (name, table) in TABLES {
        for (at, (wing, uses)) in table.iter().enumerate() {
            for target in uses.split(' ').filter(|wing| !matches!(*wing, "" | "*")) {
                let is_below = |(names, _): &(&str, &str)| names.split(' ').any(|n| n == target);
                assert!(
                    table[at + 1..].iter().any(is_below),
                    "{name}: {wing} -> {target} must point to a row below"
                );
            }
        }
    }
}

#[test]
fn arrows_between_wings_point_one_way() {
    let mut wrong = Vec::new();
    for (name, sources) in crates() {
        match TABLES.iter().find(|(crate_name, _)| *crate_name == name) {
            Some((_, table)) => {
                let found = complaints(table, &sources);
                wrong.extend(found.into_iter().map(|found| format!("{name}: {found}")));
            }
            None if sources.len() <= FLAT_FILES => {}
            None => wrong.push(format!(
                "{name}: so many files need wings, and a table here"
            )),
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn a_large_crate_has_wings() {
    for (name, sources) in crates() {
        let in_folder = sources
            .iter()
            .filter(|source| source.path.contains('/'))
            .count();
        assert!(
            sources.len() <= FLAT_FILES || in_folder * 2 > sources.len(),
            "{name}: {in_folder} of {} files lie in a wing",
            sources.len()
        );
    }
}

#[test]
fn a_module_with_children_is_a_folder_whose_mod_file_holds_no_logic() {
    let mut wrong = Vec::new();
    for (name, sources) in crates() {
        for source in &sources {
            let path = &*source.path;
            let folder = path.trim_end_matches("rs").replace('.', "/");
            if sources.iter().any(|other| other.path.starts_with(&folder)) {
                wrong.push(format!("{name}: {path} stands beside the folder {folder}"));
            }
            let is_root = path.ends_with("mod.rs") || path == "lib.rs";
            if !is_root {
                continue;
            }
            let code = tokens(&source.lines);
            let found = code
                .iter()
                .find(|(_, token)| LOGIC.split(' ').any(|word| word == *token));
            wrong.extend(found.map(|(line, token)| format!("{name}: {path}:{line}: {token}")));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

const SMALL: Table = &[("top", "low"), ("low", ""), ("ground", "")];

#[test]
fn an_arrow_that_the_table_lacks_is_refused() {
    let of = |low: &str| {
        complaints(
            SMALL,
            &fixture(&[
                (
                    "lib.rs",
                    "mod ground; mod low; mod top;\npub use top::Shown;",
                ),
                ("ground.rs", "pub struct Ground;"),
                ("top/mod.rs", "mod shown;\npub use shown::Shown;"),
                (
                    "top/shown.rs",
                    "use crate::{ground::Ground, low};\npub struct Shown;",
                ),
                ("low.rs", low),
            ]),
        )
    };
    assert_eq!(of("use crate::ground; // not crate::top"), [""; 0]);
    assert_eq!(of("#[cfg(test)]\nmod tests { use crate::Shown; }"), [""; 0]);
    for text in [
        "\nuse crate::Shown;",
        "\nuse crate::{ground::{self, Ground}, Shown as Other};",
        "\nfn a() -> super::Shown { todo!() }",
        "mod inner {\nuse super::super::Shown; }",
    ] {
        let [arrow, circle] = &of(text)[..] else {
            panic!("{text}: {:?}", of(text));
        };
        assert_eq!(arrow, "low.rs:2: low -> top by crate::Shown");
        assert_eq!(circle, "a circle: low.rs -> top/shown.rs -> low.rs");
    }
    assert_eq!(
        of("use crate::*;"),
        ["low.rs:1: crate::* leads to the root and no further"]
    );
}

#[test]
fn a_circle_is_refused_where_each_arrow_alone_is_allowed() {
    // The table of a crate cannot hold these arrows both: see `a_row_uses_rows_below_it_only`.
    const BOTH: Table = &[("a", "b"), ("b", "a"), ("ground", "")];
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a/mod.rs", "mod one; mod two;"),
        ("a/one.rs", "use crate::b;"),
        ("a/two.rs", "use super::one;"),
        ("b.rs", "use crate::a::two;"),
    ];
    assert_eq!(
        complaints(BOTH, &fixture(&files)),
        ["a circle: a/one.rs -> b.rs -> a/two.rs -> a/one.rs"]
    );
    let open = [&files[..4], &[("b.rs", "")]].concat();
    assert_eq!(complaints(BOTH, &fixture(&open)), [""; 0]);
}

#[test]
fn a_file_that_no_row_names_is_refused() {
    let files = [("lib.rs", "mod other;"), ("other.rs", "")];
    assert_eq!(
        complaints(SMALL, &fixture(&files)),
        ["other.rs: `other` is in no row of the table"]
    );
}
