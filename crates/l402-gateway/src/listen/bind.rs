//! Binding: every worker has a listener of its own on the same address, and no other process has.
//!
//! SO_REUSEPORT would let a second gateway share the port silently, half of the requests going
//! to each. So an address is taken without it first, which fails where anybody listens, and is
//! held by a name that one process alone can have.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::{GatewayError, GatewayErrorKind};

/// Connections that the kernel holds for one listener before they are accepted.
const BACKLOG: i32 = 1024;

/// One address, bound once for each worker.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) address: SocketAddr,
    /// One for each worker.
    pub(crate) listeners: Vec<TcpListener>,
    pub(crate) lock: AddressLock,
}

/// Binds an address for so many workers. Port 0 becomes one port for all of them.
pub(crate) fn bind(address: SocketAddr, workers: usize) -> Result<Bound, GatewayError> {
    let failed = |error: io::Error| cannot_listen(address, error);
    if address.port() != 0 {
        TcpListener::bind(address).map_err(failed)?;
    }
    let first = listener(address).map_err(failed)?;
    let address = first.local_addr().map_err(failed)?;
    let lock = AddressLock::take(address).map_err(failed)?;
    let others = (1..workers).map(|_| listener(address));
    let listeners = std::iter::once(Ok(first))
        .chain(others)
        .collect::<io::Result<_>>();
    Ok(Bound {
        address,
        listeners: listeners.map_err(failed)?,
        lock,
    })
}

fn cannot_listen(address: SocketAddr, error: io::Error) -> GatewayError {
    let (kind, why) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            GatewayErrorKind::AddressInUse,
            "address in use; stop the other program, or choose another address (listen, --listen)"
                .to_owned(),
        ),
        _ => (GatewayErrorKind::Listen, error.to_string()),
    };
    GatewayError::new(kind, format!("cannot listen on {address}: {why}")).with_source(error)
}

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Holds an address for this process; the kernel lets go of it when the process ends.
#[derive(Debug)]
pub(crate) struct AddressLock {
    #[cfg(target_os = "linux")]
    _name: std::os::unix::net::UnixListener,
}

impl AddressLock {
    #[cfg(target_os = "linux")]
    fn take(address: SocketAddr) -> io::Result<Self> {
        use std::os::linux::net::SocketAddrExt as _;
        use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
        let name = UnixAddr::from_abstract_name(format!("l402-gateway/{address}"))?;
        Ok(Self {
            _name: UnixListener::bind_addr(&name)?,
        })
    }

    /// Elsewhere the bind without SO_REUSEPORT is all there is.
    #[cfg(not(target_os = "linux"))]
    fn take(_address: SocketAddr) -> io::Result<Self> {
        Ok(Self {})
    }
}
