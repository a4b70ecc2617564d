//! `l402 registry add`, `announce`, `search` and `show`.

use clap::Args;
use l402::Msat;

use crate::error::CliError;
use crate::get::parse_url;
use crate::registry::{self, NewWords, RegistryArg, RegistryClient, Subject};
use crate::text::output::OutputArgs;

/// List a service: by its URL, or by that of a document that names several
///
/// The registry asks the URL as a buyer would, and lists what answers 402. A document is
/// /.well-known/l402-services, /.well-known/l402.json, or an openapi.json with x-payment-info: its entries at
/// its own origin are listed. Words of a document at the service's origin count more than those given here,
/// and those of an owner most of all.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 registry add https://api.example.com/v1/joke --name Jokes --tag fun
  l402 registry add https://api.example.com/openapi.json
  l402 registry add http://127.0.0.1:8402/api/l402/joke    one on this machine")]
pub(super) struct Add {
    /// The URL of the service, or of a document
    url: String,

    /// The name, at most 100 characters
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,

    /// The description, at most 2,000 characters
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// The category, such as ai/images
    #[arg(long, value_name = "NAME")]
    category: Option<String>,

    /// A word to find it by. Can be repeated, at most ten times
    #[arg(long = "tag", value_name = "WORD")]
    tags: Vec<String>,

    /// The address of its documentation, https
    #[arg(long, value_name = "URL")]
    docs: Option<String>,

    /// The method that a buyer uses [default: the one that answers 402]
    #[arg(long, value_name = "METHOD")]
    method: Option<String>,

    #[command(flatten)]
    registry: RegistryArg,

    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// List everything that a gateway sells
///
/// Asks the gateway for /.well-known/l402-services, then l402.json, then openapi.json, and submits the first
/// that it answers. `l402 serve` answers all three.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 registry announce https://api.example.com
  l402 registry announce http://127.0.0.1:8402 --registry http://127.0.0.1:8406")]
pub(super) struct Announce {
    /// The address of the gateway
    url: String,

    #[command(flatten)]
    registry: RegistryArg,

    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Find services by words, price, state and more
///
/// Prices are what the registry read in invoices; a service without one is marked *claimed*.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 registry search weather
  l402 registry search --max-price \"10 sat\" --state up --sort price
  l402 registry search --category ai --owned --json | jq '.services[].url'")]
pub(super) struct Search {
    /// Words of its name, description, tags or path
    words: Vec<String>,

    /// Only in these states: up, degraded, down, unknown, not_402
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    state: Vec<String>,

    /// Only at most at this observed price
    #[arg(long, value_name = "AMOUNT")]
    max_price: Option<Msat>,

    /// Only at least at this observed price
    #[arg(long, value_name = "AMOUNT")]
    min_price: Option<Msat>,

    /// Only in this category, or below it
    #[arg(long, value_name = "NAME")]
    category: Option<String>,

    /// Only on this network: mainnet, testnet, signet, regtest
    #[arg(long, value_name = "NAME")]
    network: Option<String>,

    /// Only in these forms: l402, lsat, payment, body, x402
    #[arg(long, value_name = "FORM", value_delimiter = ',')]
    form: Vec<String>,

    /// Only what this client can pay, such as lnget
    #[arg(long, value_name = "NAME")]
    client: Option<String>,

    /// Only at this host
    #[arg(long, value_name = "HOST")]
    host: Option<String>,

    /// Only with a proven owner
    #[arg(long)]
    owned: bool,

    /// Only what the registry itself has bought with success
    #[arg(long)]
    works: bool,

    /// The order: relevance, price, uptime, latency, newest
    #[arg(long, value_name = "ORDER")]
    sort: Option<String>,

    /// Show at most so many, up to 200
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,

    /// Go on after this place, which the page before has named
    #[arg(long, value_name = "PLACE")]
    after: Option<String>,

    #[command(flatten)]
    registry: RegistryArg,

    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Show a listing: what its seller says, and what the registry saw
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 registry show https://api.example.com/v1/joke
  l402 registry show 0f3a8c21d5b94e67 --json | jq .evidence")]
pub(super) struct Show {
    /// The listing: its name of 16 hex digits, or its URL
    #[arg(value_name = "ID|URL")]
    listing: Subject,

    #[command(flatten)]
    registry: RegistryArg,

    #[command(flatten)]
    pub(super) output: OutputArgs,
}

impl Add {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let client = RegistryClient::open(&self.registry.url()?)?;
        let words = NewWords {
            name: self.name,
            description: self.description,
            category: self.category,
            tags: self.tags,
            docs: self.docs,
            method: self.method,
        };
        registry::add(&client, &self.url, &words, self.output.open()).await
    }
}

impl Announce {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let client = RegistryClient::open(&self.registry.url()?)?;
        let gateway = parse_url(&self.url)?;
        registry::announce(&client, &gateway, self.output.open()).await
    }
}

impl Search {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let client = RegistryClient::open(&self.registry.url()?)?;
        let out = self.output.open();
        let search = registry::Search {
            limit: self.limit,
            filters: self.filters(),
            words: self.words,
        };
        registry::search(&client, &search, out).await
    }

    /// Returns the filters by the names of the API's parameters.
    fn filters(&self) -> Vec<(&'static str, String)> {
        let list = |all: &[String]| (!all.is_empty()).then(|| all.join(","));
        let flag = |is_set: bool| is_set.then(|| "true".to_owned());
        let msat = |amount: Option<Msat>| amount.map(|it| it.msat().to_string());
        let all = [
            ("state", list(&self.state)),
            ("price_from_msat", msat(self.min_price)),
            ("price_to_msat", msat(self.max_price)),
            ("category", self.category.clone()),
            ("network", self.network.clone()),
            ("form", list(&self.form)),
            ("client", self.client.clone()),
            ("host", self.host.clone()),
            ("owned", flag(self.owned)),
            ("works_when_paid", flag(self.works)),
            ("sort", self.sort.clone()),
            ("after", self.after.clone()),
        ];
        let set = all.into_iter();
        set.filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

impl Show {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let client = RegistryClient::open(&self.registry.url()?)?;
        registry::show(&client, &self.listing, self.output.open()).await
    }
}
