//! The table `[admin]`: the listener for operators.

use core::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use l402_host::{ListenAddress, named_path};

use super::item::HostName;
use super::section::Section;
use super::tls::TlsFiles;

/// The address of the listener, unless the table names another.
const LISTEN: &str = "127.0.0.1:8405";

/// The beginning of an address that is a socket of Unix.
const UNIX: &str = "unix:";

/// The address of the listener for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AdminAddress {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl fmt::Display for AdminAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl AdminAddress {
    /// Returns true if other machines can reach it.
    pub(crate) fn is_public(&self) -> bool {
        matches!(self, Self::Tcp(address) if !address.ip().is_loopback())
    }
}

/// The settings of the listener for operators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AdminSettings {
    /// `None` without the table: then nothing listens.
    pub(crate) listen: Option<AdminAddress>,
    /// The names that it answers to, beside its address.
    pub(crate) hosts: Vec<String>,
    /// True if `/metrics` and `/readyz` need the token on this machine, too.
    pub(crate) metrics_token: bool,
    /// `None` serves plain HTTP.
    pub(crate) tls: Option<TlsFiles>,
    /// File (PEM) of the authorities that a client's certificate must come from. `None` asks for no
    /// certificate.
    pub(crate) tls_client_ca: Option<PathBuf>,
}

/// Reads the table.
pub(super) fn read(root: &Section<'_, '_>, folder: &Path) -> AdminSettings {
    let Some(section) = root.table("admin") else {
        return AdminSettings::default();
    };
    let listen = address(&section, folder);
    let tls = tls(&section, folder);
    if listen.as_ref().is_some_and(AdminAddress::is_public) && tls.is_none() {
        section.wrong(
            "listen",
            "other machines can reach it, and the token would go there in plain text; write \
             tls_certificate and tls_key, or listen on 127.0.0.1 or \"unix:/path/of/a/socket\"",
        );
    }
    let hosts = section.list::<HostName>("hosts").unwrap_or_default();
    let settings = AdminSettings {
        listen,
        hosts: hosts.into_iter().map(|host| host.0).collect(),
        metrics_token: section.flag("metrics_token", false),
        tls_client_ca: client_ca(&section, folder),
        tls,
    };
    section.finish();
    settings
}

/// Reads the address; `None` if it is wrong, which has been noted.
fn address(section: &Section<'_, '_>, folder: &Path) -> Option<AdminAddress> {
    let text = if section.has("listen") {
        section.text("listen")?
    } else {
        // Asked for all the same, so that it is among the keys that the table has.
        section.value("listen");
        LISTEN
    };
    if let Some(path) = text.strip_prefix(UNIX) {
        if path.is_empty() || !cfg!(unix) {
            section.wrong(
                "listen",
                "write a path, on a system with sockets of Unix: \"unix:/run/l402/admin.sock\"",
            );
            return None;
        }
        return Some(AdminAddress::Unix(named_path(folder, path)));
    }
    match text.parse::<ListenAddress>() {
        Ok(address) => Some(AdminAddress::Tcp(address.0)),
        Err(error) => {
            section.wrong("listen", format!("{error}, or \"unix:/path/of/a/socket\""));
            None
        }
    }
}

/// Reads the file of the authorities of clients.
fn client_ca(section: &Section<'_, '_>, folder: &Path) -> Option<PathBuf> {
    let file = section.text("tls_client_ca")?;
    if !section.has("tls_certificate") {
        section.wrong(
            "tls_client_ca",
            "clients show certificates over TLS alone; write tls_certificate = \"admin.pem\" and tls_key = \
             \"admin.key\", too",
        );
    }
    Some(named_path(folder, file))
}

/// Reads certificate and key, of which none is alone.
fn tls(section: &Section<'_, '_>, folder: &Path) -> Option<TlsFiles> {
    let [certificate, key] = ["tls_certificate", "tls_key"]
        .map(|key| section.text(key).map(|file| named_path(folder, file)));
    for (one, other) in [
        ("tls_certificate", "tls_key"),
        ("tls_key", "tls_certificate"),
    ] {
        if section.has(one) && !section.has(other) {
            let file = if other == "tls_key" {
                "admin.key"
            } else {
                "admin.pem"
            };
            let text = format!("missing; {one} needs it, both PEM files: {other} = \"{file}\"");
            section.wrong(other, text);
        }
    }
    Some(TlsFiles {
        certificate: certificate?,
        key: key?,
    })
}
