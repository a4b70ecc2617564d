//! A gateway on its own threads, started and stopped from async code.

use std::time::Duration;

use l402::text::escape;
use l402_gateway::{Config, Gateway, Home};

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};

/// Starts the gateway on its own threads; blocks none of ours.
pub(crate) async fn start(config: Config, context: &Context) -> Result<Gateway, CliError> {
    let path = context.home.create()?.to_owned();
    let clock = context.clock.clone();
    let started = tokio::task::spawn_blocking(move || {
        let home = Home::at(&path).map_err(|error| CliError::local_io(error.to_string()))?;
        Gateway::start(config, &home, clock).map_err(|error| {
            CliError::new(
                exit_code::UNAVAILABLE,
                "cannot_start",
                escape(&error.to_string()),
            )
        })
    });
    started.await.map_err(CliError::internal)?
}

/// Stops the gateway. Requests in flight may take so long to end.
pub(crate) async fn stop(gateway: Gateway, deadline: Duration) -> Result<ExitCode, CliError> {
    let stopped = tokio::task::spawn_blocking(move || gateway.shutdown(deadline));
    stopped.await.map_err(CliError::internal)?;
    Ok(exit_code::OK)
}
