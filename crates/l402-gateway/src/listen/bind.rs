//! Binds an address for this process alone, with one listener for each worker.
//!
//! The listeners share the port by `SO_REUSEPORT`, which would also let a second gateway take half
//! of the requests without notice. So each address is bound once without the option, which fails if
//! any process listens there. It is then held by a name that the kernel gives to one process only.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::{GatewayError, GatewayErrorKind};

/// The number of connections that the kernel queues for one listener before they are accepted.
const BACKLOG: i32 = 1024;

/// An address with its listeners.
#[derive(Debug)]
pub(crate) struct Bound {
    /// The address with its real port.
    pub(crate) address: SocketAddr,
    /// One listener for each worker.
    pub(crate) listeners: Vec<TcpListener>,
    pub(crate) lock: AddressLock,
}

/// Binds an address for this number of workers. Port 0 becomes one free port for all of them.
pub(crate) fn bind(address: SocketAddr, workers: usize) -> Result<Bound, GatewayError> {
    let failed = |error: io::Error| cannot_listen(address, error);
    if address.port() != 0 {
        TcpListener::bind(address).map_err(failed)?;
    }
    let first = listener(address).map_err(failed)?;
    let address = first.local_addr().map_err(failed)?;
    // Two gateways that start together may both pass the first bind; one of them fails here.
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
            "address in use; end the other program, or choose another address (listen, --listen)"
                .to_owned(),
        ),
        _ => (GatewayErrorKind::Listen, error.to_string()),
    };
    GatewayError::new(kind, format!("cannot listen on {address}: {why}")).with_source(error)
}

/// Opens a listener that shares its port with others of this process.
fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restart must not wait for the last connections of the process before it.
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Holds an address for this process. The kernel frees it when the process ends, also by a crash.
#[derive(Debug)]
pub(crate) struct AddressLock {
    #[cfg(target_os = "linux")]
    _name: std::os::unix::net::UnixListener,
}

impl AddressLock {
    /// Takes the address, or fails if another process holds it.
    #[cfg(target_os = "linux")]
    fn take(address: SocketAddr) -> io::Result<Self> {
        use std::os::linux::net::SocketAddrExt as _;
        use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
        // An abstract socket leaves no file behind.
        let name = UnixAddr::from_abstract_name(format!("l402-gateway/{address}"))?;
        Ok(Self {
            _name: UnixListener::bind_addr(&name)?,
        })
    }

    /// Does nothing: abstract sockets exist on Linux only, and the bind without `SO_REUSEPORT` has
    /// to do.
    #[cfg(not(target_os = "linux"))]
    fn take(_address: SocketAddr) -> io::Result<Self> {
        Ok(Self {})
    }
}
