//! The exit status of a start that fails.

use std::net::SocketAddr;

use l402::text::escape;
use l402_gateway::{ConfigError, GatewayError, GatewayErrorKind};
use l402_lightning::{Error as NodeFailure, ErrorKind, Node, NodeForm};

use crate::context::Context;
use crate::environment;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::port;

/// The error of a configuration with mistakes: all of them at once, so that one round of editing is
/// enough.
pub(crate) fn of_configuration(mistakes: &[ConfigError]) -> CliError {
    let lines: Vec<String> = mistakes.iter().map(|m| escape(&m.to_string())).collect();
    CliError::new(exit_code::CONFIGURATION, "configuration", lines.join("\n"))
        .with_hint("nothing was bound; `l402 serve --print-config` shows every key")
}

/// The error of a gateway that does not start.
pub(crate) fn of_gateway(error: &GatewayError, listen: &[SocketAddr]) -> CliError {
    let (exit, code) = status(error.kind());
    let text = escape(&error.to_string());
    let told = CliError::new(exit, code, text);
    if error.kind() != GatewayErrorKind::AddressInUse {
        return told;
    }
    // Of several addresses, the error names the one that is taken.
    let named = |address: &&SocketAddr| error.to_string().contains(&address.to_string());
    match listen.iter().find(named) {
        Some(address) => told.with_hint(port::hint(*address, "--listen")),
        None => told,
    }
}

/// The error of a node that cannot be opened, with the next step for its kind.
pub(super) fn of_node(node: &Node, error: &NodeFailure, context: &Context) -> CliError {
    let text = escape(&format!("cannot use {node}: {error}"));
    let resolved = node.resolve(context.home.path());
    let (exit, code) = match (error.file(), error.kind()) {
        (Some(file), _) => exit_code::of_file(file.fault()),
        (None, ErrorKind::Local) if resolved.is_err() => {
            (exit_code::CONFIGURATION, "configuration")
        }
        (None, ErrorKind::Local) => (exit_code::LOCAL_IO, "cannot_start"),
        (None, _) => (exit_code::UNAVAILABLE, "cannot_start"),
    };
    let told = CliError::new(exit, code, text);
    match (node, resolved) {
        (Node::Stored(name), Err(_)) => told.with_hint(not_stored(name.as_str(), context)),
        (_, Ok(node)) => match hint(error.kind(), &node.form()) {
            Some(hint) => told.with_hint(hint),
            None => told,
        },
        _ => told,
    }
}

/// Returns the next step after a name under which nothing can be used.
fn not_stored(name: &str, context: &Context) -> String {
    let (program, home) = (&context.program, context.home.as_option());
    environment::offer(context, name)
        .unwrap_or_else(|| format!("`{program} {home}wallet add {name}` stores one"))
}

fn hint(kind: ErrorKind, form: &NodeForm) -> Option<String> {
    match kind {
        ErrorKind::Unauthorized => Some(form.if_unauthorized(false)),
        ErrorKind::Unavailable | ErrorKind::Timeout => Some(form.if_unreachable().to_owned()),
        _ => None,
    }
}

/// Returns exit status and stable code of each kind of failure.
fn status(kind: GatewayErrorKind) -> (ExitCode, &'static str) {
    use GatewayErrorKind as Kind;
    match kind {
        Kind::AddressInUse => (exit_code::ADDRESS_IN_USE, "address_in_use"),
        Kind::Certificate | Kind::Configuration | Kind::Listen => {
            (exit_code::CONFIGURATION, "configuration")
        }
        Kind::Ledger | Kind::MasterKey => (exit_code::LOCAL_IO, "local_io"),
        Kind::OtherLedger => (exit_code::OTHER_LEDGER, "other_ledger"),
        Kind::NewerFile => (exit_code::NEWER_FILE, "newer_file"),
        Kind::UnsafeFile => (exit_code::UNSAFE_FILE, "unsafe_file"),
        Kind::Upgrade => (exit_code::UNAVAILABLE, "cannot_upgrade"),
        // `Runtime`, and kinds that the library adds before they are known here.
        _ => (exit_code::INTERNAL, "internal"),
    }
}
