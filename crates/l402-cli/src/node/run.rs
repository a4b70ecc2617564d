//! The node, run for all programs of this home.

use std::time::Duration;

use l402_lightning::ldk::{self, RunningNode};
use serde_json::json;

use super::reach::{failed, here};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::signal::Stop;
use crate::text::output::Output;

/// The pause between two looks at how far the chain is read.
const LOOK: Duration = Duration::from_secs(2);

/// Runs the node until it is asked to stop.
pub(crate) async fn run(context: &Context, out: Output) -> Result<ExitCode, CliError> {
    // Before the start, so that only a reading of the chain by this run counts.
    let begun = context.clock.wall().secs();
    // Before the start, so that a signal that comes meanwhile is not lost.
    let stop = Stop::listen()?;
    let node = ldk::serve(here(context)?);
    let node = node.await.map_err(|error| failed(&error))?;
    out.machine(&json!({
        "node_id": node.node_id(),
        "receive_socket": node.receive_socket().display().to_string(),
        "pay_socket": node.pay_socket().display().to_string(),
    }))?;
    out.tell(&format!(
        "node {} runs for this home: sell with --node ldk, buy with --wallet ldk; Ctrl-C ends it",
        node.node_id()
    ));
    let watched = async {
        watch(&node, begun, out).await;
        core::future::pending::<()>().await;
    };
    tokio::select! {
        () = stop.requested() => {}
        () = watched => {}
    }
    out.tell("stopping the node (Ctrl-C again stops at once)");
    node.stop().await;
    Ok(exit_code::OK)
}

/// Tells when the chain has been read for the first time since the start.
async fn watch(node: &RunningNode, begun: u64, out: Output) {
    let operator = node.operator();
    while let Ok(status) = operator.status().await {
        if status.synced.is_some_and(|synced| synced >= begun) {
            out.tell(&format!("the chain is read, up to block {}", status.height));
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}
