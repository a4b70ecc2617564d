//! `l402 completions`: completions for a shell.

use std::io::{Write, stdout};

use clap::Args;
use clap_complete::{Shell, generate};

use crate::error::CliError;
use crate::exit_code::{self, ExitCode};

/// Print completions for a shell
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 completions bash > ~/.local/share/bash-completion/completions/l402
  l402 completions zsh > ~/.zfunc/_l402
  l402 completions fish > ~/.config/fish/completions/l402.fish")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, command_line: &mut clap::Command) -> Result<ExitCode, CliError> {
        // Into memory first: `generate` panics if it cannot write, for example to a closed pipe.
        let mut script = Vec::new();
        generate(self.shell, command_line, "l402", &mut script);
        stdout()
            .write_all(&script)
            .map_err(|error| CliError::local_io(format!("stdout cannot be written: {error}")))?;
        Ok(exit_code::OK)
    }
}
