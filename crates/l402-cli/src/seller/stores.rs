//! The stores of a gateway, for commands beside it.

use std::path::PathBuf;

use clap::Args;
use l402_gateway::{Config, Home, Stores};
use l402_server::books::{Books, BooksError};
use l402_server::ledger::LedgerError;
use l402_server::ledger::register::Register;

use super::failure;
use crate::context::Context;
use crate::error::CliError;

/// `--config`, for every command that works on what a gateway keeps.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct StoreArgs {
    /// Read the gateway's configuration file (TOML), to find its ledger [default: the home folder's]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

impl StoreArgs {
    /// Returns the stores, and the configuration that names them.
    ///
    /// # Errors
    /// If the file has mistakes, or if there is no home folder, which is not made here.
    pub(crate) fn open(&self, context: &Context) -> Result<(Stores, Config), CliError> {
        let config = match &self.config {
            Some(path) => {
                Config::from_file(path).map_err(|mistakes| failure::of_configuration(&mistakes))?
            }
            None => Config::default(),
        };
        let folder = context.home.path();
        if !folder.is_dir() {
            let text = format!("there is no folder {}", folder.display());
            return Err(CliError::local_io(text)
                .with_hint("name the gateway's: --home DIR, or the variable L402_HOME"));
        }
        let home = Home::at(folder).map_err(|error| CliError::local_io(error.to_string()))?;
        Ok((Stores::of(&config, &home), config))
    }

    /// Does something with the register of the ledger, on a thread that may block.
    ///
    /// # Errors
    /// As [`StoreArgs::open`], and if the ledger cannot be used.
    pub(crate) async fn with_register<T: Send + 'static>(
        &self,
        context: &Context,
        work: impl FnOnce(&dyn Register) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, CliError> {
        let (stores, _) = self.open(context)?;
        let done = tokio::task::spawn_blocking(move || stores.with_register(work));
        let done = done.await.map_err(CliError::internal)?;
        done.map_err(|error| failure::of_gateway(&error, &[]))
    }

    /// Does something with the books, on a thread that may block.
    ///
    /// # Errors
    /// As [`StoreArgs::open`], and if the books cannot be used.
    pub(crate) async fn with_books<T: Send + 'static>(
        &self,
        context: &Context,
        work: impl FnOnce(&dyn Books) -> Result<T, BooksError> + Send + 'static,
    ) -> Result<T, CliError> {
        let (stores, _) = self.open(context)?;
        let done = tokio::task::spawn_blocking(move || stores.with_books(work));
        let done = done.await.map_err(CliError::internal)?;
        done.map_err(|error| failure::of_gateway(&error, &[]))
    }
}
