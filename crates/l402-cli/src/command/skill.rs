//! `l402 skill`: a page for agents that have a command line and no MCP.

use clap::Args;

use crate::error::CliError;
use crate::text::output;

/// The page. A test holds its commands against the program.
const PAGE: &str = include_str!("skill.md");

/// Print a page that teaches an agent with a command line to pay with this program
///
/// It says how to ask a price, how to buy, what each exit status means, and what never to do. Put it
/// where the agent reads its skills. An agent that speaks MCP needs none: `l402 mcp`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 skill
  mkdir -p .claude/skills/l402 && l402 skill > .claude/skills/l402/SKILL.md")]
pub(crate) struct Skill {}

impl Skill {
    pub(crate) fn run(self) -> Result<(), CliError> {
        output::print(PAGE)
    }
}
