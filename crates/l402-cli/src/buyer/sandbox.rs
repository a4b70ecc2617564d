//! The sandbox of the home folder.

use l402_lightning::sandbox::Sandbox;

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;

/// Opens the sandbox of the home folder.
pub(crate) fn open_sandbox(context: &Context) -> Result<Sandbox, CliError> {
    Sandbox::open(context.home.create()?, context.clock.clone()).map_err(sandbox_error)
}

/// Returns the error for a sandbox whose file cannot be used.
pub(crate) fn sandbox_error(error: l402_lightning::Error) -> CliError {
    let fault = error.file().map(l402_host::FileError::fault);
    let (exit, code) = fault.map_or((exit_code::LOCAL_IO, "local_io"), exit_code::of_file);
    CliError::new(exit, code, format!("the sandbox: {error}"))
}
