//! The program `l402`: reads the command line, puts the pieces together, runs one command.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    l402_cli::run(std::env::args_os()).into()
}
