//! The check of addresses for programs that pay nothing and keep no journal.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use l402_host::BoxFuture;
use url::Url;

use super::connection::NoResponse;
use super::guard::Guard;
use super::reach::{AllowedAddress, Reach};

/// The rule on addresses that a stranger has named, the same as that of a [`Client`](crate::Client): only
/// public addresses are asked, and those that somebody has allowed.
///
/// A program connects to the addresses that are returned and to no others: a second answer of DNS may
/// lead elsewhere.
///
/// ```
/// use l402_client::{AddressCheck, AddressError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let check = AddressCheck::new(vec!["10.0.0.0/8".parse()?], vec![("10.0.0.1".into(), 8403)]);
/// let found = check.addresses(&"https://10.1.2.3/".parse()?).await?;
/// assert_eq!(found, ["10.1.2.3:443".parse()?]);
/// for url in ["https://127.0.0.1/", "https://10.0.0.1:8403/"] {
///     let refused = check.addresses(&url.parse()?).await;
///     assert!(matches!(refused, Err(AddressError::Refused(_))), "{url}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AddressCheck {
    reach: Reach,
    guard: Guard,
}

/// The reason why there is no address to connect to. The text names the host, without its path.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// One of the addresses may not be asked.
    Refused(String),
    /// The name has no address.
    Unresolved(String),
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(text) | Self::Unresolved(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for AddressError {}

impl AddressCheck {
    /// Allows private addresses, and refuses those of the caller's own programs: hosts, as an address or a
    /// name, with their ports. What is `own` is refused even if it is allowed.
    #[must_use]
    pub fn new(allowed: Vec<AllowedAddress>, own: Vec<(String, u16)>) -> Self {
        Self {
            reach: Reach::new(allowed, Vec::new()),
            guard: Guard::new(own),
        }
    }

    /// Takes another resolver than that of the system. It is asked for a name, and not for `localhost`.
    #[must_use]
    pub fn with_resolver<F>(mut self, resolver: F) -> Self
    where
        F: Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync + 'static,
    {
        self.reach = self.reach.with_lookup(Arc::new(move |name| {
            let found = resolver(name);
            Box::pin(async move {
                let found = found.await?.into_iter();
                Ok(found.map(|ip| SocketAddr::new(ip, 0)).collect())
            })
        }));
        self
    }

    /// Returns the addresses that a URL leads to, all of which may be asked.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, AddressError> {
        self.reach.check_unnamed(url)?;
        let found = self.reach.addresses(url, &[&self.guard]).await?;
        if found.is_empty() {
            let host = url.host_str().unwrap_or_default();
            return Err(AddressError::Unresolved(format!("{host} has no address")));
        }
        Ok(found)
    }

    /// Returns true if somebody has allowed this host by name, or all of these addresses: that they are
    /// public is not enough. For programs that ask public addresses over https alone.
    #[must_use]
    pub fn is_allowed(&self, url: &Url, addresses: &[SocketAddr]) -> bool {
        self.reach.is_allowed(url, addresses)
    }
}

impl From<NoResponse> for AddressError {
    fn from(no_response: NoResponse) -> Self {
        match no_response {
            NoResponse::OtherHost(text)
            | NoResponse::OwnAddress(text)
            | NoResponse::PrivateAddress(text) => Self::Refused(text),
            other => Self::Unresolved(other.text()),
        }
    }
}
