//! The table `[tls]`: certificates towards clients, the redirect from plain HTTP, and HSTS.

use core::fmt;
use core::str::FromStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use l402_host::{ListenAddress, named_path};

use super::acme::{self, AcmeSettings};
use super::section::Section;

/// The files of the certificate chain and its key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// The settings of TLS that a reload replaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsSettings {
    /// Chosen by the name that a client asks for; the first one serves every other name. Empty if
    /// only an authority issues certificates.
    pub(crate) files: Vec<TlsFiles>,
    /// The time for which browsers remember to come by TLS alone; `None` says nothing to them.
    pub(crate) hsts: Option<Duration>,
}

/// The settings of TLS that a gateway takes at its start alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FixedTls {
    /// The address whose requests are sent on to `https`.
    pub(crate) redirect_from: Option<SocketAddr>,
    /// `None` asks no authority for certificates.
    pub(crate) acme: Option<AcmeSettings>,
}

/// Reads the table: what a reload replaces, `None` for plain HTTP, and what it does not.
pub(super) fn read(root: &Section<'_, '_>, folder: &Path) -> (Option<TlsSettings>, FixedTls) {
    let Some(section) = root.table("tls") else {
        return (None, FixedTls::default());
    };
    // Looked at first, so that it is among the keys that the table has.
    section.value("certificates");
    let is_alone = !section.has("certificates") && !section.has("acme");
    let first = files(&section, folder, is_alone);
    let further = section.has("certificates").then(|| {
        let tables = section.tables("certificates").into_iter();
        tables.filter_map(|table| {
            let files = files(&table, folder, true);
            table.finish();
            files
        })
    });
    let files = first.into_iter().chain(further.into_iter().flatten());
    let tls = TlsSettings {
        files: files.collect(),
        hsts: section.parsed::<Age>("hsts").map(|age| age.0),
    };
    let redirect = section.parsed::<ListenAddress>("redirect_from");
    let fixed = FixedTls {
        redirect_from: redirect.map(|address| address.0),
        acme: acme::read(&section, folder),
    };
    section.finish();
    (Some(tls), fixed)
}

/// Reads certificate and key. One without the other is a mistake, and so is neither if they are
/// needed.
fn files(section: &Section<'_, '_>, folder: &Path, are_needed: bool) -> Option<TlsFiles> {
    let are_there = section.has("certificate") || section.has("key");
    // Both keys are read before a `?` returns, so that both mistakes are noted.
    let file = |key| {
        if !section.has(key) && (are_needed || are_there) {
            section.wrong(
                key,
                "missing; TLS needs both PEM files: certificate = \"fullchain.pem\" and key = \"privkey.pem\"",
            );
        }
        section.text(key).map(|file| named_path(folder, file))
    };
    let (certificate, key) = (file("certificate"), file("key"));
    Some(TlsFiles {
        certificate: certificate?,
        key: key?,
    })
}

/// A time as people write it: a number and a unit.
struct Age(Duration);

/// The units, each in seconds, and the longest time in seconds: ten years.
const UNITS: [(&str, u64); 4] = [
    ("second", 1),
    ("minute", 60),
    ("hour", 3600),
    ("day", 86_400),
];
const LONGEST: u64 = 3650 * 86_400;

/// A text that is no such time.
#[derive(Debug)]
struct AgeError;

impl fmt::Display for AgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write a number and a unit, at most ten years: \"365 days\" or \"5 minutes\"")
    }
}

impl FromStr for Age {
    type Err = AgeError;

    fn from_str(text: &str) -> Result<Self, AgeError> {
        let (number, unit) = text.split_once(' ').ok_or(AgeError)?;
        let unit = unit.strip_suffix('s').unwrap_or(unit);
        let unit = UNITS.iter().find(|(name, _)| *name == unit);
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: Option<u64> = number.parse().ok().filter(|_| is_number);
        let seconds = number
            .zip(unit)
            .and_then(|(n, (_, each))| n.checked_mul(*each));
        let seconds = seconds.filter(|seconds| *seconds <= LONGEST);
        seconds
            .map(|all| Self(Duration::from_secs(all)))
            .ok_or(AgeError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        let read = |text: &str| text.parse::<Age>().ok().map(|age| age.0.as_secs());
        for (text, seconds) in [
            ("365 days", 31_536_000),
            ("1 day", 86_400),
            ("0 days", 0),
            ("5 minutes", 300),
            ("3650 days", 315_360_000),
        ] {
            assert_eq!(read(text), Some(seconds), "{text}");
        }
        for text in [
            "365",
            "days",
            " days",
            "-1 days",
            "+1 days",
            "1 year",
            "3651 days",
            "1  day",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read("18446744073709551615 days"), None);
    }
}
