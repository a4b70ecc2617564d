//! The acts of a moderator.

use std::path::Path;

use http::Method;
use l402_host::private;
use serde_json::{Value, json};

use super::client::{Call, RegistryClient};
use crate::error::CliError;
use crate::exit_code;
use crate::text::output::Output;

/// One act of a moderator: the path below `admin`, and the body.
#[derive(Clone, Debug)]
pub(crate) struct Moderation {
    pub(crate) act: &'static str,
    pub(crate) body: Value,
}

/// Does one act, with the token of a file.
///
/// # Errors
/// If the token cannot be read, or the registry refuses.
pub(crate) async fn moderate(
    client: &RegistryClient,
    act: &Moderation,
    token_file: &Path,
    out: Output,
) -> Result<(), CliError> {
    let token = private::read(token_file).map_err(|error| {
        let (exit, code) = exit_code::of_file(error.fault());
        CliError::new(exit, code, format!("--token-file: {error}"))
            .with_hint("`l402 registry serve` makes it, in its own home folder")
    })?;
    let token = std::str::from_utf8(&token).unwrap_or_default().trim();
    let path = ["admin", act.act];
    let call = Call::change(Method::POST, &path);
    let call = call.with_key(token).with_body(&act.body);
    let answer = client.send(call).await?;
    let value = if answer.is_null() {
        json!({ "done": act.act })
    } else {
        answer
    };
    out.result(&value, || "done\n".to_owned())
}
