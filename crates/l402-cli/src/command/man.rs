//! `l402 man`: the manual pages of all commands.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::Resettable;
use clap_mangen::Man;

use crate::error::CliError;
use crate::exit_code::{self, ExitCode};

/// Write the manual pages of all commands into a folder
///
/// Packages have them already. For a program that was built from source: one page for each command,
/// `l402-serve.1` for `l402 serve`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 man ~/.local/share/man/man1 && man l402-serve")]
pub(crate) struct ManPages {
    /// The folder, made if it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl ManPages {
    pub(crate) fn run(&self, command_line: clap::Command) -> Result<ExitCode, CliError> {
        let failed = |error: std::io::Error| {
            let folder = self.folder.display();
            CliError::local_io(format!("the folder {folder} cannot be written: {error}"))
        };
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        let mut root = command_line.disable_help_subcommand(true);
        // Names such as `l402-wallet-add` are known from then on.
        root.build();
        write_all(&root, &self.folder).map_err(failed)?;
        Ok(exit_code::OK)
    }
}

fn write_all(command: &clap::Command, folder: &Path) -> std::io::Result<()> {
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        write_all(sub, folder)?;
    }
    let name = command
        .get_display_name()
        .unwrap_or_else(|| command.get_name());
    std::fs::write(folder.join(format!("{name}.1")), page(command)?)
}

/// Returns the page of one command. Its examples keep their lines, which clap_mangen would fill.
fn page(command: &clap::Command) -> std::io::Result<Vec<u8>> {
    let version = env!("CARGO_PKG_VERSION");
    let bare = command.clone().version(version);
    let bare = bare
        .after_help(Resettable::Reset)
        .after_long_help(Resettable::Reset);
    let man = Man::new(bare)
        .source(format!("l402 {version}"))
        .manual("l402");
    let mut page = Vec::new();
    man.render(&mut page)?;
    if let Some(text) = command.get_after_help() {
        write!(page, "{}", verbatim(&text.to_string()))?;
    }
    Ok(page)
}

/// Returns a section whose lines stand as they were written.
fn verbatim(text: &str) -> String {
    let mut section = ".SH EXAMPLES\n.nf\n".to_owned();
    for line in text.lines().filter(|line| *line != "Examples:") {
        // A dot or an apostrophe at the begin would be read as an instruction.
        section += "\\&";
        section += &line.replace('\\', "\\e").replace('-', "\\-");
        section.push('\n');
    }
    section + ".fi\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_examples_stand_as_they_were_written() {
        let section = verbatim("Examples:\n  l402 get --json\n.dot \\ x");
        assert_eq!(
            section,
            ".SH EXAMPLES\n.nf\n\\&  l402 get \\-\\-json\n\\&.dot \\e x\n.fi\n"
        );
    }
}
