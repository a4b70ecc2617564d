//! The node that answers a command: the one that runs, or one that is started for it.

use std::time::Duration;

use l402::text::escape;
use l402_lightning::ldk::NodeOperator;
use l402_lightning::{Error, ErrorKind, Open};

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;
use crate::text::output::Output;

/// The time after which a person is told what takes so long.
const QUIET: Duration = Duration::from_millis(500);

/// Returns the settings with which the node of this home is opened.
pub(super) fn here(context: &Context) -> Result<Open, CliError> {
    Ok(Open::new(context.home.create()?, context.clock.clone()))
}

/// Finds the node that runs, or starts it.
pub(super) async fn operator(context: &Context, out: Output) -> Result<NodeOperator, CliError> {
    let opening = NodeOperator::open(here(context)?);
    tokio::pin!(opening);
    let opened = match tokio::time::timeout(QUIET, &mut opening).await {
        Ok(opened) => opened,
        Err(_) => {
            out.tell("starting the node: it reads the chain and reaches its peers ...");
            opening.await
        }
    };
    opened.map_err(|error| failed(&error))
}

/// Returns the error of a node that cannot be used, or that says no.
pub(super) fn failed(error: &Error) -> CliError {
    let text = format!("the node: {}", escape(&error.to_string()));
    let (exit, code) = match (error.file(), error.kind()) {
        (Some(file), _) => exit_code::of_file(file.fault()),
        (None, ErrorKind::Local) => (exit_code::LOCAL_IO, "node"),
        (None, ErrorKind::Unavailable | ErrorKind::Timeout) => (exit_code::UNAVAILABLE, "node"),
        (None, _) => (exit_code::WALLET_UNAVAILABLE, "node"),
    };
    let told = CliError::new(exit, code, text);
    match error.kind() {
        ErrorKind::Unavailable => {
            told.with_hint("check `chain` in ldk/node.toml, and which program runs the node")
        }
        _ => told,
    }
}
