//! The log: on stderr, warnings by default, more with `-v` or `RUST_LOG`.

use tracing_subscriber::EnvFilter;

/// Starts the log. `RUST_LOG` wins over `-v`, as the finer of the two.
///
/// If the command `sells`, the warning that the sandbox is no real money is shown. A buyer has named
/// the sandbox on the command line, and the demo says so itself.
pub(crate) fn start(verbose: u8, sells: bool) {
    let default = match verbose {
        0 if sells => "warn",
        0 => "warn,l402_lightning::sandbox=error,l402_gateway::run=error",
        1 => {
            "warn,l402_cli=info,l402_client=info,l402_gateway=info,l402_lightning=info,\
              l402_server=info"
        }
        2 => {
            "info,l402_cli=debug,l402_client=debug,l402_gateway=debug,l402_lightning=debug,\
              l402_server=debug"
        }
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    // Escape sequences in a log file would only be noise.
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    // A second start in one process (a test) keeps the first.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(std::io::stderr)
        .try_init();
}
