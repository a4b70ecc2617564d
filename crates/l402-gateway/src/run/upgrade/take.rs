//! The new process: finds the running gateway, and takes its sockets over.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::offer::inherit;
use super::wire::{Described, Hello, PROTOCOL, Reply, Step, Wire};
use super::{HTTP, Purposed, is_socket};
use crate::listen::Bound;
use crate::run::Home;
use crate::run::books::OpenBooks;
use crate::{Config, GatewayError, GatewayErrorKind};

/// The longest wait for each word of the running process.
const SOON: Duration = Duration::from_secs(10);

/// The most sockets of one address that are taken over; a gateway has one for each worker that it had.
const LISTENERS_MAX: usize = 4096;

/// A running gateway that waits until another process takes its sockets over. If this is dropped, it
/// goes on untouched.
#[derive(Debug)]
pub struct Upgrade {
    wire: Wire,
    version: String,
}

/// The sockets of the gateway that runs still. If this is dropped before [`Inherited::finish`], it goes on
/// untouched.
#[derive(Debug)]
pub(in crate::run) struct Inherited {
    wire: Wire,
    sockets: Vec<Purposed>,
}

impl Upgrade {
    /// Finds the running gateway of a home: the one that listens on an address of the configuration, or
    /// the only one there is. Blocks for a moment; changes nothing.
    ///
    /// # Errors
    /// [`GatewayErrorKind::Upgrade`] if there is none, more than one, or if it cannot hand over.
    pub fn find(config: &Config, home: &Home) -> Result<Self, GatewayError> {
        let mut asked: Vec<(Wire, Reply)> = Vec::new();
        let node = config.node().to_string();
        for path in waiting(home).map_err(|error| failed(&error))? {
            match ask(&path, &node) {
                Ok(found) => asked.push(found),
                // The gateway of this socket has ended, and has left the file behind.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) => return Err(failed(&error)),
            }
        }
        let (mut same, mut others): (Vec<_>, Vec<_>) = asked
            .into_iter()
            .partition(|(_, reply)| shares(reply, config.listen()));
        // The configuration may name other addresses now. Then a gateway is only taken if it is the
        // only one.
        let found = match (&mut same[..], &mut others[..]) {
            ([_], _) => same.pop(),
            ([], [_]) => others.pop(),
            ([], []) => {
                return Err(refused(
                    "no gateway of this home waits for an upgrade: start this one without --upgrade",
                ));
            }
            _ => {
                return Err(refused(
                    "several gateways run on this home: name the addresses of one of them (listen, \
                     --listen)",
                ));
            }
        };
        match found {
            Some((_, reply)) if reply.refused.is_some() => {
                Err(refused(&reply.refused.unwrap_or_default()))
            }
            Some((wire, Reply { version, .. })) => Ok(Self { wire, version }),
            None => Err(refused("the running gateway is gone")),
        }
    }

    /// The process of the running gateway. 0 if it is not visible from here, as in another container.
    #[must_use]
    pub const fn pid(&self) -> i32 {
        self.wire.pid
    }

    /// The version of the program that runs.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Says that all is ready here, and receives the sockets.
    pub(in crate::run) fn receive(mut self) -> Result<Inherited, GatewayError> {
        let sockets = receive(&mut self.wire).map_err(|error| failed(&error))?;
        Ok(Inherited {
            wire: self.wire,
            sockets,
        })
    }
}

impl Inherited {
    /// Takes the sockets of an address, as the configuration writes it now.
    pub(in crate::run) fn take(&mut self, purpose: &str, named: SocketAddr) -> Option<Bound> {
        let is_it = |sockets: &Purposed| {
            let bound = &sockets.bound;
            sockets.purpose == purpose && (bound.named == named || bound.address == named)
        };
        let place = self.sockets.iter().position(is_it)?;
        let mut bound = self.sockets.swap_remove(place).bound;
        // The next upgrade finds these sockets by the address as it is written now.
        bound.named = named;
        Some(bound)
    }

    /// Says that this process accepts, and waits until the other one does no more. Sockets that nobody
    /// took close. Then takes over the invoices of that process.
    pub(in crate::run) fn finish(self, books: Option<&OpenBooks>) {
        let Self { mut wire, sockets } = self;
        // Before the other process closes its own: it still accepts what these hold.
        drop(sockets);
        let done = wire
            .send(&Step::Serving, SOON)
            .and_then(|()| wire.expect(Step::Draining, SOON));
        if done.is_ok() {
            let take = |offer| {
                if let Some(books) = books {
                    inherit(books, offer);
                }
            };
            if let Err(error) = wire.receive_last(SOON, take) {
                tracing::warn!(%error, "invoices of the other process are not known here: what is paid and never used stays unattributed");
            }
        }
        match done {
            Ok(()) => tracing::info!(pid = wire.pid, "taken over; the other process ends"),
            Err(error) => tracing::warn!(
                pid = wire.pid,
                %error,
                "taken over, and the other process does not say that it stops: both may serve; end it"
            ),
        }
    }
}

/// Returns the sockets at which gateways of a home wait.
fn waiting(home: &Home) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(home.run()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths = entries.map(|entry| Ok(entry?.path()));
    let paths: io::Result<Vec<PathBuf>> = paths.collect();
    Ok(paths?.into_iter().filter(|path| is_socket(path)).collect())
}

/// Asks a running gateway what it has.
fn ask(path: &std::path::Path, node: &str) -> io::Result<(Wire, Reply)> {
    let mut wire = Wire::connect(path)?;
    let hello = Hello {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        node: Some(node.to_owned()),
    };
    wire.send(&hello, SOON)?;
    let reply = wire.receive(SOON)?;
    Ok((wire, reply))
}

/// Returns true if a gateway listens on one of these addresses.
fn shares(reply: &Reply, addresses: &[SocketAddr]) -> bool {
    reply.addresses.iter().any(|has| {
        let named = |address: &SocketAddr| *address == has.named || *address == has.address;
        has.purpose == HTTP && addresses.iter().any(named)
    })
}

fn receive(wire: &mut Wire) -> io::Result<Vec<Purposed>> {
    wire.send(&Step::Ready, SOON)?;
    wire.expect(Step::Sockets, SOON)?;
    let addresses: Vec<Described> = wire.receive(SOON)?;
    addresses
        .into_iter()
        .map(|one| receive_address(wire, one))
        .collect()
}

fn receive_address(wire: &mut Wire, of: Described) -> io::Result<Purposed> {
    if of.listeners > LISTENERS_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let listeners = (0..of.listeners).map(|_| wire.receive_socket().map(Into::into));
    let listeners = listeners.collect::<io::Result<_>>()?;
    let bound = Bound {
        named: of.named,
        address: of.address,
        listeners,
        later: Vec::new(),
        lock: wire.receive_socket()?.into(),
    };
    Ok(Purposed {
        purpose: of.purpose,
        bound,
    })
}

fn refused(text: &str) -> GatewayError {
    GatewayError::new(GatewayErrorKind::Upgrade, text)
}

/// Returns the error of a conversation that broke off.
fn failed(error: &io::Error) -> GatewayError {
    let why = match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => "it has ended".to_owned(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            "it does not answer; another upgrade may be under way".to_owned()
        }
        _ => error.to_string(),
    };
    let text = format!("the running gateway cannot be taken over: {why}");
    GatewayError::new(GatewayErrorKind::Upgrade, text)
}
