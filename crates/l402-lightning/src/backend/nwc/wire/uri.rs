//! The URI of a connection: `nostr+walletconnect://PUBKEY?relay=…&secret=…`.

use core::fmt;
use core::str::FromStr;

use nostr::{Keys, PublicKey, SecretKey};
use url::Url;
use zeroize::Zeroizing;

use crate::node::is_loopback;

/// The longest URI that is read, in bytes.
const MAX_URI: usize = 4096;

/// The largest number of relays of one connection.
const MAX_RELAYS: usize = 8;

/// A connection to a wallet service. Anybody who has it can do all that the wallet permits it.
#[derive(Clone)]
pub(crate) struct Connection {
    /// The key of the wallet service, which signs its answers.
    pub(crate) wallet: PublicKey,
    /// The relays on which the wallet service listens, at least one.
    pub(crate) relays: Vec<Relay>,
    /// The key pair of this client.
    pub(crate) keys: Keys,
}

/// The address of a relay: `wss://`, or `ws://` on this machine alone.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Relay(Url);

/// The reason why a text is not a connection. Holds nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UriError {
    /// The text does not begin with `nostr+walletconnect://`.
    Scheme,
    /// The text is longer than 4 KiB.
    TooLong,
    /// The part before the question mark is no public key.
    Wallet,
    /// There is no `relay`.
    NoRelay,
    /// A `relay` is not a `wss://` address.
    Relay,
    /// There are more than eight relays.
    TooManyRelays,
    /// There is no `secret`, or more than one.
    NoSecret,
    /// The `secret` is no key.
    Secret,
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "a connection begins with nostr+walletconnect://",
            Self::TooLong => "a connection is at most 4 KiB",
            Self::Wallet => {
                "the wallet's public key after nostr+walletconnect:// is not 64 hex digits of a key"
            }
            Self::NoRelay => "the connection names no relay",
            Self::Relay => {
                "a relay of the connection is not an address such as wss://relay.example (ws:// only on \
                 this machine)"
            }
            Self::TooManyRelays => "the connection names more than eight relays",
            Self::NoSecret => "the connection needs one secret; copy it from the wallet again",
            Self::Secret => "the secret of the connection is not 64 hex digits of a key",
        })
    }
}

impl std::error::Error for UriError {}

impl FromStr for Connection {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let text = text.trim();
        if text.len() > MAX_URI {
            return Err(UriError::TooLong);
        }
        // Some wallets write the first scheme without slashes, and older ones the second.
        let rest = ["nostr+walletconnect:", "nostrwalletconnect:"]
            .iter()
            .find_map(|scheme| strip_prefix_of_any_case(text, scheme))
            .ok_or(UriError::Scheme)?;
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (wallet, query) = rest.split_once('?').unwrap_or((rest, ""));
        let wallet = PublicKey::from_hex(wallet.trim_end_matches('/'))
            .ok()
            .filter(|key| key.xonly().is_ok())
            .ok_or(UriError::Wallet)?;
        let (mut relays, mut secret) = (Vec::new(), None);
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "relay" if relays.len() == MAX_RELAYS => return Err(UriError::TooManyRelays),
                "relay" => relays.push(value.parse::<Relay>()?),
                "secret" if secret.is_some() => return Err(UriError::NoSecret),
                "secret" => secret = Some(Zeroizing::new(value.into_owned())),
                // `lud16` is for a profile, and whatever else may come is not for a client that
                // does not know it.
                _ => {}
            }
        }
        let secret = secret.ok_or(UriError::NoSecret)?;
        let key = SecretKey::from_hex(&secret).map_err(|_| UriError::Secret)?;
        if relays.is_empty() {
            return Err(UriError::NoRelay);
        }
        relays.dedup();
        Ok(Self {
            wallet,
            relays,
            keys: Keys::new(key),
        })
    }
}

/// Shows neither secret nor relay's path.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("wallet", &self.wallet)
            .field("relays", &self.relays)
            .finish_non_exhaustive()
    }
}

impl Relay {
    /// Returns the address for opening it.
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for Relay {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let url = Url::parse(text).map_err(|_| UriError::Relay)?;
        let is_allowed = match url.scheme() {
            "wss" => url.has_host(),
            // In the clear a stranger on the way could suppress requests and answers unseen.
            "ws" => is_loopback(&url),
            _ => false,
        };
        if !is_allowed || !url.username().is_empty() || url.password().is_some() {
            return Err(UriError::Relay);
        }
        Ok(Self(url))
    }
}

/// Shows scheme, host and port. Path and query may hold a token.
impl fmt::Display for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.host_str().unwrap_or_default();
        write!(f, "{}://{host}", self.0.scheme())?;
        match self.0.port() {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Relay({self})")
    }
}

fn strip_prefix_of_any_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALLET: &str = "b889ff5b1513b641e2a139f661a661364979c5beee91842f8f0ef42ab558e9d4";
    const SECRET: &str = "71a8c14c1407c113601079c4302dab36460f0ccd0ad506f1f2dc73b5100e4f3c";

    fn parse(query: &str) -> Result<Connection, UriError> {
        format!("nostr+walletconnect://{WALLET}?{query}").parse()
    }

    #[test]
    fn reads_relays_and_secret_and_skips_the_rest() {
        let text = format!(
            "relay=wss%3A%2F%2Frelay.example.com%2Fv1&relay=ws://127.0.0.1:7000&lud16=a@b.c&secret={SECRET}"
        );
        let read = parse(&text).unwrap();
        assert_eq!(read.wallet.to_hex(), WALLET);
        let relays: Vec<&str> = read.relays.iter().map(Relay::as_str).collect();
        assert_eq!(
            relays,
            ["wss://relay.example.com/v1", "ws://127.0.0.1:7000/"]
        );
        assert_eq!(read.keys.secret_key().to_secret_hex(), SECRET);
        let older =
            format!("nostrwalletconnect://{WALLET}/?relay=wss://r.example&secret={SECRET}\n");
        assert!(older.parse::<Connection>().is_ok());
    }

    #[test]
    fn says_what_is_missing() {
        let error = |query: &str| parse(query).unwrap_err();
        let with = |relay: &str| error(&format!("relay={relay}&secret={SECRET}"));
        assert_eq!(error("relay=wss://r.example"), UriError::NoSecret);
        assert_eq!(error(&format!("secret={SECRET}")), UriError::NoRelay);
        assert_eq!(error("relay=wss://r.example&secret=00"), UriError::Secret);
        let twice = format!("relay=wss://r.example&secret={SECRET}&secret={SECRET}");
        assert_eq!(error(&twice), UriError::NoSecret);
        for relay in [
            "ws://relay.example.com",
            "ws://10.0.0.1",
            "https://relay.example.com",
            "wss://a:b@relay.example.com",
            "relay.example.com",
            "",
        ] {
            assert_eq!(with(relay), UriError::Relay, "{relay}");
        }
        assert!(parse(&format!("relay=ws://[::1]:7000&secret={SECRET}")).is_ok());
        let many = "relay=wss://r.example&".repeat(9);
        assert_eq!(error(&many), UriError::TooManyRelays);
        let long = format!("lud16={}", "a".repeat(5000));
        assert_eq!(error(&long), UriError::TooLong);
        assert_eq!(
            "https://x".parse::<Connection>().unwrap_err(),
            UriError::Scheme
        );
        let wrong = "nostr+walletconnect://abc?relay=wss://r.example";
        assert_eq!(wrong.parse::<Connection>().unwrap_err(), UriError::Wallet);
    }

    #[test]
    fn shows_no_secret() {
        let read = parse(&format!(
            "relay=wss://r.example/?key=hidden&secret={SECRET}"
        ))
        .unwrap();
        let relay = read.relays.first().unwrap();
        let shown = format!("{read:?} {relay} {relay:?}");
        assert!(
            !shown.contains(SECRET) && !shown.contains("hidden"),
            "{shown}"
        );
    }
}
