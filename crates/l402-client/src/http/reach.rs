//! Private addresses: which of them a request may lead to.
//!
//! ```text
//!   URL ── an address, localhost ──▶ check:   public, allowed, or what the person typed
//!     └─── a name ─▶ resolver ─────▶ checked: each address public or allowed, or the name allowed
//!                        └─ through a proxy the proxy resolves, and nothing is checked here
//! ```
//!
//! The resolver is the one that the connection is made with, so a second answer of DNS leads nowhere
//! else. A connection that a layer's service makes is not: its name is resolved and checked before.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use l402_host::{BoxFuture, is_localhost, is_public_address};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::connection::NoResponse;
use super::guard::Guard;

/// A host or a network that may be asked although it is private: `printer.lan`, `10.1.2.3`,
/// `192.168.0.0/16`, `fd00::/8`.
///
/// ```
/// use l402_client::AllowedAddress;
///
/// for text in ["printer.lan", "10.1.2.3", "[fd00::1]", "192.168.0.0/16", "fd00::/8"] {
///     assert!(text.parse::<AllowedAddress>().is_ok(), "{text}");
/// }
/// for text in ["", "10.0.0.0/33", "10.0.0.1/8", "http://printer.lan", "printer.lan:80"] {
///     assert!(text.parse::<AllowedAddress>().is_err(), "{text}");
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedAddress(Allowed);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Allowed {
    /// In lower case, without a dot at the end.
    Name(String),
    /// An address, and the number of its first bits that count.
    Network(IpAddr, u8),
}

/// The reason why a text is no host and no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllowedAddressError {
    /// The text is neither a host name nor an address.
    Host,
    /// The network has bits behind its prefix, or a prefix that is too long.
    Network,
}

impl fmt::Display for AllowedAddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => {
                "write a host, an address or a network: printer.lan, 10.1.2.3, 10.0.0.0/8"
            }
            Self::Network => "a network is written with its first address: 10.0.0.0/8, fd00::/8",
        })
    }
}

impl std::error::Error for AllowedAddressError {}

impl FromStr for AllowedAddress {
    type Err = AllowedAddressError;

    fn from_str(text: &str) -> Result<Self, AllowedAddressError> {
        if let Some((network, bits)) = text.split_once('/') {
            let digits = bits.bytes().all(|byte| byte.is_ascii_digit());
            let bits = digits.then(|| bits.parse().ok()).flatten();
            let network = network.parse::<IpAddr>().ok().zip(bits);
            let (ip, bits) = network.ok_or(AllowedAddressError::Network)?;
            let is_whole = masked(ip, bits).is_some_and(|masked| masked == bits_of(ip));
            return is_whole
                .then_some(Self(Allowed::Network(ip, bits)))
                .ok_or(AllowedAddressError::Network);
        }
        if let Ok(ip) = text.parse() {
            return Ok(Self::one(ip));
        }
        // As a URL reads it, so that the two are written alike.
        match Host::parse(text).map_err(|_| AllowedAddressError::Host)? {
            Host::Ipv4(ip) => Ok(Self::one(ip.into())),
            Host::Ipv6(ip) => Ok(Self::one(ip.into())),
            Host::Domain(name) => Ok(Self(Allowed::Name(plain(&name)))),
        }
    }
}

impl AllowedAddress {
    fn one(ip: IpAddr) -> Self {
        Self(Allowed::Network(ip, if ip.is_ipv4() { 32 } else { 128 }))
    }

    fn names(&self, host: &str) -> bool {
        matches!(&self.0, Allowed::Name(name) if *name == plain(host))
    }

    fn holds(&self, ip: IpAddr) -> bool {
        match &self.0 {
            Allowed::Name(name) => is_localhost(name) && ip.to_canonical().is_loopback(),
            // Each as it is written, or else an IPv4 address that is written in IPv6.
            Allowed::Network(network, bits) => [ip, ip.to_canonical()].into_iter().any(|ip| {
                ip.is_ipv4() == network.is_ipv4() && masked(ip, *bits) == Some(bits_of(*network))
            }),
        }
    }
}

fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Returns an address as a number whose highest bit is the first one.
fn bits_of(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()) << 96,
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// Returns the first `bits` of an address, with zeros behind them. `None` if it has fewer bits.
fn masked(ip: IpAddr, bits: u8) -> Option<u128> {
    let all = if ip.is_ipv4() { 32 } else { 128 };
    let rest = (bits <= all).then(|| 128 - u32::from(bits))?;
    Some(bits_of(ip) & u128::MAX.checked_shl(rest).unwrap_or(0))
}

/// The address that a person typed as the host of a URL, or named by `localhost`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypedAddress(Option<IpAddr>);

impl TypedAddress {
    /// Nobody typed it: the URL comes from somebody else than the person.
    pub(super) const NONE: Self = Self(None);

    pub(crate) fn of(url: &Url) -> Self {
        Self(literal(url))
    }

    fn covers(self, ip: IpAddr) -> bool {
        self.0.is_some_and(|typed| {
            let [typed, ip] = [typed, ip].map(|it| it.to_canonical());
            // All loopback addresses are one machine.
            typed == ip || (typed.is_loopback() && ip.is_loopback())
        })
    }
}

/// Returns the address in a URL, without asking a resolver.
fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(ip) => Some(ip.into()),
        Host::Ipv6(ip) => Some(ip.into()),
        Host::Domain(name) => is_localhost(name).then_some(Ipv4Addr::LOCALHOST.into()),
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The reason why a `.onion` host has no address here.
const ONION: &str = "a .onion host is reached through Tor alone, which no resolver is: \
                     use -x socks5h://HOST:PORT";

fn is_onion(name: &str) -> bool {
    let name = plain(name);
    name == "onion" || name.ends_with(".onion")
}

/// Finds the addresses of a name, without a port.
pub(super) type Lookup =
    Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// Returns a lookup that the resolver of the system answers.
fn system_lookup() -> Lookup {
    Arc::new(|name| {
        // The client puts the port in.
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
    })
}

/// The rule on private addresses, and the resolver that keeps it.
#[derive(Clone)]
pub(crate) struct Reach {
    allowed: Arc<[AllowedAddress]>,
    /// The hosts of proxies, which somebody has named, too.
    proxies: Arc<[String]>,
    lookup: Lookup,
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reach")
            .field("allowed", &self.allowed)
            .finish_non_exhaustive()
    }
}

impl Reach {
    pub(crate) fn new(allowed: Vec<AllowedAddress>, proxies: Vec<String>) -> Self {
        Self {
            allowed: allowed.into(),
            proxies: proxies.into(),
            lookup: system_lookup(),
        }
    }

    /// Takes another resolver than that of the system.
    pub(super) fn with_lookup(mut self, lookup: Lookup) -> Self {
        self.lookup = lookup;
        self
    }

    /// Refuses a URL whose host is a private address that is neither allowed nor `typed`. The addresses
    /// of a name are checked when it is resolved.
    pub(super) fn check(&self, url: &Url, typed: TypedAddress) -> Result<(), NoResponse> {
        match literal(url) {
            Some(ip) if !self.admits(ip) && !typed.covers(ip) => {
                let host = url.host_str().unwrap_or_default();
                Err(NoResponse::PrivateAddress(format!(
                    "a redirect leads to {host}, a private address that nobody named"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a URL whose host is a private address that nobody has allowed.
    pub(super) fn check_unnamed(&self, url: &Url) -> Result<(), NoResponse> {
        self.check(url, TypedAddress::NONE).map_err(|_| {
            let host = url.host_str().unwrap_or_default();
            NoResponse::PrivateAddress(format!(
                "{host} is a private address that nobody has allowed"
            ))
        })
    }

    /// Returns true if somebody has allowed this host by name, or all of these addresses: that they are
    /// public is not enough.
    pub(super) fn is_allowed(&self, url: &Url, addresses: &[SocketAddr]) -> bool {
        let holds = |ip: IpAddr| self.allowed.iter().any(|it| it.holds(ip));
        let is_named = matches!(url.host(), Some(Host::Domain(name)) if self.allows(name));
        is_named || (!addresses.is_empty() && addresses.iter().all(|it| holds(it.ip())))
    }

    /// Resolves the host of a URL and checks it, for a connection that somebody else makes. One that is
    /// not found is left to them: their way out may be a proxy that finds it.
    pub(super) async fn check_name(&self, url: &Url) -> Result<(), NoResponse> {
        let Some(Host::Domain(name)) = url.host() else {
            return Ok(());
        };
        match self.find(name).await {
            Err(error) if error.is::<LeadsAway>() => {
                Err(NoResponse::PrivateAddress(error.to_string()))
            }
            Err(error) if !error.is::<io::Error>() => Err(NoResponse::Other(error.to_string())),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn admits(&self, ip: IpAddr) -> bool {
        is_public_address(ip) || self.allowed.iter().any(|it| it.holds(ip))
    }

    fn allows(&self, name: &str) -> bool {
        self.allowed.iter().any(|it| it.names(name))
    }

    /// Returns the addresses of a name, without a port, if all of them may be asked.
    async fn find(&self, name: &str) -> Result<Vec<SocketAddr>, BoxError> {
        // Never by a resolver, which may say something else. `check` has let it pass.
        if is_localhost(name) {
            let [v4, v6] = [IpAddr::V4(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
            return Ok(vec![SocketAddr::new(v4, 0), SocketAddr::new(v6, 0)]);
        }
        // RFC 7686, section 2: a server that answers for such a name would be taken for the inside of Tor.
        if is_onion(name) && !self.allows(name) {
            return Err(ONION.into());
        }
        let found = (self.lookup)(name.to_owned()).await?;
        Ok(self.checked(name, found)?)
    }

    /// Returns the addresses of a name, if all of them may be asked.
    fn checked(&self, name: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, LeadsAway> {
        let is_named =
            self.allows(name) || self.proxies.iter().any(|proxy| plain(proxy) == plain(name));
        if is_named {
            return Ok(found);
        }
        // One that may not is enough: a name with both is a name of somebody who tries.
        match found.iter().find(|it| !self.admits(it.ip())) {
            None => Ok(found),
            Some(address) => Err(LeadsAway(format!(
                "{name} leads to {}, a private address that nobody named",
                address.ip()
            ))),
        }
    }

    /// Returns the addresses that a URL leads to, which `check` has let pass: those and no others may
    /// be connected to. None of them is one that a guard keeps.
    pub(super) async fn addresses(
        &self,
        url: &Url,
        guards: &[&Guard],
    ) -> Result<Vec<SocketAddr>, NoResponse> {
        let found = self.resolved(url).await?;
        for address in &found {
            let Ok(literal) = Url::parse(&format!("http://{address}/")) else {
                continue;
            };
            for guard in guards {
                guard.check(&literal).await?;
            }
        }
        Ok(found)
    }

    async fn resolved(&self, url: &Url) -> Result<Vec<SocketAddr>, NoResponse> {
        let mut found = match url.host() {
            Some(Host::Ipv4(ip)) => vec![SocketAddr::new(ip.into(), 0)],
            Some(Host::Ipv6(ip)) => vec![SocketAddr::new(ip.into(), 0)],
            Some(Host::Domain(name)) => {
                let found = self.find(name).await;
                found.map_err(|error| match error.downcast::<LeadsAway>() {
                    Ok(away) => NoResponse::PrivateAddress(away.0),
                    Err(error) => NoResponse::Unresolved(error.to_string()),
                })?
            }
            None => Vec::new(),
        };
        for address in &mut found {
            address.set_port(url.port_or_known_default().unwrap_or_default());
        }
        Ok(found)
    }
}

impl Resolve for Reach {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.clone();
        Box::pin(async move {
            let found = reach.find(name.as_str()).await?;
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

/// The error of a name that leads to a private address.
#[derive(Debug)]
struct LeadsAway(String);

impl fmt::Display for LeadsAway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LeadsAway {}

/// Returns the text of a request that failed because its name leads to a private address.
pub(super) fn leads_away(error: &reqwest::Error) -> Option<String> {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(LeadsAway(text)) = inner.downcast_ref() {
            return Some(text.clone());
        }
        cause = inner.source();
    }
    None
}

#[cfg(test)]
mod tests;
