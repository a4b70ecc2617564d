//! A new admin token.

use l402_host::{FileError, private};
use serde_json::{Value, json};

use super::client::{AdminCall, AdminClient};
use super::place::ReachArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;

/// Tells the running gateway to make a new token, or makes one for the next start if none runs.
///
/// # Errors
/// If the gateway refuses, or if the file cannot be written.
pub(crate) async fn renew(reach: &ReachArgs, context: &Context) -> Result<Value, CliError> {
    let is_running = match reach.place(context) {
        Ok(place) => place.is_alive(),
        Err(error) if error.code() == "not_running" => false,
        Err(error) => return Err(error),
    };
    // One that somebody named must answer.
    if !is_running && reach.address.is_none() && reach.token_file.is_none() {
        return make(context);
    }
    let client = AdminClient::find(reach, context)?;
    client
        .json(&AdminCall::post("token/rotate", json!({})))
        .await
}

/// Makes the token of a home on which no gateway runs.
fn make(context: &Context) -> Result<Value, CliError> {
    let path = context.home.create()?.join("admin.token");
    let failed = |error: FileError| {
        let (exit, code) = exit_code::of_file(error.fault());
        CliError::new(exit, code, format!("the token: {error}"))
    };
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(CliError::local_io(format!("{}: {error}", path.display())));
        }
        _ => private::create_hex_key(&path).map_err(failed)?,
    }
    Ok(json!({ "rotated": true, "file": path.display().to_string() }))
}
