//! A copy of the node's files.

use std::path::Path;

use l402_lightning::Open;
use l402_lightning::ldk::{self, NodeOperator};
use serde_json::json;

use super::reach::failed;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::output::Output;

/// Copies the node's files into a new folder.
pub(crate) async fn backup(
    to: &Path,
    context: &Context,
    out: Output,
) -> Result<ExitCode, CliError> {
    let home = context.home.create()?.to_owned();
    let peers = peers(Open::new(&home, context.clock.clone())).await;
    let (to, has_peers) = (to.to_owned(), peers.is_some());
    let copied = tokio::task::spawn_blocking(move || ldk::backup(&home, &to, peers.as_deref()));
    let copied = copied.await.map_err(CliError::internal)?;
    let copied = copied.map_err(|error| failed(&error))?;
    let files: Vec<_> = copied
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    out.tell(
        "never run a node from this copy once the node was used again: it would lose its channels",
    );
    if !has_peers {
        out.tell(
            "the peers are not in it, for the node does not run: start `l402 node run` for that",
        );
    }
    out.result(&json!({ "files": files }), || files.join("\n") + "\n")?;
    Ok(exit_code::OK)
}

/// Returns the node's peers as JSON, if it runs.
async fn peers(open: Open) -> Option<String> {
    let node = NodeOperator::running(open).await.ok()??;
    let status = node.status().await.ok()?;
    serde_json::to_string_pretty(&status).ok()
}
