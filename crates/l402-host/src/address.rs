//! Addresses to listen on, as people write them.

use core::fmt;
use core::str::FromStr;
use std::net::{Ipv4Addr, SocketAddr};

/// An address to listen on: `127.0.0.1:8402`, `[::1]:8402`, `localhost:8402`, `:8402` or `8402`.
///
/// Without a host, and for `localhost`, it is this machine alone (127.0.0.1): whoever means all of
/// its addresses writes `0.0.0.0:8402`. Port 0 stands for a free port.
///
/// ```
/// use l402_host::ListenAddress;
///
/// for text in ["127.0.0.1:8402", "localhost:8402", ":8402", "8402"] {
///     assert_eq!(text.parse::<ListenAddress>()?.0.to_string(), "127.0.0.1:8402");
/// }
/// assert!("shop.example:8402".parse::<ListenAddress>().is_err());
/// # Ok::<(), l402_host::ListenAddressError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenAddress(pub SocketAddr);

/// The reason why a text is no address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListenAddressError {
    /// The host is a name other than `localhost`.
    HostName,
    /// There is no port, or it is no number up to 65535.
    Port,
}

impl fmt::Display for ListenAddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HostName => {
                "the host is no IP address; write 127.0.0.1:8402 for this machine alone, or \
                 0.0.0.0:8402 for all of its addresses"
            }
            Self::Port => "the port is missing or wrong; write 127.0.0.1:8402",
        })
    }
}

impl std::error::Error for ListenAddressError {}

impl FromStr for ListenAddress {
    type Err = ListenAddressError;

    fn from_str(text: &str) -> Result<Self, ListenAddressError> {
        if let Ok(address) = text.parse() {
            return Ok(Self(address));
        }
        let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
        // Digits alone, for a number may also be parsed from `+80`.
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = Some(port)
            .filter(|_| digits)
            .and_then(|port| port.parse().ok());
        let port = port.ok_or(ListenAddressError::Port)?;
        match host {
            "" | "localhost" => Ok(Self((Ipv4Addr::LOCALHOST, port).into())),
            _ => Err(ListenAddressError::HostName),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // FAULTS T12: what people mean by an address.
    #[test]
    fn what_people_write_is_understood() {
        for (text, means) in [
            (":8402", "127.0.0.1:8402"),
            ("8402", "127.0.0.1:8402"),
            ("localhost:0", "127.0.0.1:0"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:80", "[::1]:80"),
            ("[::]:65535", "[::]:65535"),
        ] {
            let read = text.parse::<ListenAddress>().map(|it| it.0.to_string());
            assert_eq!(read, Ok(means.to_owned()), "{text}");
        }
        for (text, error) in [
            ("", ListenAddressError::Port),
            ("127.0.0.1", ListenAddressError::Port),
            ("localhost", ListenAddressError::Port),
            (":65536", ListenAddressError::Port),
            (":+80", ListenAddressError::Port),
            ("::1:80", ListenAddressError::HostName),
            ("*:80", ListenAddressError::HostName),
            ("shop.example:80", ListenAddressError::HostName),
        ] {
            assert_eq!(text.parse::<ListenAddress>(), Err(error), "{text}");
        }
    }
}
