//! The program `l402` as it is built with the feature `ldk`.

fn main() -> std::process::ExitCode {
    l402_cli::run(std::env::args_os()).into()
}
