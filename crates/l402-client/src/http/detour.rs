//! Connections that lead elsewhere than their URL says, and the resolver of names.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// The rules of one client.
#[derive(Clone, Debug, Default)]
pub(super) struct Detours {
    addresses: Vec<(String, u16, Vec<IpAddr>)>,
    places: Vec<(Place, Place)>,
    /// `Some(true)` for IPv6 alone, `Some(false)` for IPv4 alone.
    ipv6: Option<bool>,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A host and a port, each of them `None` for any.
type Place = (Option<String>, Option<u16>);

/// The place that a connection leads to in place of that of its URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Way {
    /// The host of the URL, as a resolver is asked for it.
    host: String,
    /// The port of the URL.
    port: u16,
    to: (String, u16),
    addresses: Option<Vec<IpAddr>>,
    /// The caller has named the host or the addresses that it leads to.
    is_named: bool,
}

/// Returns a host as it is compared: in lower case, an IPv6 address without its brackets.
fn plain(host: &str) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.trim_end_matches('.').to_ascii_lowercase()
}

impl Detours {
    pub(super) fn set_ipv6(&mut self, on: bool) {
        self.ipv6 = Some(on);
    }

    pub(super) fn resolve(&mut self, host: &str, port: u16, addresses: Vec<IpAddr>) {
        // The newest first: it is the first that fits.
        self.addresses.insert(0, (plain(host), port, addresses));
    }

    pub(super) fn connect_to(
        &mut self,
        from: (Option<&str>, Option<u16>),
        to: (Option<&str>, Option<u16>),
    ) {
        let place = |(host, port): (Option<&str>, _)| (host.map(plain), port);
        self.places.push((place(from), place(to)));
    }

    /// Returns a text that tells these rules from others, `None` if there are none.
    pub(super) fn key(&self) -> Option<String> {
        let is_empty = self.addresses.is_empty() && self.places.is_empty();
        (!is_empty).then(|| format!("{:?} {:?}", self.addresses, self.places))
    }

    /// Returns the way to a URL, `None` if it is the one that the URL says.
    pub(super) fn way(&self, url: &Url) -> Option<Way> {
        let (host, port) = (plain(url.host_str()?), url.port_or_known_default()?);
        let fits = |(from, _): &&(Place, Place)| {
            from.0.as_ref().is_none_or(|it| *it == host) && from.1.is_none_or(|it| it == port)
        };
        let place = self.places.iter().find(fits).map(|(_, to)| to);
        let to = place.map_or_else(
            || (host.clone(), port),
            |to| {
                let to_host = to.0.clone().unwrap_or_else(|| host.clone());
                (to_host, to.1.unwrap_or(port))
            },
        );
        let named =
            |(name, at, _): &&(String, u16, _)| (*name == to.0 || name == "*") && *at == to.1;
        let addresses = self.addresses.iter().find(named);
        let addresses = addresses.map(|(_, _, addresses)| addresses.clone());
        let is_named = addresses.is_some() || place.is_some_and(|to| to.0.is_some());
        (addresses.is_some() || to != (host.clone(), port)).then_some(Way {
            host,
            port,
            to,
            addresses,
            is_named,
        })
    }

    /// Returns the resolver of requests that go the way of their URL, or one `way`. Any other name, such
    /// as that of a proxy, is resolved by `others`.
    pub(super) fn resolver(&self, way: Option<&Way>, others: Arc<dyn Resolve>) -> Resolver {
        Resolver {
            way: way.cloned(),
            ipv6: self.ipv6,
            others,
        }
    }
}

impl Way {
    /// Returns true if the connection leads to another port than that of the URL.
    pub(super) fn changes_port(&self) -> bool {
        self.to.1 != self.port
    }

    /// Returns true if the caller has named the host or the addresses that the connection leads to, in
    /// place of those of the URL.
    pub(super) fn is_named(&self) -> bool {
        self.is_named
    }

    /// Returns true if the connection stays on this machine.
    pub(super) fn is_here(&self) -> bool {
        let is_here = |ip: &IpAddr| ip.to_canonical().is_loopback();
        match (&self.addresses, self.to.0.parse::<IpAddr>()) {
            (Some(addresses), _) => addresses.iter().all(is_here),
            (None, Ok(ip)) => is_here(&ip),
            (None, Err(_)) => self.to.0 == "localhost" || self.to.0.ends_with(".localhost"),
        }
    }

    /// Returns the URLs of the places that the connection leads to, for those who guard addresses.
    pub(super) fn targets(&self, url: &Url) -> Vec<Url> {
        let hosts = match &self.addresses {
            Some(addresses) => addresses.iter().map(ToString::to_string).collect(),
            None => vec![self.to.0.clone()],
        };
        let targets = hosts.into_iter().filter_map(|host| {
            let host = match host.parse() {
                Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
                _ => host,
            };
            format!("{}://{host}:{}/", url.scheme(), self.to.1)
                .parse()
                .ok()
        });
        targets.collect()
    }

    /// Returns the URL with which the HTTP client finds this way, if it is another than the request's:
    /// an address is not resolved, and a port that stands in a URL wins over that of a resolver.
    ///
    /// # Errors
    /// If the host is an address over TLS: its certificate could not be checked.
    pub(super) fn disguise(&self, url: &Url) -> Result<Option<Url>, String> {
        let is_address = !matches!(url.host(), Some(Host::Domain(_)));
        if is_address && url.scheme() == "https" {
            return Err(
                "over https, a connection is led elsewhere from a name, not from an address".into(),
            );
        }
        if !is_address && (!self.changes_port() || url.port().is_none()) {
            return Ok(None);
        }
        let mut disguised = url.clone();
        if is_address {
            disguised
                .set_host(Some(STAND_IN))
                .map_err(|error| error.to_string())?;
        }
        // Only an address without a host has no port to take away, and it came this far.
        let _ = disguised.set_port(None);
        Ok(Some(disguised))
    }

    fn is_asked_as(&self, name: &str) -> bool {
        name == STAND_IN || plain(name) == self.host
    }
}

/// A name in place of an address, for which the resolver is asked.
const STAND_IN: &str = "address.invalid";

/// Resolves names, some of them to what the caller has said.
pub(super) struct Resolver {
    way: Option<Way>,
    ipv6: Option<bool>,
    others: Arc<dyn Resolve>,
}

/// Asks the resolver of the system.
pub(super) struct SystemResolver;

/// A name has no address, or its resolver does not answer.
#[derive(Debug)]
pub(super) struct Unresolved(io::Error);

impl std::fmt::Display for Unresolved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Unresolved {}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let way = self.way.clone();
        let way = way.filter(|way| way.is_asked_as(name.as_str()));
        let (ipv6, others) = (self.ipv6, Arc::clone(&self.others));
        Box::pin(async move {
            let found = match way {
                Some(Way {
                    addresses: Some(addresses),
                    to,
                    ..
                }) => addresses.into_iter().map(|ip| (ip, to.1).into()).collect(),
                Some(Way { to, .. }) => place(&to, &*others).await?,
                None => others.resolve(name).await.map_err(unresolved)?.collect(),
            };
            let fits = |it: &SocketAddr| ipv6.is_none_or(|ipv6| it.is_ipv6() == ipv6);
            let found: Vec<_> = found.into_iter().filter(fits).collect();
            if found.is_empty() {
                let text = "the name has no address of this version of IP";
                return Err(Unresolved(io::Error::new(io::ErrorKind::NotFound, text)).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // Port 0 stands for that of the URL.
            let found = lookup(name.as_str(), 0).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Returns the addresses of a place. One that is an address already is not resolved; a name is, by the
/// rules of all names.
async fn place(
    (host, port): &(String, u16),
    others: &dyn Resolve,
) -> Result<Vec<SocketAddr>, BoxError> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![(ip, *port).into()]);
    }
    let name: Name = host.parse()?;
    let found = others.resolve(name).await.map_err(unresolved)?;
    Ok(found.map(|it| (it.ip(), *port).into()).collect())
}

/// Marks the error of a resolver that has no answer. Any other, such as a refusal, stays as it is.
fn unresolved(error: BoxError) -> BoxError {
    match error.downcast::<io::Error>() {
        Ok(error) => Unresolved(*error).into(),
        Err(other) => other,
    }
}

async fn lookup(name: &str, port: u16) -> Result<Vec<SocketAddr>, Unresolved> {
    let found = tokio::net::lookup_host((name, port)).await;
    found.map(Iterator::collect).map_err(Unresolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_place_that_fits_counts_and_then_its_address() {
        let mut detours = Detours::default();
        detours.connect_to((Some("a.example"), Some(80)), (Some("b.example"), Some(81)));
        detours.connect_to((None, None), (None, Some(82)));
        detours.resolve("b.example", 81, vec![IpAddr::from([127, 0, 0, 1])]);
        let way = detours.way(&url("http://A.example/x")).unwrap();
        assert_eq!(way.to, ("b.example".to_owned(), 81));
        assert!(way.is_here() && way.changes_port());
        let way = detours.way(&url("http://a.example:8080/")).unwrap();
        assert_eq!(way.to, ("a.example".to_owned(), 82));
        assert!(!way.is_here());
        // Only for its own port.
        let mut detours = Detours::default();
        detours.resolve("a.example", 443, vec![IpAddr::from([10, 0, 0, 1])]);
        assert!(detours.way(&url("http://a.example/")).is_none());
        assert!(detours.way(&url("https://a.example/")).is_some());
    }

    #[test]
    fn a_url_is_disguised_only_if_the_client_would_not_find_the_way() {
        let mut detours = Detours::default();
        detours.connect_to((None, None), (Some("127.0.0.1"), Some(8402)));
        for (asked, disguise) in [
            ("https://a.example/x?y", Ok(None)),
            ("https://a.example:8402/", Ok(None)),
            (
                "https://a.example:444/x?y",
                Ok(Some("https://a.example/x?y")),
            ),
            ("http://10.0.0.1:81/x", Ok(Some("http://address.invalid/x"))),
            ("https://10.0.0.1/", Err(())),
        ] {
            let way = detours.way(&url(asked)).unwrap();
            let found = way.disguise(&url(asked)).map_err(drop);
            assert_eq!(found, disguise.map(|it| it.map(url)), "{asked}");
        }
    }
}
