//! The socket of the listener for operators, bound before the gateway serves.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use l402_host::Clock;

use super::program::Program;
use super::serve::{AdminParts, AdminServer};
#[cfg(unix)]
use super::socket_file::SocketFile;
use super::state::Admin;
use super::token::AdminToken;
use crate::config::{AdminAddress, AdminSettings};
use crate::run::Home;
use crate::{Config, Gateway, GatewayError, GatewayErrorKind, listen};

/// The name of the socket for the process that takes it over.
const PURPOSE: &str = "admin";

/// The listener for operators, bound and not yet served. Answers nobody until
/// [`AdminListener::serve`].
#[derive(Debug)]
pub struct AdminListener {
    socket: Socket,
    /// True if the socket is to be handed on: one that was inherited is already.
    is_new: bool,
    settings: AdminSettings,
    token: AdminToken,
    home: Home,
    tls: Option<Arc<rustls::ServerConfig>>,
}

/// A bound socket.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix {
        listener: std::os::unix::net::UnixListener,
        file: Arc<SocketFile>,
    },
}

impl AdminListener {
    /// Binds the address of the table `[admin]`, and makes the token if there is none. `None` if the
    /// configuration has no such table. Blocks for a moment.
    ///
    /// # Errors
    /// [`GatewayError`] if the address is taken, or if certificate or token cannot be used.
    pub fn bind(
        config: &Config,
        home: &Home,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<Self>, GatewayError> {
        Self::bind_by(config, home, clock, |address| {
            let socket = Socket::bind(address, false)?;
            socket.put_in_place()?;
            Ok((socket, true))
        })
    }

    /// Takes the socket of the process before this one over, or binds the address. `None` as with
    /// [`AdminListener::bind`]. To be called before [`Gateway::take_over`], and
    /// [`AdminServer::take_over`] after it.
    ///
    /// # Errors
    /// As [`AdminListener::bind`].
    pub fn take_over(
        config: &Config,
        home: &Home,
        clock: Arc<dyn Clock>,
        gateway: &Gateway,
    ) -> Result<Option<Self>, GatewayError> {
        Self::bind_by(config, home, clock, |address| {
            if let AdminAddress::Tcp(address) = address
                && let Some(listener) = gateway.inherited(PURPOSE, *address)
            {
                return Ok((Socket::Tcp(listener), false));
            }
            // The file stays that of the process before this one, which may have to go on.
            Ok((Socket::bind(address, true)?, true))
        })
    }

    fn bind_by(
        config: &Config,
        home: &Home,
        clock: Arc<dyn Clock>,
        bind: impl FnOnce(&AdminAddress) -> io::Result<(Socket, bool)>,
    ) -> Result<Option<Self>, GatewayError> {
        let settings = config.fixed.admin.clone();
        let Some(address) = &settings.listen else {
            return Ok(None);
        };
        let client_ca = settings.tls_client_ca.as_deref();
        let tls = settings.tls.as_ref();
        let tls = tls.map(|files| listen::operator_tls(files, client_ca));
        let tls = tls.transpose()?;
        // Before the bind, which may put a socket file in place: an error leaves nothing behind.
        let token = AdminToken::open(home, clock)?;
        let (socket, is_new) = bind(address).map_err(|error| cannot_listen(address, error))?;
        Ok(Some(Self {
            socket,
            is_new,
            token,
            home: home.clone(),
            tls,
            settings,
        }))
    }

    /// The address, port 0 resolved; `None` for a socket of Unix.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(unix)]
            Socket::Unix { .. } => None,
        }
    }

    /// Serves on a thread of its own, until the result is dropped.
    ///
    /// # Errors
    /// [`GatewayError`] if there is no thread for it.
    pub fn serve(
        self,
        gateway: Arc<Gateway>,
        program: Arc<dyn Program>,
    ) -> Result<AdminServer, GatewayError> {
        let address = self.local_addr();
        if self.is_new {
            self.hand_on(&gateway);
        }
        let admin = Admin::new(gateway, program, self.settings, self.token, &self.home);
        AdminServer::start(AdminParts {
            socket: self.socket,
            address,
            tls: self.tls,
            admin: Arc::new(admin),
        })
    }
}

impl AdminListener {
    /// Has the next process get the socket, if it has an address.
    fn hand_on(&self, gateway: &Gateway) {
        if let (Socket::Tcp(listener), Some(AdminAddress::Tcp(named))) =
            (&self.socket, &self.settings.listen)
            && let Err(error) = gateway.hand_on(PURPOSE, *named, listener)
        {
            tracing::warn!(%error, "an upgrade has to bind the listener for operators anew");
        }
    }
}

impl Socket {
    /// Binds an address. A socket of Unix has another name until [`Socket::put_in_place`]. `replaces` is true if
    /// a socket of this name that is in use will give way then.
    fn bind(address: &AdminAddress, replaces: bool) -> io::Result<Self> {
        match address {
            AdminAddress::Tcp(address) => {
                let listener = TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                Ok(Self::Tcp(listener))
            }
            AdminAddress::Unix(path) => Self::bind_unix(path, replaces),
        }
    }

    #[cfg(unix)]
    fn bind_unix(path: &Path, replaces: bool) -> io::Result<Self> {
        use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
        use std::os::unix::net::{UnixListener, UnixStream};
        match std::fs::symlink_metadata(path) {
            // A socket that nobody listens at is what a crash leaves.
            Ok(found) if found.file_type().is_socket() => {
                if !replaces && UnixStream::connect(path).is_ok() {
                    return Err(io::ErrorKind::AddrInUse.into());
                }
            }
            Ok(_) => return Err(io::Error::other("something else has this name")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        // Under another name until its mode is right: nobody else can connect for a moment.
        let draft = path.with_file_name(format!(".l402-{}", hex::encode(random)));
        let listener = UnixListener::bind(&draft)?;
        let made = std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o600))
            .and_then(|()| listener.set_nonblocking(true))
            .and_then(|()| SocketFile::of(&draft, path));
        match made {
            Ok(file) => Ok(Self::Unix {
                listener,
                file: Arc::new(file),
            }),
            Err(error) => {
                let _ = std::fs::remove_file(&draft);
                Err(error)
            }
        }
    }

    /// Returns the file of a socket of Unix.
    #[cfg(unix)]
    pub(super) fn file(&self) -> Option<Arc<SocketFile>> {
        match self {
            Self::Tcp(_) => None,
            Self::Unix { file, .. } => Some(Arc::clone(file)),
        }
    }

    /// Gives a socket of Unix its name, and takes it from the one that has it.
    fn put_in_place(&self) -> io::Result<()> {
        match self {
            Self::Tcp(_) => Ok(()),
            #[cfg(unix)]
            Self::Unix { file, .. } => file.put_in_place(),
        }
    }

    #[cfg(not(unix))]
    fn bind_unix(_: &Path, _: bool) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

fn cannot_listen(address: &AdminAddress, error: io::Error) -> GatewayError {
    let (kind, why) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            GatewayErrorKind::AddressInUse,
            "address in use; end the other program, or choose another address (admin.listen)"
                .to_owned(),
        ),
        _ => (GatewayErrorKind::Listen, error.to_string()),
    };
    let text = format!("cannot listen on {address} for operators: {why}");
    GatewayError::new(kind, text).with_source(error)
}
