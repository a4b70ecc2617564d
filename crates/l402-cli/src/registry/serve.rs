//! The registry itself: its configuration, and its course from the start to the end.

use std::future::pending;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use l402_host::named_path;
use l402_registry::{
    Own, PaidProber, RegistryConfig, RegistryServer, ServeError, ServeParts, run_paid_probes,
};
use serde_json::json;
use url::Url;

use super::bulk::{self, BulkExport};
use super::paid::{self, PaidProbes};
use crate::buyer::own_addresses;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;
use crate::note::Note;
use crate::outgoing;
use crate::port;
use crate::signal::Stop;
use crate::text::output::Output;

/// The time between two looks of the demo's registry at one service.
const DEMO_INTERVAL: Duration = Duration::from_secs(5);

/// The time between two purchases at one service.
const PAID_INTERVAL: Duration = Duration::from_secs(24 * 3600);

/// The flags of `l402 registry serve`, which win over the file.
#[derive(Debug, Default)]
pub(crate) struct ServeFlags {
    pub(crate) file: Option<PathBuf>,
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) public_url: Option<Url>,
}

/// A configuration that was read and checked whole.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: RegistryConfig,
    paid: Option<PaidProbes>,
    export: Option<BulkExport>,
}

/// Reads the configuration, without a file the default one, and applies the flags.
///
/// # Errors
/// Every mistake, with its key and the fix. Nothing is bound.
pub(crate) fn configuration(flags: &ServeFlags, context: &Context) -> Result<Settings, CliError> {
    let home = context.home.path();
    let (mut config, name) = match &flags.file {
        None => (RegistryConfig::of_home(home), "the flags".to_owned()),
        Some(file) => {
            let path = named_path(&PathBuf::new(), file);
            let name = path.display().to_string();
            let text = std::fs::read_to_string(&path)
                .map_err(|error| CliError::local_io(format!("{name} cannot be read: {error}")))?;
            let folder = path.parent().unwrap_or(home);
            let read = RegistryConfig::read(&text, &name, folder, home);
            (read.map_err(|all| mistaken(&all))?, name)
        }
    };
    // Before the check, which has to see the values that are used in the end.
    if !flags.listen.is_empty() {
        config.listen.clone_from(&flags.listen);
    }
    if let Some(url) = &flags.public_url {
        config.public_url = Some(url.clone());
    }
    config.check(&name).map_err(|all| mistaken(&all))?;
    let wrong = |text: String| mistake(&format!("{name}: {text}"));
    let paid = config.paid.as_ref().map(paid::read).transpose();
    let export = config.export.as_ref().map(bulk::read).transpose();
    Ok(Settings {
        paid: paid.map_err(wrong)?,
        export: export.map_err(wrong)?,
        config,
    })
}

/// Returns the settings of the registry beside the demo: on this machine alone, its database in a folder of
/// its own, so that a history outlives the demo, and each service looked at every few seconds.
pub(crate) fn of_demo(listen: SocketAddr, context: &Context) -> Settings {
    let folder = context.home.path().join("registry-demo");
    let mut config = RegistryConfig::of_home(context.home.path());
    config.listen = vec![listen];
    config.database = folder.join("registry.db");
    config.admin_token_file = folder.join("admin.token");
    config.probe.interval = DEMO_INTERVAL;
    Settings {
        config,
        paid: None,
        export: None,
    }
}

/// Says that a configuration is in order.
///
/// # Errors
/// If stdout cannot be written.
pub(crate) fn report_check(settings: &Settings, out: Output) -> Result<(), CliError> {
    let config = &settings.config;
    let listen: Vec<_> = config.listen.iter().map(ToString::to_string).collect();
    let value = json!({
        "ok": true,
        "listen": listen,
        "database": config.database,
        "loopback": config.is_loopback(),
        "paid_probes": settings.paid.is_some(),
        "priced_export": settings.export.is_some(),
    });
    out.result(&value, || {
        format!("in order; it would listen on {}\n", listen.join(", "))
    })
}

/// Runs a registry until Ctrl-C.
///
/// # Errors
/// If it cannot start. Nothing is served then.
pub(crate) async fn serve(
    settings: Settings,
    context: &Context,
    out: Output,
) -> Result<(), CliError> {
    let database = settings.config.database.clone();
    let token = settings.config.admin_token_file.clone();
    let running = start(settings, context).await?;
    // Before the address is printed: a script that has read it may send a signal at once.
    let stop = Stop::listen()?;
    let url = running.url().to_owned();
    let listening: Vec<_> = running
        .addresses()
        .iter()
        .map(ToString::to_string)
        .collect();
    out.machine(&json!({
        "listening": listening,
        "url": url,
        "database": database,
        "admin_token_file": token,
    }))?;
    out.tell(&format!("registry on {url}; Ctrl-C ends it"));
    running.run(stop.requested()).await;
    Ok(())
}

/// A registry whose ports are bound, and noted for the other programs of this home.
pub(crate) struct Running {
    server: RegistryServer,
    url: String,
    /// Buys what is listed.
    paid: Option<PaidProber>,
    bulk: Option<bulk::Sold>,
    _notes: Vec<Note>,
}

/// Opens the database, binds the ports, and puts wallet and priced export together.
///
/// # Errors
/// If a file, a port or a wallet cannot be used.
pub(crate) async fn start(settings: Settings, context: &Context) -> Result<Running, CliError> {
    let Settings {
        config,
        paid,
        export,
    } = settings;
    context.home.create()?;
    let config_of_paid = config.clone();
    let own = {
        let context = context.clone();
        Own(Arc::new(move || own_addresses(None, &context)))
    };
    let parts = ServeParts {
        clock: context.clock.clone(),
        own,
        more_roots: outgoing::more_roots()?,
    };
    let mut server = RegistryServer::bind(config, parts).await.map_err(failure)?;
    let mut notes = Vec::new();
    // Other commands of this home find the registry by its notes, and never ask its ports as strangers.
    for address in server.addresses() {
        notes.push(Note::write("registry", *address, context)?);
    }
    // Wallet and export need a registry that is bound: they stand behind its checks and write to its store.
    let bulk = match export {
        Some(export) => {
            let (sold, routes) = bulk::open(&export, server.registry(), context).await?;
            server = server.with_routes(routes);
            Some(sold)
        }
        None => None,
    };
    let paid = match paid {
        Some(paid) => Some(paid::prober(&paid, &config_of_paid, &server, context).await?),
        None => None,
    };
    let url = server.registry().options().public_url.to_string();
    Ok(Running {
        server,
        url,
        paid,
        bulk,
        _notes: notes,
    })
}

impl Running {
    /// Returns the address by which people reach it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the addresses that it listens on.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        self.server.addresses()
    }

    /// Serves and probes until `stop` ends.
    pub(crate) async fn run(self, stop: impl Future<Output = ()> + Send) {
        let buying = self.paid.map(|prober| {
            let registry = self.server.registry().clone();
            tokio::spawn(run_paid_probes(registry, prober, PAID_INTERVAL, pending()))
        });
        self.server.run(stop).await;
        if let Some(buying) = buying {
            // A purchase that is cut off is in the journal, and is looked up by the next one.
            buying.abort();
        }
        if let Some(bulk) = self.bulk {
            bulk.end().await;
        }
    }
}

/// Returns the error of a registry that did not start.
fn failure(error: ServeError) -> CliError {
    match error {
        ServeError::Config(all) => mistaken(&all),
        ServeError::Listen(address, error) => port::cannot_listen(address, &error, "--listen"),
        ServeError::File(error) => {
            let (exit, code) = exit_code::of_file(error.fault());
            CliError::new(exit, code, error.to_string())
        }
        other => CliError::new(exit_code::CONFIGURATION, "configuration", other.to_string()),
    }
}

fn mistaken(all: &[l402_registry::ConfigMistake]) -> CliError {
    let lines: Vec<String> = all.iter().map(ToString::to_string).collect();
    mistake(&lines.join("\n"))
}

fn mistake(text: &str) -> CliError {
    CliError::new(exit_code::CONFIGURATION, "configuration", text)
        .with_hint("`l402 registry serve --print-config` prints a file to begin with; docs/registry.md explains every key")
}
