//! The dashboard in a browser.

use std::io::{IsTerminal as _, stdout};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::place::{Place, ReachArgs};
use crate::context::Context;
use crate::error::CliError;

/// Finds the dashboard, and opens it in a browser if a person is there. Returns its address.
///
/// # Errors
/// If no gateway is known, or if it listens on a socket, which no browser reaches.
pub(crate) fn open(reach: &ReachArgs, context: &Context) -> Result<Value, CliError> {
    let place = reach.place(context)?;
    let url = match &place {
        Place::Tcp(_) => place.to_string(),
        Place::Unix(path) => {
            let text = format!("{place} is a socket, which a browser cannot reach");
            let path = path.display();
            return Err(CliError::usage(text).with_hint(format!(
                "`ssh -N -L 8405:{path} localhost` brings it to http://127.0.0.1:8405/"
            )));
        }
    };
    let is_opened = stdout().is_terminal() && start(&url);
    let token = reach.token_file(context).display().to_string();
    Ok(json!({ "url": url, "opened": is_opened, "token_file": token }))
}

/// Hands an address to the program for it. Returns false if there is none.
fn start(url: &str) -> bool {
    let program = if cfg!(windows) {
        "explorer"
    } else if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let started = Command::new(program)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    started.is_ok()
}
