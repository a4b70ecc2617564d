//! The hook that `client.toml` names.

use std::sync::Arc;

use l402_client::hook::{CommandHook, HttpHook, PaymentHook};

use super::config::HookSettings;
use crate::error::CliError;
use crate::exit_code;
use crate::outgoing;

/// Returns the hook of these settings.
///
/// # Errors
/// If it is an address that cannot be asked.
pub(crate) fn open_hook(settings: &HookSettings) -> Result<Arc<dyn PaymentHook>, CliError> {
    match settings {
        HookSettings::Command(command) => {
            let (program, arguments) = command
                .split_first()
                .ok_or_else(|| unusable("it names no program; no money moved"))?;
            Ok(Arc::new(CommandHook::new(program, arguments)))
        }
        HookSettings::Url(url) => {
            let outgoing = outgoing::to(url, false)?;
            let hook = HttpHook::new(url.clone(), &outgoing);
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
