//! Import, export and backup of a registry's database on this machine, also while the registry runs.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use l402_host::named_path;
use l402_registry::{
    DeskError, ExportFormat, Fetcher, Imported, Reachable, Registry, RegistryOptions, SqliteStore,
};
use serde_json::json;

use super::serve::{ServeFlags, configuration};
use crate::context::Context;
use crate::error::CliError;
use crate::text::output::Output;
use crate::text::plain::escape_short;

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExportForm {
    /// The services as the API shows them.
    Json,
    /// A table.
    Csv,
    /// A feed of the newest listings.
    Atom,
}

/// Takes over the listings of a file, or of stdin if it is called `-`.
///
/// # Errors
/// If file or database cannot be used.
pub(crate) async fn import(
    file: &Path,
    config: Option<&Path>,
    context: &Context,
    out: Output,
) -> Result<(), CliError> {
    let from: Box<dyn Read + Send> = if file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        let path = named_path(Path::new(""), file);
        let opened = File::open(&path).map_err(|error| {
            CliError::local_io(format!("{} cannot be read: {error}", path.display()))
        })?;
        Box::new(opened)
    };
    let registry = open(config, true, context)?;
    let imported = registry.import(from).await.map_err(|error| match error {
        // The words of the reader of JSON, which has no name for what it reads.
        DeskError::BadInput { text, .. } => {
            let why = escape_short(&text, 300);
            let text = format!("{} is no list of services: {why}", file.display());
            CliError::local_io(text).with_hint(
                "it takes the JSON of 402index's or satring's API, or of `l402 registry export`",
            )
        }
        error => failed(error),
    })?;
    report(&imported, out)
}

fn report(imported: &Imported, out: Output) -> Result<(), CliError> {
    let value = json!({
        "read": imported.read,
        "new": imported.new,
        "known": imported.known,
        "skipped": imported.skipped,
        "reasons": imported.reasons,
        "fault": imported.fault,
    });
    out.result(&value, || {
        let mut text = format!(
            "{} read: {} new, {} known, {} left out\n",
            imported.read, imported.new, imported.known, imported.skipped
        );
        for (reason, count) in &imported.reasons {
            text += &format!("  {count} left out: {}\n", escape_short(reason, 200));
        }
        text
    })?;
    // After the report: what was read before the fault is listed, and counts.
    match &imported.fault {
        Some(fault) => {
            let text = format!(
                "the file could not be read to its end: {}",
                escape_short(fault, 300)
            );
            Err(CliError::local_io(text).with_hint("what was read before is listed"))
        }
        None => Ok(()),
    }
}

/// Writes all listings that are shown to stdout.
///
/// # Errors
/// If the database cannot be read, or stdout cannot be written.
pub(crate) async fn export(
    form: ExportForm,
    config: Option<&Path>,
    context: &Context,
) -> Result<(), CliError> {
    let registry = open(config, false, context)?;
    let mut out = io::stdout().lock();
    let mut write = |bytes: &[u8]| {
        out.write_all(bytes)
            .and_then(|()| out.flush())
            .map_err(|error| CliError::local_io(format!("stdout cannot be written: {error}")))
    };
    let format = match form {
        ExportForm::Json => ExportFormat::Json,
        ExportForm::Csv => ExportFormat::Csv,
        ExportForm::Atom => {
            let feed = registry.feed().await.map_err(failed)?;
            return write(feed.as_bytes());
        }
    };
    // Written part by part, so that a large list need not fit into memory.
    let mut export = registry.export(format);
    while let Some(bytes) = export.next().await.map_err(failed)? {
        write(&bytes)?;
    }
    Ok(())
}

/// Writes a copy of the database to a new file.
///
/// # Errors
/// If the file is there already, or one of the two cannot be used.
pub(crate) async fn backup(
    file: &Path,
    config: Option<&Path>,
    context: &Context,
    out: Output,
) -> Result<(), CliError> {
    let file = named_path(Path::new(""), file);
    if file.exists() {
        let text = format!("{} exists; it is left as it is", file.display());
        return Err(CliError::local_io(text).with_hint("name a new file"));
    }
    let registry = open(config, false, context)?;
    let copied = registry.store().backup(&file).await;
    copied.map_err(|error| failed(error.into()))?;
    let value = json!({ "backup": file });
    out.result(&value, || format!("written: {}\n", file.display()))
}

/// Opens the registry whose database a configuration names. It asks nobody anything. Only an import may make
/// the database.
fn open(config: Option<&Path>, may_make: bool, context: &Context) -> Result<Registry, CliError> {
    let flags = ServeFlags {
        file: config.map(Path::to_owned),
        ..ServeFlags::default()
    };
    let config = configuration(&flags, context)?.config;
    let database = &config.database;
    // Opening would make an empty database, and its export or backup would look like a success.
    if !database.exists() && !may_make {
        let text = format!("there is no database at {}", database.display());
        return Err(CliError::local_io(text)
            .with_hint("`l402 registry serve` makes it; --config names another"));
    }
    if let Some(folder) = database.parent().filter(|folder| !folder.is_dir()) {
        context.home.create()?;
        l402_host::private::create_folder(folder)
            .map_err(|error| CliError::local_io(error.to_string()))?;
    }
    let store = SqliteStore::open(database)
        .map_err(|error| CliError::local_io(format!("the registry's database: {error}")))?;
    let first = config.listen.first().map(ToString::to_string);
    let usual = format!("http://{}/", first.unwrap_or_default());
    let public_url = match &config.public_url {
        Some(url) => url.clone(),
        None => usual.parse().map_err(CliError::internal)?,
    };
    let options = RegistryOptions {
        public_url,
        submissions_per_hour: config.limits.submissions_per_hour,
        probe_interval: config.probe.interval,
        owner_interval: std::time::Duration::from_secs(7 * 24 * 3600),
    };
    let fetcher = Fetcher::new(Reachable::default());
    let clock = context.clock.clone();
    Ok(Registry::new(Arc::new(store), fetcher, clock, options))
}

fn failed(error: DeskError) -> CliError {
    match error {
        DeskError::Internal(text) => CliError::local_io(format!(
            "the registry's database: {}",
            escape_short(&text, 300)
        )),
        other => CliError::local_io(escape_short(&other.to_string(), 300)),
    }
}
