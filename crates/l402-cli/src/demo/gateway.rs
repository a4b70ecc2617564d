//! The demo's gateway: three prices before one upstream.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};

use l402_gateway::Config;

use super::upstream::GOODS;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;
use crate::port;
use crate::seller::{self, Serving};

/// The usual port of the dashboard.
const ADMIN_PORT: u16 = 8405;

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
    // The one that ends at once has no operators.
    let admin = (!anywhere).then(admin_port);
    match seller::start(config(address, upstream, admin)?, None, context, false).await {
        // Another program may have bound the address since it was tested.
        Err(_) if anywhere && address != free_port => {
            seller::start(config(free_port, upstream, None)?, None, context, false).await
        }
        Err(_) if admin == Some(ADMIN_PORT) && TcpListener::bind(usual_admin()).is_err() => {
            seller::start(config(address, upstream, Some(0))?, None, context, false).await
        }
        outcome => outcome,
    }
}

const fn usual_admin() -> SocketAddr {
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, ADMIN_PORT))
}

/// Returns the usual port of the dashboard, or 0 if that is taken.
fn admin_port() -> u16 {
    TcpListener::bind(usual_admin()).map_or(0, |_| ADMIN_PORT)
}

fn config(
    listen: SocketAddr,
    upstream: SocketAddr,
    admin: Option<u16>,
) -> Result<Config, CliError> {
    let text = toml(upstream, admin);
    let config = Config::from_toml(&text, "demo").map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        CliError::new(exit_code::INTERNAL, "configuration", lines.join("\n"))
    })?;
    Ok(config.with_listen(vec![listen]))
}

/// Returns the routes of the demo as a configuration file.
fn toml(upstream: SocketAddr, admin: Option<u16>) -> String {
    // The demo tells its own story of each purchase.
    let mut text = "[log]\naccess = \"off\"\n\n[publish]\nname = \"l402 demo\"\n\
                    description = \"Jokes, fortunes and quotes for play money.\"\n\n"
        .to_owned();
    if let Some(port) = admin {
        let _ = write!(text, "[admin]\nlisten = \"127.0.0.1:{port}\"\n\n");
    }
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
