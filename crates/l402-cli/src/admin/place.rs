//! The listener for operators and its token: where they are.

use std::fmt;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use l402_gateway::Config;
use l402_host::{ListenAddress, private};

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;
use crate::seller::{noted_places, of_configuration};

/// The longest wait for a gateway of which there is only a note.
const CONNECT_TIME: Duration = Duration::from_millis(500);

/// The begin of a place that is a socket of Unix.
const UNIX: &str = "unix:";

/// The flags that name a gateway and its token.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ReachArgs {
    /// Find the listener in the gateway's configuration file (TOML) [default: a gateway that runs on this home]
    #[arg(long, value_name = "FILE", global = true, conflicts_with = "address")]
    pub(crate) config: Option<PathBuf>,

    /// Ask this listener: an address of this machine, or unix:PATH
    #[arg(long, value_name = "ADDR", global = true)]
    pub(crate) address: Option<Place>,

    /// Show the token in this file [default: admin.token in the home folder]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) token_file: Option<PathBuf>,
}

/// The address of a listener for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}/"),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl core::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix(UNIX) {
            return match path.is_empty() || !cfg!(unix) {
                true => Err(
                    "write a path, on a system with sockets of Unix: unix:/run/l402/admin.sock"
                        .to_owned(),
                ),
                false => Ok(Self::Unix(path.into())),
            };
        }
        if text.starts_with("https:") {
            return Err(
                "it speaks TLS, and this command does not: name one such as http://127.0.0.1:8405, or use \
                 curl, as docs/admin.md shows"
                    .to_owned(),
            );
        }
        let bare = text.strip_prefix("http://").unwrap_or(text);
        let bare = bare.strip_suffix('/').unwrap_or(bare);
        let address: ListenAddress = bare.parse().map_err(|error| format!("{error}"))?;
        if address.0.ip().to_canonical().is_loopback() {
            return Ok(Self::Tcp(address.0));
        }
        Err(
            "not an address of this machine, such as 127.0.0.1:8405: the token would go there in plain \
             text; reach it with ssh -L"
                .to_owned(),
        )
    }
}

impl Place {
    /// Returns true if something listens there. Blocks for a moment.
    pub(super) fn is_alive(&self) -> bool {
        match self {
            Self::Tcp(address) => TcpStream::connect_timeout(address, CONNECT_TIME).is_ok(),
            #[cfg(unix)]
            Self::Unix(path) => std::os::unix::net::UnixStream::connect(path).is_ok(),
            #[cfg(not(unix))]
            Self::Unix(_) => false,
        }
    }
}

impl ReachArgs {
    /// Finds the listener.
    ///
    /// # Errors
    /// If nothing is known of one, if several run, or if the file has mistakes or no table `[admin]`.
    pub(super) fn place(&self, context: &Context) -> Result<Place, CliError> {
        if let Some(place) = &self.address {
            return Ok(place.clone());
        }
        if let Some(file) = &self.config {
            let config = Config::from_file(file).map_err(|mistakes| of_configuration(&mistakes))?;
            let place = config.admin_listen().ok_or_else(|| no_table(file))?;
            let place = understood(&place)?;
            // With port 0 the gateway alone knows which one it got, and has noted it.
            if !matches!(place, Place::Tcp(address) if address.port() == 0) {
                return Ok(place);
            }
        }
        let noted = noted_places(context.home.path());
        // A crash leaves its note behind.
        let all = noted.iter().filter_map(|place| place.parse().ok());
        let alive: Vec<Place> = all.filter(Place::is_alive).collect();
        match alive.as_slice() {
            [] => {
                let other = noted.iter().map(|place| understood(place));
                other
                    .flat_map(Result::err)
                    .next()
                    .map_or_else(|| Err(not_running(context)), Err)
            }
            [place] => Ok(place.clone()),
            several => Err(ambiguous(several)),
        }
    }

    /// Returns the file of the token.
    pub(super) fn token_file(&self, context: &Context) -> PathBuf {
        let own = || context.home.path().join("admin.token");
        self.token_file.clone().unwrap_or_else(own)
    }

    /// Reads the token.
    ///
    /// # Errors
    /// If the file is missing, or open to others.
    pub(super) fn token(&self, context: &Context) -> Result<String, CliError> {
        let file = self.token_file(context);
        let read = private::read(&file).map_err(|error| {
            let (exit, code) = exit_code::of_file(error.fault());
            CliError::new(exit, code, format!("the token of the gateway: {error}")).with_hint(
                "it is admin.token in the home folder of the gateway: name that with --home DIR, or the file \
                 with --token-file FILE",
            )
        })?;
        Ok(String::from_utf8_lossy(read.trim_ascii()).into_owned())
    }
}

fn understood(place: &str) -> Result<Place, CliError> {
    place.parse().map_err(|why: String| {
        CliError::usage(format!(
            "the gateway's listener for operators is at {place}: {why}"
        ))
    })
}

fn no_table(file: &Path) -> CliError {
    let file = file.display();
    let text = format!("{file} has no table [admin], so its gateway listens for no operator");
    let error = CliError::new(exit_code::CONFIGURATION, "no_admin_table", text);
    error.with_hint(format!(
        "add a line [admin] to {file}, and start the gateway anew"
    ))
}

fn not_running(context: &Context) -> CliError {
    let home = context.home.path().display();
    let text = format!("no gateway with a listener for operators runs on the home folder {home}");
    CliError::new(exit_code::UNAVAILABLE, "not_running", text).with_hint(
        "`l402 serve --config FILE` has one if the file has a table [admin]; another home is --home DIR, another \
         listener --address ADDR",
    )
}

fn ambiguous(several: &[Place]) -> CliError {
    let all: Vec<String> = several.iter().map(ToString::to_string).collect();
    let text = format!("several gateways run on this home: {}", all.join(", "));
    CliError::usage(text).with_hint(format!("choose one: --address {}", all[0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_written_as_url_address_or_socket() {
        let own = Place::Tcp(([127, 0, 0, 1], 8405).into());
        for text in [
            "http://127.0.0.1:8405/",
            "127.0.0.1:8405",
            "8405",
            "localhost:8405",
        ] {
            assert_eq!(text.parse(), Ok(own.clone()), "{text}");
        }
        assert_eq!(own.to_string(), "http://127.0.0.1:8405/");
        #[cfg(unix)]
        assert_eq!(
            "unix:/run/a.sock".parse(),
            Ok(Place::Unix("/run/a.sock".into()))
        );
        // The token would be shown to anybody who listens on the way.
        for text in [
            "https://127.0.0.1:8405/",
            "10.0.0.2:8405",
            "unix:",
            "shop",
            "",
        ] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
