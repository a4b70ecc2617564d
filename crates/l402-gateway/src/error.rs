//! The error of a gateway that does not start or reload.

use core::fmt;
use std::error::Error;

/// The reason why a gateway does not start or reload.
///
/// `Display` names the address, file or key, and the fix. [`GatewayError::kind`] says what a program
/// that starts gateways may do next.
#[derive(Debug)]
pub struct GatewayError {
    kind: GatewayErrorKind,
    text: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kind of a [`GatewayError`]: one for each thing that an operator may have to fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GatewayErrorKind {
    /// Another program, or another gateway, listens on an address.
    AddressInUse,
    /// A certificate or key of TLS that the configuration names cannot be used.
    Certificate,
    /// The values of the configuration contradict each other, or do not go with the node.
    Configuration,
    /// The ledger cannot be opened: damaged, another program's, or the disk says no.
    Ledger,
    /// An address cannot be listened on: it is not one of this machine, or not permitted.
    Listen,
    /// The master key cannot be read, or is no sound key.
    MasterKey,
    /// A newer version of this program wrote a file.
    NewerFile,
    /// The ledger does not go with the keys: it is new, older than it was, or another's, or a key is
    /// gone or replaced. Spent tokens could be used again.
    OtherLedger,
    /// The operating system gives no thread, or a thread has ended.
    Runtime,
    /// No running gateway can hand its sockets over, or it has not.
    Upgrade,
    /// A private file is open to others, is not a plain file, or belongs to another user.
    UnsafeFile,
}

impl GatewayError {
    /// An error of this kind; `text` is a lower-case fragment without secrets.
    pub(crate) fn new(kind: GatewayErrorKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
            source: None,
        }
    }

    /// Adds the error that this one comes from.
    pub(crate) fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// The kind, by which a caller branches.
    #[must_use]
    pub const fn kind(&self) -> GatewayErrorKind {
        self.kind
    }
}

impl fmt::Display for GatewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for GatewayError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
