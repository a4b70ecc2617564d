//! The keys `trusted_proxies` and `proxy_protocol`: the proxies in front of the gateway, and the
//! listeners that they begin a connection at with a PROXY header.

use core::fmt;
use core::str::FromStr;
use std::net::{IpAddr, SocketAddr};

use l402_host::ListenAddress;

use super::section::Section;

/// The proxies in front of the gateway. Only these are believed when they name a client's address,
/// scheme and host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProxiesSettings {
    trusted: Vec<AddressBlock>,
}

impl ProxiesSettings {
    /// Returns true if an address, in its canonical form, is that of a trusted proxy.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|block| block.contains(address))
    }

    /// Returns true if no proxy is trusted.
    pub(crate) fn is_empty(&self) -> bool {
        self.trusted.is_empty()
    }
}

/// The addresses with the same first bits, as `10.0.0.0/8` or `::1` names them (CIDR).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct AddressBlock {
    base: IpAddr,
    /// The number of first bits that count: 1 to 32, or to 128.
    bits: u32,
}

impl AddressBlock {
    fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(one)) => {
                (base.to_bits() ^ one.to_bits()).leading_zeros() >= self.bits
            }
            (IpAddr::V6(base), IpAddr::V6(one)) => {
                (base.to_bits() ^ one.to_bits()).leading_zeros() >= self.bits
            }
            _ => false,
        }
    }

    /// Returns the lowest address of the block.
    fn lowest(&self) -> IpAddr {
        match self.base {
            IpAddr::V4(base) => IpAddr::V4((base.to_bits() & (!0 << (32 - self.bits))).into()),
            IpAddr::V6(base) => IpAddr::V6((base.to_bits() & (!0 << (128 - self.bits))).into()),
        }
    }
}

/// The reason why a text is no block of addresses, with the fix.
#[derive(Debug, PartialEq, Eq)]
struct BlockError(String);

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AddressBlock {
    type Err = BlockError;

    fn from_str(text: &str) -> Result<Self, BlockError> {
        let wrong = |fix: &str| BlockError(fix.to_owned());
        let (address, bits) = text
            .split_once('/')
            .map_or((text, None), |(address, bits)| (address, Some(bits)));
        let base: IpAddr = address.parse().map_err(|_| {
            wrong("not an address; write \"10.0.0.1\", \"10.0.0.0/8\" or \"fd00::/8\"")
        })?;
        let all = if base.is_ipv4() { 32 } else { 128 };
        // Clients of IPv4 are compared by their address of IPv4, whatever the socket says.
        if base.to_canonical() != base {
            let plain = base.to_canonical();
            return Err(BlockError(format!(
                "an address of IPv4 in IPv6; write \"{plain}\""
            )));
        }
        let digits = |bits: &&str| bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits = match bits {
            None => all,
            Some(bits) => Some(bits)
                .filter(digits)
                .and_then(|bits| bits.parse().ok())
                .filter(|bits| *bits <= all)
                .ok_or_else(|| {
                    wrong(
                        "the number behind \"/\" is none up to 32, or 128 for IPv6: \"10.0.0.0/8\"",
                    )
                })?,
        };
        if bits == 0 {
            return Err(wrong(
                "every address would be a trusted proxy, and a client could claim any; name the \
                 networks of your proxies, such as \"10.0.0.0/8\"",
            ));
        }
        let block = Self { base, bits };
        match block.lowest() {
            lowest if lowest == base => Ok(block),
            lowest => Err(BlockError(format!("write \"{lowest}/{bits}\""))),
        }
    }
}

/// The listeners whose connections begin with a PROXY header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum ProxyListeners {
    #[default]
    None,
    All,
    /// Some addresses of `listen`, as they are written there.
    These(Vec<SocketAddr>),
}

impl ProxyListeners {
    /// Returns true if connections to an address of `listen` begin with a PROXY header.
    pub(crate) fn include(&self, listen: &SocketAddr) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::These(some) => some.contains(listen),
        }
    }

    /// Checks the listeners against `listen` and the trusted proxies. The error is the key to blame
    /// and the fix.
    pub(super) fn check(
        &self,
        listen: &[SocketAddr],
        proxies: &ProxiesSettings,
    ) -> Result<(), (&'static str, String)> {
        if let Self::These(some) = self
            && let Some(other) = some.iter().find(|address| !listen.contains(address))
        {
            let shown = listen
                .first()
                .map_or_else(String::new, |it| format!(", such as \"{it}\""));
            let text = format!(
                "{other} is no address of listen; write one that is{shown}, or true for all"
            );
            return Err(("proxy_protocol", text));
        }
        if *self != Self::None && proxies.is_empty() {
            let text = "missing; with proxy_protocol, connections come from these proxies alone: \
                        write trusted_proxies = [\"127.0.0.1\"]";
            return Err(("trusted_proxies", text.to_owned()));
        }
        Ok(())
    }
}

/// Reads the trusted proxies.
pub(super) fn read(root: &Section<'_, '_>) -> ProxiesSettings {
    ProxiesSettings {
        trusted: root.list("trusted_proxies").unwrap_or_default(),
    }
}

/// Reads the listeners with a PROXY header: true, false, or a list.
pub(super) fn listeners(root: &Section<'_, '_>) -> ProxyListeners {
    let key = "proxy_protocol";
    let Some(value) = root.value(key) else {
        return ProxyListeners::None;
    };
    match value.get_ref().as_bool() {
        Some(true) => return ProxyListeners::All,
        Some(false) => return ProxyListeners::None,
        None => {}
    }
    if !value.get_ref().is_array() {
        root.wrong(
            key,
            "write true for all of listen, or a list of some: [\"0.0.0.0:8402\"]",
        );
        return ProxyListeners::None;
    }
    let some = root.list::<ListenAddress>(key).unwrap_or_default();
    match some.is_empty() {
        true => ProxyListeners::None,
        false => ProxyListeners::These(some.into_iter().map(|it| it.0).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusting(blocks: &[&str]) -> ProxiesSettings {
        ProxiesSettings {
            trusted: blocks.iter().map(|block| block.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn an_address_is_in_a_block_by_its_first_bits() {
        let proxies = trusting(&[
            "10.0.0.0/8",
            "127.0.0.1",
            "192.0.2.128/25",
            "::1",
            "fd00::/9",
        ]);
        for address in [
            "10.0.0.0",
            "10.255.1.2",
            "127.0.0.1",
            "192.0.2.200",
            "::1",
            "fd7f::1",
        ] {
            assert!(proxies.trusts(address.parse().unwrap()), "{address}");
        }
        for address in [
            "11.0.0.0",
            "9.255.255.255",
            "127.0.0.2",
            "192.0.2.127",
            "::2",
            "fd80::",
        ] {
            assert!(!proxies.trusts(address.parse().unwrap()), "{address}");
        }
        assert!(!ProxiesSettings::default().trusts([127, 0, 0, 1].into()));
    }

    #[test]
    fn what_is_no_block_is_refused_with_the_fix() {
        for (text, fix) in [
            ("proxy.example", "not an address"),
            ("", "not an address"),
            ("10.0.0.0/33", "none up to 32"),
            ("10.0.0.0/+8", "none up to 32"),
            ("10.0.0.0/", "none up to 32"),
            ("::/129", "or 128"),
            ("10.1.2.3/8", "write \"10.0.0.0/8\""),
            ("fd00::1/8", "write \"fd00::/8\""),
            ("0.0.0.0/0", "every address"),
            ("::/0", "every address"),
            ("::ffff:10.0.0.1", "write \"10.0.0.1\""),
        ] {
            let error = text.parse::<AddressBlock>().unwrap_err();
            assert!(error.0.contains(fix), "{text}: {error}");
        }
    }
}
