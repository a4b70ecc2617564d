//! Binds an address for this process alone, with one listener for each worker, or takes one over.
//!
//! The listeners share the port by `SO_REUSEPORT`, which would also let a second gateway take half
//! of the requests without notice. So each address is bound once without the option, which fails if
//! any process listens there. It is then held by a name that the kernel gives to one process only,
//! and to the one that this process hands its sockets to.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::{GatewayError, GatewayErrorKind};

/// The number of connections that the kernel queues for one listener before they are accepted.
pub(super) const BACKLOG: i32 = 1024;

/// An address with its listeners.
#[derive(Debug)]
pub(crate) struct Bound {
    /// The address as the configuration writes it.
    pub(crate) named: SocketAddr,
    /// The address with its real port.
    pub(crate) address: SocketAddr,
    /// At least one. The kernel divides the connections among them, so that each must be accepted from.
    pub(crate) listeners: Vec<TcpListener>,
    /// Those of the listeners that do not listen yet: a socket that listens gets connections, and they end
    /// with it.
    pub(crate) later: Vec<Socket>,
    pub(crate) lock: AddressLock,
}

/// Binds an address for this number of workers. Port 0 becomes one free port for all of them.
pub(crate) fn bind(named: SocketAddr, workers: usize) -> Result<Bound, GatewayError> {
    let failed = |error: io::Error| cannot_listen(named, error);
    // Sockets that share a port bind beside others that do. This one finds out whether the port is
    // taken.
    if named.port() != 0 {
        TcpListener::bind(named).map_err(failed)?;
    }
    let first = listener(named).map_err(failed)?;
    let address = first.local_addr().map_err(failed)?;
    // Two gateways that start together may both pass the first bind; one of them fails here.
    let lock = AddressLock::take(address).map_err(failed)?;
    let bound = Bound {
        named,
        address,
        listeners: vec![first],
        later: Vec::new(),
        lock,
    };
    bound.fit(workers)
}

impl Bound {
    /// Locks the address of one listener that is bound already.
    pub(crate) fn of(named: SocketAddr, listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        Ok(Self {
            named,
            address,
            listeners: vec![listener],
            later: Vec::new(),
            lock: AddressLock::take(address)?,
        })
    }

    /// Binds further sockets, until there are as many as workers. Those beyond that number stay: each
    /// may hold connections that nobody has accepted.
    pub(crate) fn fit(mut self, workers: usize) -> Result<Self, GatewayError> {
        let failed = |error: io::Error| cannot_listen(self.address, error);
        for _ in self.listeners.len()..workers {
            let socket = socket(self.address).map_err(failed)?;
            self.later.push(socket.try_clone().map_err(failed)?);
            self.listeners.push(socket.into());
        }
        Ok(self)
    }

    /// Returns the same sockets once more. They close when both are dropped.
    pub(crate) fn share(&self) -> io::Result<Self> {
        let listeners = self.listeners.iter().map(TcpListener::try_clone);
        Ok(Self {
            named: self.named,
            address: self.address,
            listeners: listeners.collect::<io::Result<_>>()?,
            later: Vec::new(),
            lock: self.lock.share()?,
        })
    }
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
    let socket = socket(address)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Listens on a socket that is bound.
pub(crate) fn listen(socket: &Socket) -> io::Result<()> {
    socket.listen(BACKLOG)
}

/// Binds a socket that does not listen yet.
fn socket(address: SocketAddr) -> io::Result<Socket> {
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
    Ok(socket)
}

/// Holds an address for this process. The kernel frees it when the process ends, also by a crash, unless
/// another process has taken it over.
#[derive(Debug)]
pub(crate) struct AddressLock {
    #[cfg(target_os = "linux")]
    name: std::os::unix::net::UnixListener,
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
            name: UnixListener::bind_addr(&name)?,
        })
    }

    /// Returns the same name once more. It is free when both are dropped.
    #[cfg(target_os = "linux")]
    fn share(&self) -> io::Result<Self> {
        let name = self.name.try_clone()?;
        Ok(Self { name })
    }

    /// Does nothing: abstract sockets exist on Linux only, and the bind without `SO_REUSEPORT` has
    /// to do.
    #[cfg(not(target_os = "linux"))]
    fn take(_address: SocketAddr) -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(target_os = "linux"))]
    fn share(&self) -> io::Result<Self> {
        Ok(Self {})
    }
}

#[cfg(target_os = "linux")]
impl From<std::os::fd::OwnedFd> for AddressLock {
    /// Holds a name that another process has taken.
    fn from(name: std::os::fd::OwnedFd) -> Self {
        Self { name: name.into() }
    }
}

#[cfg(target_os = "linux")]
impl std::os::fd::AsFd for AddressLock {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.name.as_fd()
    }
}
