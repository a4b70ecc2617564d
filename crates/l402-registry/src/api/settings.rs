//! The settings of the API.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use subtle::ConstantTimeEq as _;

use super::counters::Counters;

/// The settings of the API that are not the registry's.
#[derive(Clone, Debug, Default)]
pub struct ApiSettings {
    /// The addresses of the listeners, by whose loopback names the registry may be asked as well.
    pub listeners: Vec<SocketAddr>,
    /// The token of the moderators; `None` if nobody moderates.
    pub admin: Option<AdminToken>,
    /// The requests of one address, per second and at once; `None` without a limit. This machine has none.
    pub rate: Option<(u32, u32)>,
    /// The counters, which the listeners share.
    pub counters: Arc<Counters>,
}

/// The token of the moderators. Never shown.
#[derive(Clone)]
pub struct AdminToken(Arc<[u8]>);

/// The least length of a token, in bytes.
const LENGTH_MIN: usize = 16;

impl AdminToken {
    /// Makes a token of a text with at least 16 visible characters. `None` for another text.
    #[must_use]
    pub fn new(text: &[u8]) -> Option<Self> {
        let text = text.trim_ascii();
        let is_token = text.len() >= LENGTH_MIN && text.iter().all(u8::is_ascii_graphic);
        is_token.then(|| Self(text.into()))
    }

    /// Returns true if this token was shown. Takes the same time for every text of its length.
    pub(super) fn is(&self, shown: &str) -> bool {
        shown.as_bytes().ct_eq(&self.0).into()
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(..)")
    }
}
