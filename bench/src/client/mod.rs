//! `l402 get` beside curl: one process a request, in turn.

mod journal;
mod large;
mod pair;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{BenchError, Result, While};
use crate::server::installed;
use crate::server::l402::{Gateway, PAID, Setup};
use crate::stage::World;
use crate::stats::Spread;
use large::LargeServer;
use pair::{Pair, one};

/// The options of `l402-bench client`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ClientArgs {
    /// Ask with a kept token from journals of so many rows
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1,10000",
        value_name = "N,..."
    )]
    rows: Vec<u32>,

    /// Runs of each program at each size
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,

    /// The size of a download and an upload that cost nothing, in MiB; 0 leaves them out
    #[arg(long, default_value_t = 200, value_name = "MIB")]
    megabytes: u32,
}

/// One line of the outcome.
#[derive(Debug, Serialize)]
struct Line {
    /// `token`, `download` or `upload`.
    what: &'static str,
    /// Rows of the journal, or MiB.
    size: u32,
    runs: u32,
    /// The time of `l402 get` by that of curl, of the same pair of runs.
    ratio: Spread,
    /// The most memory that each of the two was seen to hold, in KiB.
    l402_kib: u64,
    curl_kib: u64,
}

/// Measures, and returns the lines as JSON.
///
/// # Errors
/// Without curl, or if an answer is wrong.
pub(crate) fn measure(args: &ClientArgs, world: &World) -> Result<serde_json::Value> {
    let curl = installed("curl").ok_or_else(|| BenchError::new("curl is not installed"))?;
    let folder = world.folder.path().join("client");
    std::fs::create_dir(&folder).while_doing(folder.display())?;
    let buyer = Buyer {
        program: world.program.clone(),
        curl,
        home: folder.join("l402").join("home"),
    };
    let mut lines = buyer.kept_tokens(args, world, &folder)?;
    if args.megabytes > 0 {
        lines.extend(buyer.large(args)?);
    }
    serde_json::to_value(lines).while_doing("writing JSON")
}

/// The two programs, and the home folder of ours.
struct Buyer {
    program: PathBuf,
    curl: PathBuf,
    home: PathBuf,
}

impl Buyer {
    /// A token that was bought once, presented from journals of several sizes.
    fn kept_tokens(&self, args: &ClientArgs, world: &World, folder: &Path) -> Result<Vec<Line>> {
        let gateway = Gateway::start(&Setup {
            program: &world.program,
            folder,
            name: "l402",
            upstream: world.upstream.address,
            node: &l402_lightning::Node::Sandbox,
            invoices_ahead: 0,
            certificate: None,
            tables: "",
        })?;
        let url = format!("http://{}{PAID}", gateway.server.address);
        let header = format!("Authorization: {}", gateway.minter().credential(PAID)?);
        let pair = Pair {
            ours: self.get(&["--wallet", "sandbox", &url]),
            theirs: self.curl(&["-H", &header, &url]),
        };
        // This one pays, the others do not.
        one(&pair.ours)?;
        let file = self.home.join("client").join("client.db");
        let mut lines = Vec::new();
        for rows in &args.rows {
            journal::fill(&file, *rows)?;
            // The first run of a day looks through the whole file.
            one(&pair.ours)?;
            lines.push(pair.line("token", *rows, args.runs)?);
        }
        journal::must_have_paid_once(&file)?;
        Ok(lines)
    }

    /// Large bodies both ways, at a server that costs nothing.
    fn large(&self, args: &ClientArgs) -> Result<Vec<Line>> {
        let server = LargeServer::start(args.megabytes)?;
        let file = server.body.path().display().to_string();
        let (url, runs) = (server.url.as_str(), args.runs.div_ceil(6));
        let download = Pair {
            ours: self.get(&[url]),
            theirs: self.curl(&[url]),
        };
        let upload = Pair {
            ours: self.get(&["-T", &file, url]),
            theirs: self.curl(&["-T", &file, url]),
        };
        Ok(vec![
            download.line("download", args.megabytes, runs)?,
            upload.line("upload", args.megabytes, runs)?,
        ])
    }

    fn get(&self, args: &[&str]) -> pair::Line {
        let mut words = vec!["get", "-s", "-S", "--fail", "-o", "/dev/null"];
        words.extend(args);
        pair::Line::new(&self.program, &words).with("L402_HOME", &self.home)
    }

    fn curl(&self, args: &[&str]) -> pair::Line {
        let mut words = vec!["-q", "-s", "-S", "--fail", "-o", "/dev/null"];
        words.extend(args);
        pair::Line::new(&self.curl, &words)
    }
}
