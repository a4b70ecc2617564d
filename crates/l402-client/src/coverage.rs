//! The things that a token says it is good for.

use std::collections::BTreeMap;

use l402::UnixTime;
use l402::inspect::inspect;

/// The caveats of a token that say what was sold. Nothing is verified: the server decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Coverage {
    /// Services with their tiers.
    services: BTreeMap<String, String>,
    /// The capabilities of each service that names any.
    capabilities: BTreeMap<String, Vec<String>>,
    networks: Vec<String>,
    valid_until: Option<UnixTime>,
}

impl Coverage {
    /// Reads a token. `None` if it names no service, so that it is opaque.
    pub(crate) fn of(token: &str) -> Option<Self> {
        let inspection = inspect(token).ok()?;
        let mut coverage = Self::default();
        let texts = inspection.caveats.iter().map(|caveat| caveat.text.as_str());
        // Later caveats narrow what earlier ones say, so the last of a kind counts.
        for (name, value) in texts.filter_map(|text| text.split_once('=')) {
            let items = || value.split(',').map(|item| item.trim().to_owned());
            if name == "services" {
                let pairs = value.split(',').map(|item| {
                    let (service, tier) = item.trim().split_once(':').unwrap_or((item, ""));
                    (service.to_owned(), tier.to_owned())
                });
                coverage.services = pairs.collect();
            } else if let Some(service) = name.strip_suffix("_capabilities") {
                coverage
                    .capabilities
                    .insert(service.to_owned(), items().collect());
            } else if name.ends_with("_network") {
                coverage.networks.push(value.to_owned());
            } else if name.ends_with("_valid_until") {
                coverage.valid_until = value.parse().ok().map(UnixTime::from_secs);
            }
        }
        (!coverage.services.is_empty()).then_some(coverage)
    }

    /// Returns the names of the services, in their order.
    pub(crate) fn services(&self) -> Vec<String> {
        self.services.keys().cloned().collect()
    }

    /// Returns the tier of a service as the token writes it, or `None` if the token is not for it.
    pub(crate) fn tier(&self, service: &str) -> Option<&str> {
        self.services.get(service).map(String::as_str)
    }

    /// Returns the capabilities that a service is limited to, or `None` if it has all of them.
    pub(crate) fn capabilities(&self, service: &str) -> Option<&[String]> {
        self.capabilities.get(service).map(Vec::as_slice)
    }

    /// Returns the end of the token.
    pub(crate) const fn valid_until(&self) -> Option<UnixTime> {
        self.valid_until
    }

    /// Returns true if a token that covers this covers `asked` as well, as far as both say.
    pub(crate) fn covers(&self, asked: &Self, now: UnixTime) -> bool {
        let has_services = asked
            .services
            .iter()
            .all(|(service, tier)| self.services.get(service) == Some(tier));
        // A service without a list of capabilities is sold with all of them.
        let has_capabilities = self.capabilities.iter().all(|(service, mine)| {
            !asked.services.contains_key(service)
                || asked
                    .capabilities
                    .get(service)
                    .is_some_and(|wanted| wanted.iter().all(|one| mine.contains(one)))
        });
        let is_on_network = self.networks.is_empty() || self.networks == asked.networks;
        has_services
            && has_capabilities
            && is_on_network
            && self.valid_until.is_none_or(|until| until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1000);

    fn token(caveats: &[&str]) -> Coverage {
        let of = |text: &&str| {
            let (name, value) = text.split_once('=').unwrap();
            (name.to_owned(), serde_json::Value::from(value))
        };
        let mut fields = serde_json::Map::from_iter(caveats.iter().map(of));
        fields.insert("identifier".into(), "6964".into());
        let json = serde_json::Value::Object(fields).to_string();
        Coverage::of(&json).expect("a service")
    }

    #[test]
    fn only_what_was_sold_is_covered() {
        let asked = token(&[
            "services=api:1",
            "api_capabilities=read",
            "api_network=regtest",
        ]);
        for (mine, covers) in [
            (&["services=api:1"][..], true),
            (&["services=other:0,api:1"], true),
            (&["services=api:0"], false),
            (&["services=other:1"], false),
            (&["services=api:1", "api_capabilities=read,write"], true),
            (&["services=api:1", "api_capabilities=write"], false),
            (&["services=api:1", "other_capabilities=write"], true),
            (&["services=api:1", "api_network=regtest"], true),
            (&["services=api:1", "api_network=mainnet"], false),
            (&["services=api:1", "api_valid_until=1001"], true),
            (&["services=api:1", "api_valid_until=1000"], false),
        ] {
            assert_eq!(token(mine).covers(&asked, NOW), covers, "{mine:?}");
        }
        // A fresh token without a list is for everything, which a list cannot cover.
        let all = token(&["services=api:1"]);
        assert!(!token(&["services=api:1", "api_capabilities=read"]).covers(&all, NOW));
    }

    #[test]
    fn a_token_without_a_service_is_opaque() {
        for text in ["", "opaque", "{\"identifier\":\"6964\",\"a\":\"b\"}"] {
            assert_eq!(Coverage::of(text), None, "{text}");
        }
    }
}
