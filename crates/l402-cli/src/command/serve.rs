//! `l402 serve`: a gateway with prices before an HTTP service.

use core::pin::pin;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use l402::{Msat, Policy};
use l402_gateway::{AdminServer, Config, ConfigError, Overrides, RouteConfig};
use l402_host::ListenAddress;
use l402_lightning::Node;
use l402_server::Access;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::seller::{self, ConfigFile, Serving};
use crate::signal::{Hangup, Stop};
use crate::text::node_form;
use crate::text::output::{self, Output, OutputArgs, style};
use crate::text::plain::escape;

/// Put a price on an HTTP service: a gateway before any upstream
///
/// Without a configuration file, one upstream has one price. With a file, each route has its own.
/// The sandbox is the node unless another is named: play money, and nothing to set up.
///
/// The goods and their prices are published for directories and agents at /openapi.json, /llms.txt,
/// /.well-known/l402-services and /.well-known/l402.json, for nothing; a file can switch each off.
///
/// A file that changes is read again, or at once at SIGHUP: routes, prices, limits, hosts and
/// certificates are taken over while it serves.
#[derive(Args, Debug)]
#[command(after_help = "\
Prices are written \"50 sat\", \"2500 msat\" or \"0.00000050 BTC\". A policy says
what one payment buys: request (one served answer), uses=10, or time=1h. The
hour begins when the invoice can no longer be paid, 10 minutes after the 402,
however early it is paid.

Examples:
  l402 serve --upstream http://127.0.0.1:3000 --price \"50 sat\" --name Jokes
  l402 serve --upstream http://127.0.0.1:3000 --price 500sat --policy time=1h
  l402 serve --print-config > l402.toml
  l402 serve --config l402.toml --check
  l402 serve --config l402.toml
  l402 serve --config l402.toml --upgrade")]
pub(crate) struct Serve {
    /// Read this configuration file (TOML)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["upstream", "price", "policy", "name"])]
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

    /// What buyers read: in their wallet, in `l402 get` and on pages [default: the upstream's address]
    #[arg(long, value_name = "NAME", requires = "upstream")]
    name: Option<String>,

    /// What one payment buys: request, uses=N or time=DURATION
    #[arg(long, default_value = "request")]
    policy: Policy,

    /// Listen here, a port alone for this machine only; may be repeated [default: 127.0.0.1:8402]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<ListenAddress>,

    /// So many worker threads; 0 means one a core
    #[arg(long, value_name = "N")]
    workers: Option<usize>,

    #[arg(long, value_name = "NODE", help = node_form::node_help())]
    node: Option<Node>,

    /// Sell also with a credential of the node that could spend: anybody who gets into this machine could
    /// empty the node
    #[arg(long)]
    danger_spending_node: bool,

    /// Check the configuration and the files that it names, and stop: binds nothing, asks nobody
    #[arg(long)]
    check: bool,

    /// Begin a new ledger, if the one there is new, older than it was, or another's: counted tokens
    /// that were sold before end
    #[arg(long, conflicts_with = "check")]
    new_ledger: bool,

    /// Take over from the gateway that runs on this home: it ends what is under way, and no connection is
    /// refused. If this one does not start, that one goes on
    #[arg(long, conflicts_with_all = ["check", "new_ledger"])]
    upgrade: bool,

    /// Print an annotated configuration file whose values are the defaults
    #[arg(long, conflicts_with_all = ["config", "upstream", "check", "new_ledger", "upgrade"])]
    print_config: bool,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// A configuration, with its file unless the command line says it all.
type Configuration = (Option<ConfigFile>, Config);

impl Serve {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        if self.print_config {
            // The same for people and machines: it is a file.
            std::io::Write::write_all(&mut std::io::stdout(), Config::EXAMPLE.as_bytes())
                .map_err(|error| CliError::local_io(format!("stdout: {error}")))?;
            return Ok(exit_code::OK);
        }
        let out = self.output.open();
        let (file, config) = match self.configuration() {
            Ok(configuration) => configuration?,
            Err(mistakes) if self.check => return report_mistakes(&mistakes, out),
            Err(mistakes) => return Err(seller::of_configuration(&mistakes)),
        };
        if self.check {
            let name = self.config.as_ref();
            let name = name.map_or("command line".into(), |path| path.display().to_string());
            let mistakes = config.check_files(&name, context.home.path());
            if !mistakes.is_empty() {
                return report_mistakes(&mistakes, out);
            }
            return report_sound(&config, out);
        }
        let config = if self.new_ledger {
            config.with_new_ledger()
        } else {
            config
        };
        // Before the start, so that a signal that comes meanwhile is not lost.
        let (stop_signal, hangup) = (Stop::listen()?, Hangup::listen()?);
        let file = file.map(Arc::new);
        let serving = seller::start(config.clone(), file.clone(), context, self.upgrade).await?;
        announce(&serving, &config, out, context)?;
        let follow = async {
            match &file {
                Some(file) => serving.follow(file, hangup, context).await,
                None => ignore(hangup).await,
            }
        };
        let mut stop_requested = pin!(stop_signal.requested_or(serving.stop_requested()));
        // Following never ends, and is dropped with the first request to stop.
        let is_handed_over = tokio::select! {
            () = &mut stop_requested => false,
            () = serving.handed_over() => true,
            () = follow => false,
        };
        if is_handed_over {
            out.tell(
                "another process has taken over: requests in flight end here (Ctrl-C, or SIGTERM, sets \
                 them the usual time)",
            );
            return serving.finish(stop_requested).await;
        }
        out.tell("stopping: requests in flight may end (Ctrl-C again stops at once)");
        let deadline = serving.gateway.shutdown_deadline();
        serving.stop(deadline).await
    }

    /// Reads the configuration, and returns it with its file if it has one. The outer error lists
    /// mistakes in the configuration, the inner one is of the command line.
    fn configuration(&self) -> Result<Result<Configuration, CliError>, Vec<ConfigError>> {
        let overrides = Overrides {
            listen: self.listen.iter().map(|address| address.0).collect(),
            workers: self.workers,
            node: self.node.clone(),
            danger_spending_node: self.danger_spending_node,
            name: self.name.clone(),
        };
        let configuration = match (&self.config, &self.upstream, self.price) {
            (Some(path), ..) => {
                let (file, config) = ConfigFile::open(path.clone(), overrides)?;
                (Some(file), config)
            }
            (None, Some(upstream), Some(price)) => {
                let config = Config::quick_with(upstream, price, self.policy, &overrides)?;
                (None, config)
            }
            _ => {
                return Ok(Err(CliError::usage("nothing to serve").with_hint(
                    "give --upstream URL and --price \"50 sat\", or --config FILE \
                     (--print-config writes one)",
                )));
            }
        };
        Ok(Ok(configuration))
    }
}

/// Says at each SIGHUP that there is no file to read again. Never ends.
async fn ignore(mut hangup: Hangup) {
    loop {
        hangup.next().await;
        tracing::warn!("SIGHUP changes nothing: there is no file to read again without --config");
    }
}

fn announce(
    serving: &Serving,
    config: &Config,
    out: Output,
    context: &Context,
) -> Result<(), CliError> {
    let addresses = serving.gateway.local_addrs().iter();
    let listening: Vec<String> = addresses.map(ToString::to_string).collect();
    let admin = serving.admin.as_ref().map(AdminServer::place);
    out.machine(&json!({
        "listening": listening,
        "admin": admin,
        "routes": describe(config),
        "publishes": config.published(),
    }))?;
    for address in &listening {
        out.tell(&format!(
            "listening on {}",
            style::paint(style::GOOD, address)
        ));
    }
    out.tell(table(config).trim_end());
    if let Some(admin) = admin {
        // Only its path: stderr may go to a log, and the token opens the dashboard.
        let token = context.home.path().join("admin.token");
        out.tell(&format!(
            "for operators: {admin} (its token is in {})",
            token.display()
        ));
    }
    out.tell("Ctrl-C ends it");
    Ok(())
}

/// Prints the result of `--check` for a sound configuration.
fn report_sound(config: &Config, out: Output) -> Result<ExitCode, CliError> {
    let listen: Vec<String> = config.listen().iter().map(ToString::to_string).collect();
    let value = json!({
        "ok": true,
        "errors": [],
        "listen": listen,
        "routes": describe(config),
        "publishes": config.published(),
    });
    out.result(&value, || format!("ok\n{}", table(config)))?;
    Ok(exit_code::OK)
}

/// Prints the result of `--check` for a configuration with mistakes.
fn report_mistakes(mistakes: &[ConfigError], out: Output) -> Result<ExitCode, CliError> {
    let errors: Vec<Value> = mistakes.iter().map(mistake).collect();
    // On stdout, for here the mistakes are the result that was asked for, and no failure.
    let value = json!({ "ok": false, "errors": errors });
    out.machine(&value)?;
    output::tell_error(&seller::of_configuration(mistakes));
    Ok(exit_code::CONFIGURATION)
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
        "free": true,
    });
    // A text for one, as it always was, and a list for several.
    let upstreams = match upstreams(config).as_slice() {
        [one] => ("upstream", json!(one)),
        several => ("upstreams", json!(several)),
    };
    if let Some(fields) = value.as_object_mut() {
        fields.insert(upstreams.0.to_owned(), upstreams.1);
    }
    if let (Access::Priced(priced), Some(fields)) = (&route.access, value.as_object_mut()) {
        fields.insert("free".to_owned(), json!(false));
        fields.insert("service".to_owned(), json!(priced.service.as_str()));
        fields.insert("name".to_owned(), json!(priced.memo));
        fields.insert("price_msat".to_owned(), json!(priced.price.msat()));
        fields.insert("policy".to_owned(), json!(priced.policy.to_string()));
    }
    value
}

fn upstreams(config: &RouteConfig) -> Vec<String> {
    config.upstreams().map(ToString::to_string).collect()
}

/// Returns the routes, for people.
fn table(config: &Config) -> String {
    let mut text = String::new();
    for entry in config.routes() {
        let (path, upstreams) = (&entry.route.path, upstreams(entry).join(", "));
        let price = match &entry.route.access {
            Access::Free => "free".to_owned(),
            Access::Priced(priced) => format!("{}, policy {}", priced.price, priced.policy),
        };
        let price = style::paint(style::TITLE, &price);
        let _ = writeln!(text, "  {path:<28} {price}  from {upstreams}");
    }
    let published = config.published();
    if !published.is_empty() {
        let _ = writeln!(text, "  says what it sells at {}", published.join(", "));
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
