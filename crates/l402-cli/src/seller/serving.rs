//! A gateway on its own threads, and the node that it is paid by: starting and stopping both.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use l402_gateway::{AdminListener, AdminServer, Config, Gateway, GatewayError, Home, Upgrade};
use l402_host::Clock;
use l402_lightning::{Lifecycle, Node, Open, Receive, Receiver};

use super::admin_note::AdminNote;
use super::program::ServingProgram;
use super::{ConfigFile, failure};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::signal::Hangup;

/// A gateway that serves, and the node that it is paid by.
pub(crate) struct Serving {
    pub(crate) gateway: Arc<Gateway>,
    /// `None` if nothing listens for operators.
    pub(crate) admin: Option<AdminServer>,
    program: Arc<ServingProgram>,
    node: Lifecycle,
    _note: Option<AdminNote>,
}

/// The reason why a process that holds its node hands nothing over.
const HOLDS_NODE: &str = "the running gateway holds its node (ldk) in its own process, and a node cannot run twice: \
     stop that gateway, start `l402 node run`, and then the gateway; upgrades work from then on";

/// Opens the node, then starts the gateway on threads of its own, and the listener for operators if the
/// configuration has one. `file` is where the configuration came from. With `upgrades` it takes over the
/// sockets of the gateway that runs, which ends.
pub(crate) async fn start(
    config: Config,
    file: Option<Arc<ConfigFile>>,
    context: &Context,
    upgrades: bool,
) -> Result<Serving, CliError> {
    let home = Home::at(context.home.create()?);
    let home = home.map_err(|error| CliError::local_io(error.to_string()))?;
    let upgrade = match upgrades {
        // Before the node, which may be one that runs already.
        true => Some(find(&config, &home).await?),
        false => None,
    };
    let clock = context.clock.clone();
    let open = Open::new(home.path(), clock.clone())
        .with_danger_spending_node(config.danger_spending_node());
    // The node first: nothing may listen before an invoice can be made.
    let opened = config.node().receiver(open).await;
    let opened = opened.map_err(|error| failure::of_node(config.node(), &error, context))?;
    let Receiver {
        receive, lifecycle, ..
    } = opened;
    let is_ldk = matches!(config.node().resolve(home.path()).as_deref(), Ok(Node::Ldk));
    if is_ldk {
        warn_of_keys();
    }
    let listen = config.listen().to_vec();
    let refused = (is_ldk && lifecycle.runs_here()).then(|| HOLDS_NODE.to_owned());
    let program = Arc::new(ServingProgram::new(file));
    let start = Start {
        config,
        home,
        clock,
        receive,
        upgrade,
        program: Arc::clone(&program),
        refused,
    };
    // The gateway opens files and binds, which would block a thread of the runtime.
    let started = tokio::task::spawn_blocking(move || start.run()).await;
    match started.map_err(CliError::internal)? {
        Ok((admin, gateway, note)) => {
            // In the background: an upstream that starts later must not hold up the start.
            gateway.check_upstreams();
            Ok(Serving {
                gateway,
                admin,
                program,
                node: lifecycle,
                _note: note,
            })
        }
        Err(error) => {
            // A node that runs inside this program must not outlive a gateway that never ran.
            lifecycle.shutdown().await;
            Err(explained(error, listen).await)
        }
    }
}

/// Warns of a node that holds keys by nature. So does the sandbox, which says itself that it is no money.
fn warn_of_keys() {
    tracing::warn!(
        "the node runs in this program and holds its keys: anybody who gets into this machine can \
         spend what it holds"
    );
}

/// Explains why a gateway did not start. That may ask which program has a port, and wait for the answer.
async fn explained(error: GatewayError, listen: Vec<SocketAddr>) -> CliError {
    let failed = move || failure::of_gateway(&error, &listen);
    let told = tokio::task::spawn_blocking(failed).await;
    told.unwrap_or_else(CliError::internal)
}

/// The parts of a start that work on a thread that may block.
struct Start {
    config: Config,
    home: Home,
    clock: Arc<dyn Clock>,
    receive: Arc<dyn Receive>,
    upgrade: Option<Upgrade>,
    program: Arc<ServingProgram>,
    /// Told to a process that wants the sockets, in place of them.
    refused: Option<String>,
}

type Started = (Option<AdminServer>, Arc<Gateway>, Option<AdminNote>);

impl Start {
    fn run(self) -> Result<Started, GatewayError> {
        let (config, home, clock, upgrade) = (self.config, self.home, self.clock, self.upgrade);
        let is_first = upgrade.is_none();
        // Bound first: a port that is taken must not show after the first sale.
        let mut admin = match is_first {
            true => AdminListener::bind(&config, &home, clock.clone())?,
            false => None,
        };
        let receive = self.receive;
        let gateway = Gateway::start_with(config.clone(), &home, clock.clone(), receive, upgrade)?;
        let gateway = Arc::new(gateway);
        if !is_first {
            admin = AdminListener::take_over(&config, &home, clock, &gateway)?;
        }
        let admin = admin.map(|admin| admin.serve(Arc::clone(&gateway), self.program));
        let admin = admin.transpose()?;
        // Before the process that runs ends, which leaves a note of another alone.
        let note = admin.as_ref().and_then(|admin| note(admin, &home));
        gateway.take_over();
        if let Some(admin) = admin.as_ref().filter(|_| !is_first) {
            admin.take_over();
        }
        gateway.wait_for_upgrade(&home, self.refused);
        Ok((admin, gateway, note))
    }
}

/// Notes where operators are listened to. Without the note the gateway serves all the same.
fn note(admin: &AdminServer, home: &Home) -> Option<AdminNote> {
    match AdminNote::write(admin, home.path()) {
        Ok(note) => Some(note),
        Err(error) => {
            tracing::warn!(%error, "`l402 admin` needs --address: the listener cannot be noted");
            None
        }
    }
}

/// Finds the running gateway of the home.
async fn find(config: &Config, home: &Home) -> Result<Upgrade, CliError> {
    let (config, home) = (config.clone(), home.clone());
    let found = tokio::task::spawn_blocking(move || Upgrade::find(&config, &home)).await;
    let found = found.map_err(CliError::internal)?;
    found.map_err(|error| failure::of_gateway(&error, &[]))
}

impl Serving {
    /// Waits until another process has taken the sockets over.
    pub(crate) async fn handed_over(&self) {
        self.gateway.handed_over().await;
    }

    /// Waits until what was under way at a hand-over has ended, then stops the node. Once `stop` is there,
    /// it has the time that a stop gives.
    pub(crate) async fn finish(
        mut self,
        stop: impl Future<Output = ()>,
    ) -> Result<ExitCode, CliError> {
        // Operators are the next process's from now on.
        let admin = self.admin.take();
        let dropped = tokio::task::spawn_blocking(move || drop(admin));
        dropped.await.map_err(CliError::internal)?;
        let gateway = Arc::clone(&self.gateway);
        let finished = tokio::task::spawn_blocking(move || gateway.finish());
        tokio::select! {
            finished = finished => finished.map_err(CliError::internal)?,
            () = stop => {}
        }
        // Of a gateway that has finished, this ends at once.
        let deadline = self.gateway.shutdown_deadline();
        self.stop(deadline).await
    }

    /// Reloads the file of the gateway whenever it changes or SIGHUP arrives. Never returns.
    pub(crate) async fn follow(&self, file: &ConfigFile, hangup: Hangup, context: &Context) {
        let admin = self.admin.as_ref();
        file.follow(&self.gateway, admin, hangup, &*context.clock)
            .await;
    }

    /// Returns what ends when an operator asks for the end.
    pub(crate) fn stop_requested(&self) -> impl Future<Output = ()> + use<> {
        let program = Arc::clone(&self.program);
        async move { program.stop_requested().await }
    }

    /// Stops the gateway and then the node. Requests in flight may take so long to end.
    pub(crate) async fn stop(self, deadline: Duration) -> Result<ExitCode, CliError> {
        // The gateway first, for its last requests may still ask the node about their invoices.
        let (gateway, admin) = (self.gateway, self.admin);
        let stopped = tokio::task::spawn_blocking(move || {
            gateway.shutdown(deadline);
            // Until then it says that nothing more is taken.
            drop(admin);
        });
        stopped.await.map_err(CliError::internal)?;
        self.node.shutdown().await;
        Ok(exit_code::OK)
    }
}
