//! The hook that `client.toml` names.

use std::sync::Arc;

use l402_client::hook::{CommandHook, HttpHook, PaymentHook};
use l402_client::{ClientBuilder, Outgoing};
use url::Url;

use super::config::{ClientConfig, HookSettings};
use crate::error::CliError;
use crate::exit_code;

/// Adds the hook of `client.toml`, if it names one. `way` is the way to an address.
///
/// # Errors
/// If it is an address that cannot be asked.
pub(crate) fn with_hook(
    client: ClientBuilder,
    config: &ClientConfig,
    way: impl FnOnce(&Url) -> Result<Outgoing, CliError>,
) -> Result<ClientBuilder, CliError> {
    let hook: Arc<dyn PaymentHook> = match &config.hook {
        None => return Ok(client),
        Some(HookSettings::Command(command)) => {
            let command = command.split_first();
            let (program, arguments) =
                command.ok_or_else(|| unusable("it names no program; no money moved"))?;
            Arc::new(CommandHook::new(program, arguments))
        }
        Some(HookSettings::Url(url)) => {
            let hook = HttpHook::new(url.clone(), &way(url)?);
            Arc::new(hook.map_err(|error| unusable(&error.to_string()))?)
        }
    };
    Ok(client.hook(hook))
}

fn unusable(why: &str) -> CliError {
    let text = format!("the hook of client.toml cannot be used: {why}");
    CliError::new(exit_code::CONFIGURATION, "configuration", text)
        .with_hint("[hook] has `command = [\"PROGRAM\"]` or `url = \"https://HOST/PATH\"`")
}
