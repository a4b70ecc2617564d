//! `l402 serve`: a gateway with prices before an HTTP service.

use core::pin::pin;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use l402::{Msat, Policy};
use l402_gateway::{AdminServer, Config, ConfigError, Overrides, QuickConfig};
use l402_host::ListenAddress;
use l402_lightning::Node;
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::seller::{self, ConfigFile, Depth, Domains, OwnPrice, Serving};
use crate::signal::{Hangup, Stop};
use crate::text::node_form;
use crate::text::output::{self, Output, OutputArgs, style};

/// Put a price on an HTTP service: a gateway before any upstream
///
/// Without a configuration file, everything behind one upstream has one price: what --free names costs
/// nothing, and what --also names has a price of its own. With a file, each route has its own. The
/// sandbox is the node unless another is named: play money, and nothing to set up.
///
/// With --domain it has HTTPS by itself: the certificates come from Let's Encrypt, by ACME, and are
/// renewed. The names must lead to this machine, whose port 443 must be open.
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
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = [
            "upstream", "price", "policy", "name", "memo", "free", "also", "domains", "acme_agree",
        ]
    )]
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

    /// What payers read in their wallet [default: the name]
    #[arg(long, value_name = "TEXT", requires = "upstream")]
    memo: Option<String>,

    /// Take nothing for this path, such as /favicon.ico; may be repeated
    #[arg(long, value_name = "PATH", requires = "upstream")]
    free: Vec<String>,

    /// Take this price for this path, such as "/video/{*rest}=900 sat"; may be repeated
    #[arg(long, value_name = "PATH=PRICE", requires = "upstream")]
    also: Vec<OwnPrice>,

    /// What one payment buys: request, uses=N or time=DURATION
    #[arg(long, default_value = "request")]
    policy: Policy,

    /// Listen here, a port alone for this machine only; may be repeated [default: 127.0.0.1:8402; with
    /// --domain 0.0.0.0:443, and 0.0.0.0:80 leads there]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<ListenAddress>,

    /// Serve HTTPS for this name, such as api.example, with a certificate of Let's Encrypt; may be repeated
    #[arg(long = "domain", value_name = "NAME", requires = "upstream")]
    domains: Vec<String>,

    /// Agree to the terms of Let's Encrypt; a terminal asks once
    #[arg(long, requires = "domains")]
    acme_agree: bool,

    /// So many worker threads; 0 means one a core
    #[arg(long, value_name = "N")]
    workers: Option<usize>,

    #[arg(long, value_name = "NODE", help = node_form::node_help())]
    node: Option<Node>,

    /// Sell also with a credential of the node that could spend: anybody who gets into this machine could
    /// empty the node
    #[arg(long)]
    danger_spending_node: bool,

    /// Check the configuration and the files that it names, and stop: binds nothing, asks nobody. With
    /// =deep, also connect to the upstreams, and ask the node for its network, an invoice and its
    /// liquidity
    #[arg(
        long,
        value_name = "DEPTH",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "files"
    )]
    check: Option<Depth>,

    /// Begin a new ledger, if the one there is new, older than it was, or another's: counted tokens
    /// that were sold before end
    #[arg(long, conflicts_with = "check")]
    new_ledger: bool,

    /// Take over from the gateway that runs on this home: it ends what is under way, and no connection is
    /// refused. If this one does not start, that one goes on
    #[arg(long, conflicts_with_all = ["check", "new_ledger"])]
    upgrade: bool,

    /// Print a configuration file: with --upstream, the one that means what the flags mean; else an
    /// annotated one whose values are the defaults
    #[arg(long, conflicts_with_all = ["config", "check", "new_ledger", "upgrade"])]
    print_config: bool,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// A configuration, with its file unless the command line says it all.
type Configuration = (Option<ConfigFile>, Config);

impl Serve {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let out = self.output.open();
        let domains = Domains::new(&self.domains, self.acme_agree, context);
        if self.print_config {
            return self.print_config(&domains);
        }
        // A start asks for it below, once the rest is sound. A check asks nobody.
        let agreed = self.check.is_none() || domains.has_agreed();
        let (file, config) = match self.configuration(agreed) {
            Ok(configuration) => configuration?,
            Err(mistakes) if self.check.is_some() => {
                return seller::report_mistakes(&mistakes, out);
            }
            Err(mistakes) => return Err(seller::of_configuration(&mistakes)),
        };
        if let Some(depth) = self.check {
            let name = self.config.as_ref().map(|path| path.display().to_string());
            return seller::check(&config, name.as_deref(), depth, out, context).await;
        }
        domains.agree(out).await?;
        let config = if self.new_ledger {
            config.with_new_ledger()
        } else {
            config
        };
        self.sell(file, config, out, context).await
    }

    /// Starts the gateway, and serves until somebody asks for the end, or another process takes over.
    async fn sell(
        &self,
        file: Option<ConfigFile>,
        config: Config,
        out: Output,
        context: &Context,
    ) -> Result<ExitCode, CliError> {
        // Before the start, so that a signal that comes meanwhile is not lost.
        let (stop_signal, hangup) = (Stop::listen()?, Hangup::listen()?);
        let file = file.map(Arc::new);
        let serving = seller::start(config.clone(), file.clone(), context, self.upgrade).await?;
        self.announce(&serving, &config, out, context)?;
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

    /// Prints a file, the same for people and machines.
    fn print_config(&self, domains: &Domains<'_>) -> Result<ExitCode, CliError> {
        let text = match self.quick(true) {
            None => Config::EXAMPLE.to_owned(),
            Some(mut quick) => {
                let sound = quick.config();
                sound.map_err(|mistakes| seller::of_configuration(&mistakes))?;
                quick.agree = domains.has_agreed();
                quick.file()
            }
        };
        output::print(&text)?;
        Ok(exit_code::OK)
    }

    /// Returns true if stdout is for a file alone.
    pub(crate) fn prints_a_file(&self) -> bool {
        self.print_config
    }

    /// Reads the configuration, and returns it with its file if it has one. The outer error lists
    /// mistakes in the configuration, the inner one is of the command line.
    fn configuration(
        &self,
        agreed: bool,
    ) -> Result<Result<Configuration, CliError>, Vec<ConfigError>> {
        if let Some(path) = &self.config {
            let (file, config) = ConfigFile::open(path.clone(), self.overrides())?;
            return Ok(Ok((Some(file), config)));
        }
        match self.quick(agreed) {
            Some(quick) => Ok(Ok((None, quick.config()?))),
            None => Ok(Err(CliError::usage("nothing to serve").with_hint(
                "give --upstream http://127.0.0.1:3000 and --price \"50 sat\", or --config FILE \
                 (--print-config writes one)",
            ))),
        }
    }

    /// Returns the settings of the command line, if they say all of it.
    fn quick(&self, agreed: bool) -> Option<QuickConfig> {
        let also = self.also.iter();
        Some(QuickConfig {
            policy: self.policy,
            memo: self.memo.clone(),
            free: self.free.clone(),
            also: also.map(|own| (own.path.clone(), own.price)).collect(),
            domains: self.domains.clone(),
            agree: agreed,
            overrides: self.overrides(),
            ..QuickConfig::new(self.upstream.as_ref()?, self.price?)
        })
    }

    fn overrides(&self) -> Overrides {
        Overrides {
            listen: self.listen.iter().map(|address| address.0).collect(),
            workers: self.workers,
            node: self.node.clone(),
            danger_spending_node: self.danger_spending_node,
            name: self.name.clone(),
        }
    }

    /// Says where the gateway listens, and what it sells.
    fn announce(
        &self,
        serving: &Serving,
        config: &Config,
        out: Output,
        context: &Context,
    ) -> Result<(), CliError> {
        let addresses = serving.gateway.local_addrs().iter();
        let listening: Vec<String> = addresses.map(ToString::to_string).collect();
        let redirect = serving.gateway.redirect_addr();
        let admin = serving.admin.as_ref().map(AdminServer::place);
        out.machine(&json!({
            "listening": listening,
            "redirects_from": redirect,
            "admin": admin,
            "routes": seller::describe(config),
            "publishes": config.published(),
        }))?;
        for address in &listening {
            out.tell(&format!(
                "listening on {}",
                style::paint(style::GOOD, address)
            ));
        }
        if let Some(redirect) = redirect {
            out.tell(&format!("plain HTTP on {redirect} leads to HTTPS"));
        }
        for domain in &self.domains {
            let url = style::paint(style::GOOD, &format!("https://{domain}/"));
            out.tell(&format!("for buyers: {url}"));
        }
        out.tell(seller::table(config).trim_end());
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
}

/// Says at each SIGHUP that there is no file to read again. Never ends.
async fn ignore(mut hangup: Hangup) {
    loop {
        hangup.next().await;
        tracing::warn!("SIGHUP changes nothing: there is no file to read again without --config");
    }
}
