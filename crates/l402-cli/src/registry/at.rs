//! The registry that a command asks, and the listing that it means.

use clap::Args;
use l402_registry::{CanonicalUrl, ListingId};
use url::Url;

use crate::error::CliError;

/// The flag that names a registry.
#[derive(Args, Clone, Debug)]
pub(crate) struct RegistryArg {
    /// The registry that is asked
    #[arg(
        long = "registry",
        value_name = "URL",
        env = "L402_REGISTRY",
        hide_env_values = true,
        default_value = "http://127.0.0.1:8406"
    )]
    registry: String,
}

impl RegistryArg {
    /// Returns the address of the registry, which ends with a slash.
    ///
    /// # Errors
    /// If it is no address of http or https, or has more than a host.
    pub(crate) fn url(&self) -> Result<Url, CliError> {
        let wrong = |text: &str| {
            CliError::usage(format!("--registry: {text}"))
                .with_hint("write the address of its page, such as https://registry.example")
        };
        let url: Url = self
            .registry
            .parse()
            .map_err(|_| wrong("this is no address"))?;
        let is_web = matches!(url.scheme(), "http" | "https") && url.host().is_some();
        if !is_web || !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("this is no address of a registry"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("this has more than a host and a port"));
        }
        Ok(url)
    }
}

/// The listing that a command means: by its name, or by its URL.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// The name of the listing.
    pub(crate) id: ListingId,
    /// The URL, if that is how it was named.
    pub(crate) url: Option<CanonicalUrl>,
}

impl std::str::FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(id) = text.parse::<ListingId>() {
            return Ok(Self { id, url: None });
        }
        // The page of a listing is what people copy.
        if let Some((_, id)) = text.rsplit_once("/s/")
            && let Ok(id) = id.trim_end_matches('/').parse::<ListingId>()
        {
            return Ok(Self { id, url: None });
        }
        let url = text.parse::<CanonicalUrl>().map_err(|error| {
            format!("neither the name of a listing, 16 hex digits, nor a URL: {error}")
        })?;
        let id = ListingId::of(&url);
        Ok(Self { id, url: Some(url) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(text: &str) -> Result<String, String> {
        let arg = RegistryArg {
            registry: text.to_owned(),
        };
        let url = arg.url().map_err(|error| error.to_string())?;
        Ok(url.to_string())
    }

    #[test]
    fn a_registry_is_named_by_its_host() {
        let url = registry("https://registry.example").unwrap();
        assert_eq!(url, "https://registry.example/");
        for bad in [
            "registry.example",
            "ftp://a.example",
            "https://a.example/api/v1",
            "https://me:x@a.example",
        ] {
            let error = registry(bad).unwrap_err();
            assert!(error.starts_with("--registry: "), "{bad}: {error}");
        }
    }

    #[test]
    fn a_listing_is_named_by_its_name_its_page_or_its_url() {
        let by_url: Subject = "https://API.example:443/v1#x".parse().unwrap();
        let id = by_url.id.to_string();
        for text in [&*id, &format!("http://127.0.0.1:8406/s/{id}")] {
            let subject: Subject = text.parse().unwrap();
            assert_eq!(subject.id, by_url.id, "{text}");
        }
        assert!("joke".parse::<Subject>().is_err());
    }
}
