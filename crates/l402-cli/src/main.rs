//! The program `l402`: one command, from the process's arguments to its exit status.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    arm();
    l402_cli::run(std::env::args_os()).into()
}

/// Lets this test build die at the step of a purchase that `L402_FAILPOINT` names.
#[cfg(feature = "failpoints")]
fn arm() {
    if let Some(name) = std::env::var_os("L402_FAILPOINT") {
        let armed = name.to_str().is_some_and(l402_client::failpoint::arm);
        assert!(armed, "L402_FAILPOINT names no step: {}", name.display());
    }
}
