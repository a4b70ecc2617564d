//! `l402 serve`: a gateway with prices before an HTTP service.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use l402::{Msat, Policy};
use l402_gateway::{Config, ConfigError, Overrides, RouteConfig};
use l402_lightning::Node;
use l402_server::Access;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::seller;
use crate::signal::Stop;
use crate::text::node_form;
use crate::text::output::{self, Output, OutputArgs, style};
use crate::text::plain::escape;

/// Put a price on an HTTP service: a gateway before any upstream
///
/// Without a configuration file, one upstream has one price. With a file, each route has its own.
/// The sandbox is the node unless another is named: play money, and nothing to set up.
#[derive(Args, Debug)]
#[command(after_help = "\
Prices are written \"50 sat\", \"2500 msat\" or \"0.00000050 BTC\". A policy says what one payment
buys: request (one served answer), uses=10, or time=1h.

Examples:
  l402 serve --upstream http://127.0.0.1:3000 --price \"50 sat\"
  l402 serve --upstream http://127.0.0.1:3000 --price \"500 sat\" --policy time=1h
  l402 serve --print-config > l402.toml
  l402 serve --config l402.toml --check
  l402 serve --config l402.toml")]
pub(crate) struct Serve {
    /// Read this configuration file (TOML)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["upstream", "price", "policy"])]
    config: Option<PathBuf>,

    /// Forward paid requests here
    #[arg(long, value_name = "URL", requires = "price")]
    upstream: Option<String>,

    /// What everything behind the upstream costs
    #[arg(
        long,
        value_name = "AMOUNT",
        requires = "upstream",
        allow_hyphen_values = true
    )]
    price: Option<Msat>,

    /// What one payment buys: request, uses=N or time=DURATION
    #[arg(long, default_value = "request")]
    policy: Policy,

    /// Listen here; may be repeated [default: 127.0.0.1:8402]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<SocketAddr>,

    /// So many worker threads; 0 means one a core
    #[arg(long, value_name = "N")]
    workers: Option<usize>,

    #[arg(long, value_name = "NODE", help = node_form::node_help())]
    node: Option<Node>,

    /// Check the configuration and stop: binds nothing, asks nobody
    #[arg(long)]
    check: bool,

    /// Print an annotated configuration file whose values are the defaults
    #[arg(long, conflicts_with_all = ["config", "upstream", "check"])]
    print_config: bool,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl Serve {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        if self.print_config {
            // The same for people and machines: it is a file.
            std::io::Write::write_all(&mut std::io::stdout(), Config::EXAMPLE.as_bytes())
                .map_err(|error| CliError::local_io(format!("stdout: {error}")))?;
            return Ok(exit_code::OK);
        }
        let out = self.output.open();
        let config = match self.configuration() {
            Ok(config) => config?,
            Err(mistakes) if self.check => return report_mistakes(&mistakes, out),
            Err(mistakes) => return Err(mistaken(&mistakes)),
        };
        if self.check {
            return report_sound(&config, out);
        }
        // Before anything serves, so that a signal from the first moment on lets requests end.
        let stop_signal = Stop::listen()?;
        // The configuration is final here: nothing reads it after a port is bound.
        let serving = seller::start(config.clone(), context).await?;
        announce(serving.gateway.local_addrs(), &config, out)?;
        stop_signal.requested().await;
        out.tell("stopping: requests in flight may end (Ctrl-C again stops at once)");
        serving.stop(config.shutdown_deadline()).await
    }

    /// Reads the configuration. The outer error lists mistakes in the configuration; the inner error is
    /// one of the command line.
    fn configuration(&self) -> Result<Result<Config, CliError>, Vec<ConfigError>> {
        let overrides = Overrides {
            listen: self.listen.clone(),
            workers: self.workers,
            node: self.node.clone(),
        };
        let config = match (&self.config, &self.upstream, self.price) {
            (Some(file), ..) => Config::from_file_with(file, &overrides)?,
            (None, Some(upstream), Some(price)) => {
                Config::quick_with(upstream, price, self.policy, &overrides)?
            }
            _ => {
                return Ok(Err(CliError::usage("nothing to serve").with_hint(
                    "give --upstream URL and --price \"50 sat\", or --config FILE \
                     (--print-config writes one)",
                )));
            }
        };
        Ok(Ok(config))
    }
}

fn announce(addresses: &[SocketAddr], config: &Config, out: Output) -> Result<(), CliError> {
    let listening: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    out.machine(&json!({ "listening": listening, "routes": describe(config) }))?;
    for address in &listening {
        out.tell(&format!(
            "listening on {}",
            style::paint(style::GOOD, address)
        ));
    }
    out.tell(table(config).trim_end());
    out.tell("Ctrl-C ends it");
    Ok(())
}

/// Prints the result of `--check` for a sound configuration.
fn report_sound(config: &Config, out: Output) -> Result<ExitCode, CliError> {
    let listen: Vec<String> = config.listen().iter().map(ToString::to_string).collect();
    let value = json!({ "ok": true, "errors": [], "listen": listen, "routes": describe(config) });
    out.result(&value, || format!("ok\n{}", table(config)))?;
    Ok(exit_code::OK)
}

/// Prints the result of `--check` for a configuration with mistakes.
fn report_mistakes(mistakes: &[ConfigError], out: Output) -> Result<ExitCode, CliError> {
    let errors: Vec<Value> = mistakes.iter().map(mistake).collect();
    // On stdout, for here the mistakes are the result that was asked for, and no failure.
    let value = json!({ "ok": false, "errors": errors });
    out.machine(&value)?;
    output::tell_error(&mistaken(mistakes));
    Ok(exit_code::CONFIGURATION)
}

fn mistaken(mistakes: &[ConfigError]) -> CliError {
    // All mistakes at once, so that one round of editing is enough.
    let lines: Vec<String> = mistakes.iter().map(|m| escape(&m.to_string())).collect();
    CliError::new(exit_code::CONFIGURATION, "configuration", lines.join("\n"))
        .with_hint("nothing was bound; `l402 serve --print-config` shows every key")
}

/// Returns the routes, for machines.
fn describe(config: &Config) -> Value {
    Value::Array(config.routes().iter().map(route).collect())
}

fn route(config: &RouteConfig) -> Value {
    let route = &config.route;
    let methods: Vec<&str> = route.methods.iter().map(http::Method::as_str).collect();
    let mut value = json!({
        "path": route.path,
        "methods": methods,
        "upstream": config.upstream.to_string(),
        "free": true,
    });
    if let (Access::Priced(priced), Some(fields)) = (&route.access, value.as_object_mut()) {
        fields.insert("free".to_owned(), json!(false));
        fields.insert("service".to_owned(), json!(priced.service.as_str()));
        fields.insert("price_msat".to_owned(), json!(priced.price.msat()));
        fields.insert("policy".to_owned(), json!(priced.policy.to_string()));
    }
    value
}

/// Returns the routes, for people.
fn table(config: &Config) -> String {
    let mut text = String::new();
    for entry in config.routes() {
        let (path, upstream) = (&entry.route.path, &entry.upstream);
        let price = match &entry.route.access {
            Access::Free => "free".to_owned(),
            Access::Priced(priced) => format!("{}, policy {}", priced.price, priced.policy),
        };
        let price = style::paint(style::TITLE, &price);
        let _ = writeln!(text, "  {path:<28} {price}  from {upstream}");
    }
    text
}

/// Returns place and text of a mistake, for machines.
fn mistake(error: &ConfigError) -> Value {
    json!({
        "file": error.file(),
        "line": error.line(),
        "column": error.column(),
        "key": error.key(),
        "message": escape(&error.to_string()),
    })
}
