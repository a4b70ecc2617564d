//! The hook that `client.toml` names.

use std::sync::Arc;

use l402_client::Outgoing;
use l402_client::hook::{CommandHook, HttpHook, PaymentHook};
use url::Url;

use super::config::HookSettings;
use crate::error::CliError;
use crate::exit_code;

/// Returns the hook of these settings. `way` is the way to an address.
///
/// # Errors
/// If it is an address that cannot be asked.
pub(crate) fn open_hook(
    settings: &HookSettings,
    way: impl FnOnce(&Url) -> Result<Outgoing, CliError>,
) -> Result<Arc<dyn PaymentHook>, CliError> {
    match settings {
        HookSettings::Command(command) => {
            let (program, arguments) = command
                .split_first()
                .ok_or_else(|| unusable("it names no program; no money moved"))?;
            Ok(Arc::new(CommandHook::new(program, arguments)))
        }
        HookSettings::Url(url) => {
            let hook = HttpHook::new(url.clone(), &way(url)?);
            hook.map(|hook| Arc::new(hook) as Arc<dyn PaymentHook>)
                .map_err(|error| unusable(&error.to_string()))
        }
    }
}

fn unusable(why: &str) -> CliError {
    let text = format!("the hook of client.toml cannot be used: {why}");
    CliError::new(exit_code::CONFIGURATION, "configuration", text)
        .with_hint("[hook] has `command = [\"PROGRAM\"]` or `url = \"https://HOST/PATH\"`")
}
