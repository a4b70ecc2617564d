//! A gateway on its own threads, and the node that it is paid by: starting and stopping both.

use std::time::Duration;

use l402_gateway::{Config, Gateway, Home};
use l402_lightning::{Lifecycle, Node, Open, Receiver};

use super::{ConfigFile, failure};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::signal::Hangup;

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
        .with_danger_spending_node(config.danger_spending_node());
    // The node first: nothing may listen before an invoice can be made.
    let opened = config.node().receiver(open).await;
    let opened = opened.map_err(|error| failure::of_node(config.node(), &error, context))?;
    let Receiver {
        receive, lifecycle, ..
    } = opened;
    if matches!(config.node().resolve(home.path()).as_deref(), Ok(Node::Ldk)) {
        // It holds keys by nature, and so does the sandbox, which says itself that it is no money.
        tracing::warn!(
            "the node runs in this program and holds its keys: anybody who gets into this machine can \
             spend what it holds"
        );
    }
    let listen = config.listen().to_vec();
    let start = move || Gateway::start(config, &home, clock, receive);
    // The gateway opens files and binds, which would block a thread of the runtime.
    let started = tokio::task::spawn_blocking(start).await;
    match started.map_err(CliError::internal)? {
        Ok(gateway) => {
            // In the background: an upstream that starts later must not hold up the start.
            gateway.check_upstreams();
            Ok(Serving {
                gateway,
                node: lifecycle,
            })
        }
        Err(error) => {
            // A node that runs inside this program must not outlive a gateway that never ran.
            lifecycle.shutdown().await;
            // It asks who has a port, and waits for the answer.
            let failed = move || failure::of_gateway(&error, &listen);
            let told = tokio::task::spawn_blocking(failed).await;
            Err(told.map_err(CliError::internal)?)
        }
    }
}

impl Serving {
    /// Reloads the file of the gateway whenever it changes or SIGHUP arrives. Never returns.
    pub(crate) async fn follow(&self, file: ConfigFile, hangup: Hangup, context: &Context) {
        file.follow(&self.gateway, hangup, &*context.clock).await;
    }

    /// Stops the gateway and then the node. Requests in flight may take so long to end.
    pub(crate) async fn stop(self, deadline: Duration) -> Result<ExitCode, CliError> {
        // The gateway first, for its last requests may still ask the node about their invoices.
        let gateway = self.gateway;
        let stopped = tokio::task::spawn_blocking(move || gateway.shutdown(deadline));
        stopped.await.map_err(CliError::internal)?;
        self.node.shutdown().await;
        Ok(exit_code::OK)
    }
}
