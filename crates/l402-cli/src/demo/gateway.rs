//! The demo's gateway: three prices before one upstream.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};

use l402_gateway::Config;

use super::upstream::GOODS;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;
use crate::port;
use crate::seller::{self, Serving};

/// Opens the demo gateway on this address. If the address is taken and `anywhere` is set, opens it on a
/// free port.
pub(crate) async fn open(
    listen: SocketAddr,
    upstream: SocketAddr,
    anywhere: bool,
    context: &Context,
) -> Result<Serving, CliError> {
    let free_port = SocketAddr::new(listen.ip(), 0);
    // Tested first, for an error of the gateway would not say that the address is the reason.
    let taken = TcpListener::bind(listen).err();
    let address = match taken {
        None => listen,
        Some(_) if anywhere => free_port,
        Some(error) => return Err(port::cannot_listen(listen, &error, "--listen")),
    };
    let config = config(address, upstream)?;
    match seller::start(config.clone(), context).await {
        // Another program may have bound the address since it was tested.
        Err(_) if anywhere && address != free_port => {
            seller::start(config.with_listen(vec![free_port]), context).await
        }
        outcome => outcome,
    }
}

fn config(listen: SocketAddr, upstream: SocketAddr) -> Result<Config, CliError> {
    let text = toml(upstream);
    let config = Config::from_toml(&text, "demo").map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        CliError::new(exit_code::INTERNAL, "configuration", lines.join("\n"))
    })?;
    Ok(config.with_listen(vec![listen]))
}

/// Returns the routes of the demo as a configuration file.
fn toml(upstream: SocketAddr) -> String {
    // The demo tells its own story of each purchase.
    let mut text = "[log]\naccess = \"off\"\n\n[publish]\nname = \"l402 demo\"\n\
                    description = \"Jokes, fortunes and quotes for play money.\"\n\n"
        .to_owned();
    for good in &GOODS {
        let path = good.path();
        let _ = write!(
            text,
            "[[route]]\npath = \"{path}\"\nmethods = [\"GET\", \"POST\"]\nupstream = \"http://{upstream}\"\n\
             service = \"{0}\"\nprice = \"{1} sat\"\npolicy = \"request\"\n\
             description = \"A {0}, picked at random.\"\n\n",
            good.name, good.price_sat,
        );
    }
    for path in ["/", "/health"] {
        let _ = write!(
            text,
            "[[route]]\npath = \"{path}\"\nmethods = [\"GET\"]\nupstream = \"http://{upstream}\"\n\
             free = true\n\n",
        );
    }
    text
}
