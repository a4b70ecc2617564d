//! The selling side of the program: a gateway, and the node that it is paid by.

use std::time::Duration;

use l402::text::escape;
use l402_gateway::{Config, Gateway, Home};
use l402_lightning::{Lifecycle, Open, Receiver};

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};

/// A gateway that serves, and the node that it is paid by.
pub(crate) struct Serving {
    pub(crate) gateway: Gateway,
    node: Lifecycle,
}

/// Opens the node, then starts the gateway on threads of its own.
pub(crate) async fn start(config: Config, context: &Context) -> Result<Serving, CliError> {
    let home = Home::at(context.home.create()?);
    let home = home.map_err(|error| CliError::local_io(error.to_string()))?;
    let clock = context.clock.clone();
    let open = Open::new(home.path(), clock.clone())
        .with_danger_spending_macaroon(config.danger_spending_macaroon());
    // The node first: nothing may listen before an invoice can be made.
    let opened = config.node().receiver(open).await;
    let Receiver {
        receive, lifecycle, ..
    } = opened.map_err(|error| cannot_start(&format!("cannot use {}: {error}", config.node())))?;
    let start = move || Gateway::start(config, &home, clock, receive);
    // The gateway opens files and binds, which would block a thread of the runtime.
    let started = tokio::task::spawn_blocking(start).await;
    match started.map_err(CliError::internal)? {
        Ok(gateway) => Ok(Serving {
            gateway,
            node: lifecycle,
        }),
        Err(error) => {
            // A node that runs inside this program must not outlive a gateway that never ran.
            lifecycle.shutdown().await;
            Err(cannot_start(&error.to_string()))
        }
    }
}

fn cannot_start(text: &str) -> CliError {
    CliError::new(exit_code::UNAVAILABLE, "cannot_start", escape(text))
}

impl Serving {
    /// Stops the gateway and then the node. Requests in flight have until `deadline` to end.
    pub(crate) async fn stop(self, deadline: Duration) -> Result<ExitCode, CliError> {
        // The gateway first, for its last requests may still ask the node about their invoices.
        let gateway = self.gateway;
        let stopped = tokio::task::spawn_blocking(move || gateway.shutdown(deadline));
        stopped.await.map_err(CliError::internal)?;
        self.node.shutdown().await;
        Ok(exit_code::OK)
    }
}
