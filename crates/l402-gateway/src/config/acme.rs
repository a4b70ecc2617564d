//! The table `[tls.acme]`: the authority that certificates are ordered from.

use core::fmt;
use core::str::FromStr;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use l402_host::named_path;
use l402_server::canonical_host;
use url::Url;

use super::section::Section;

/// The authority that issues the certificates, unless the table names another, and its place for
/// trials, whose certificates no browser accepts.
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
const LETS_ENCRYPT_STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";

/// The settings of certificates by ACME (RFC 8555).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AcmeSettings {
    /// The names in the certificate, at least one, in lower case.
    pub(crate) domains: Vec<String>,
    /// The address to which the authority writes; `None` gives it none.
    pub(crate) email: Option<String>,
    /// The address of the directory of the authority.
    pub(crate) directory: Url,
    /// The kind of certificate, by a name of the authority's.
    pub(crate) profile: Option<String>,
    /// File (PEM) of the authorities that the certificate of `directory` must come from. `None`
    /// stands for the public ones.
    pub(crate) ca: Option<PathBuf>,
}

/// Reads the table; `None` if it is missing or wrong, which has been noted.
pub(super) fn read(tls: &Section<'_, '_>, folder: &Path) -> Option<AcmeSettings> {
    let section = tls.table("acme")?;
    if cfg!(not(feature = "acme")) {
        tls.wrong(
            "acme",
            "this program is built without ACME; build it with --features acme, or remove the table",
        );
        return None;
    }
    let domains = section.list::<Domain>("domains");
    if !section.has("domains") || domains.as_ref().is_some_and(Vec::is_empty) {
        section.wrong(
            "domains",
            "missing; write the names of this gateway: domains = [\"api.example\"]",
        );
    }
    if !section.flag("agree", false) {
        section.wrong(
            "agree",
            "an authority issues certificates to those who agree to its terms alone (Let's Encrypt: \
             https://letsencrypt.org/repository/); read them, and write agree = true",
        );
    }
    let settings = directory(&section).map(|directory| AcmeSettings {
        domains: domains
            .unwrap_or_default()
            .into_iter()
            .map(|domain| domain.0)
            .collect(),
        email: email(&section),
        directory,
        profile: section.text("profile").map(str::to_owned),
        ca: section.text("ca").map(|file| named_path(folder, file)),
    });
    section.finish();
    settings
}

/// Reads the address of the authority.
fn directory(section: &Section<'_, '_>) -> Option<Url> {
    let is_staging = section.flag("staging", false);
    if is_staging && section.has("directory") {
        section.wrong(
            "staging",
            "is for Let's Encrypt, and directory names another authority; write one of the two",
        );
    }
    let default = match is_staging {
        true => LETS_ENCRYPT_STAGING,
        false => LETS_ENCRYPT,
    };
    let read = match section.text("directory") {
        Some(text) => Url::parse(text).ok(),
        None => Url::parse(default).ok(),
    };
    let is_sound = |url: &Url| url.scheme() == "https" && url.has_host();
    let read = read.filter(is_sound);
    if read.is_none() {
        section.wrong(
            "directory",
            "write the https address of the authority's directory: \
             \"https://acme-v02.api.letsencrypt.org/directory\"",
        );
    }
    read
}

/// Reads the address to which the authority writes.
fn email(section: &Section<'_, '_>) -> Option<String> {
    let text = section.text("email")?;
    let parts = text.split_once('@');
    let is_sound = parts.is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b',');
    if !is_sound {
        section.wrong("email", "write one address: \"me@example.com\"");
    }
    is_sound.then(|| text.to_owned())
}

/// A name that an authority can issue a certificate for.
struct Domain(String);

/// A text that is none.
struct DomainError(&'static str);

impl fmt::Display for DomainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl FromStr for Domain {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        if text.starts_with("*.") {
            return Err(DomainError(
                "a name with * needs a proof by DNS, which is not made here; write each name, such as \
                 \"api.example\", or have another program renew certificate and key",
            ));
        }
        let host = canonical_host(text).filter(|host| host.contains('.'));
        let is_address = |host: &String| host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let host = host.filter(|host| !is_address(host) && host.is_ascii());
        host.map(Self).ok_or(DomainError(
            "not a name that leads here from everywhere; write it without scheme and port: \
             \"api.example\"",
        ))
    }
}
