//! The tables `[[webhook]]` and `[liquidity]`: who is told of sales and of what is wrong.

use core::fmt;
use core::str::FromStr;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use l402::Msat;
use l402_host::{is_localhost, is_public_address, named_path};
use url::{Host, Url};

use super::section::Section;
use crate::notice::NoticeKind;

/// The most targets. Each has a task and a connection of its own.
const MAX_TARGETS: usize = 32;

/// The settings of who is told, and of the liquidity below which they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WebhooksSettings {
    pub(crate) targets: Vec<WebhookTarget>,
    /// The amount that the node should be able to receive; `None` asks it nothing.
    pub(crate) least_receivable: Option<Msat>,
}

impl WebhooksSettings {
    /// Returns the files of secrets and authorities.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let files = self.targets.iter().flat_map(|target| {
            let secret = match &target.secret {
                SecretPlace::File(path) => Some(path),
                SecretPlace::Environment(_) => None,
            };
            secret.into_iter().chain(&target.ca)
        });
        files.map(PathBuf::as_path)
    }
}

/// One URL that events are sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WebhookTarget {
    pub(crate) url: WebhookUrl,
    pub(crate) secret: SecretPlace,
    pub(crate) events: Vec<NoticeKind>,
    /// True if the URL may lead to this machine or to a private network, and need not be https.
    pub(crate) allow_private: bool,
    /// The authorities (PEM) that its certificate must come from, instead of the public ones.
    pub(crate) ca: Option<PathBuf>,
}

/// The place of the secret that signs. It is read at a start and at each reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretPlace {
    Environment(String),
    File(PathBuf),
}

impl fmt::Display for SecretPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "the variable {name}"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// The URL of a target: http or https, without a name or password, and without a fragment.
///
/// `Display` shows scheme, host and port alone, because the path of many receivers is a secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct WebhookUrl(Url);

impl WebhookUrl {
    pub(crate) const fn url(&self) -> &Url {
        &self.0
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Returns true if the host is written as an address that a neighbour alone can reach.
    fn is_private(&self) -> bool {
        match self.0.host() {
            Some(Host::Ipv4(ip)) => !is_public_address(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => !is_public_address(IpAddr::V6(ip)),
            Some(Host::Domain(name)) => is_localhost(name),
            None => false,
        }
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.origin().ascii_serialization())
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for WebhookUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let form = "write a whole URL: https://hooks.example/l402";
        let url = Url::parse(text).map_err(|_| form)?;
        if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
            return Err(form);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "has a name or password before the host, which logs would show; leave it \
                        out, as in https://hooks.example/l402: the receiver knows the sender by its signature",
            );
        }
        if url.fragment().is_some() {
            return Err(
                "has a part after #, which is never sent; leave it out, as in https://hooks.example/l402",
            );
        }
        Ok(Self(url))
    }
}

/// Reads the tables. Relative paths start at `folder`.
pub(super) fn read(root: &Section<'_, '_>, folder: &Path) -> WebhooksSettings {
    let sections = if root.has("webhook") {
        root.tables("webhook")
    } else {
        // Marks the key as known.
        root.value("webhook");
        Vec::new()
    };
    if sections.len() > MAX_TARGETS {
        root.wrong(
            "webhook",
            format!("{MAX_TARGETS} targets are the most; one receiver can pass events on"),
        );
    }
    let mut targets: Vec<WebhookTarget> = Vec::new();
    for section in sections {
        let Some(target) = target(&section, folder) else {
            section.finish();
            continue;
        };
        // The URL is the name of a target in the file of deliveries.
        if targets.iter().any(|other| other.url == target.url) {
            section.wrong(
                "url",
                "stands there twice; write one table with all of its events",
            );
        }
        section.finish();
        targets.push(target);
    }
    WebhooksSettings {
        targets,
        least_receivable: liquidity(root),
    }
}

fn liquidity(root: &Section<'_, '_>) -> Option<Msat> {
    let section = root.table("liquidity")?;
    let least = section.parsed("least");
    section.finish();
    least
}

fn target(section: &Section<'_, '_>, folder: &Path) -> Option<WebhookTarget> {
    // All keys are read before a `?` returns, so that all mistakes show at once.
    if !section.has("url") {
        section.wrong("url", "missing; write url = \"https://hooks.example/l402\"");
    }
    let url: Option<WebhookUrl> = section.parsed("url");
    let allow_private = section.flag("allow_private", false);
    if let Some(url) = &url
        && !allow_private
    {
        check_reach(section, url);
    }
    let secret = secret(section, folder);
    let events = events(section);
    let ca = section.text("ca").map(|file| named_path(folder, file));
    Some(WebhookTarget {
        url: url?,
        secret: secret?,
        events,
        allow_private,
        ca,
    })
}

/// Notes a URL that only a target with `allow_private` may have.
fn check_reach(section: &Section<'_, '_>, url: &WebhookUrl) {
    if url.is_private() {
        section.wrong(
            "url",
            "leads to this machine or a private network; write allow_private = true beside it if \
             that is meant, else a public address: https://hooks.example/l402",
        );
    } else if !url.is_https() {
        section.wrong(
            "url",
            "plain http shows every event on the way; write https://hooks.example/l402, or allow_private = true for a \
             receiver in a network of your own",
        );
    }
}

fn secret(section: &Section<'_, '_>, folder: &Path) -> Option<SecretPlace> {
    let file = section.text("secret_file");
    let variable = section.text("secret_env");
    match (file, variable) {
        (Some(file), None) => Some(SecretPlace::File(named_path(folder, file))),
        (None, Some(name)) => Some(SecretPlace::Environment(name.to_owned())),
        (Some(_), Some(_)) => {
            section.wrong("secret_env", "stands beside secret_file; keep one of them");
            None
        }
        (None, None) => {
            if !section.has("secret_file") && !section.has("secret_env") {
                section.wrong(
                    "secret_file",
                    "missing; name a file with the secret, made by: (umask 077; echo \
                     whsec_$(openssl rand -base64 32) > webhook.key)",
                );
            }
            None
        }
    }
}

/// Reads the events; by default all but sales, of which a busy gateway has many a second.
fn events(section: &Section<'_, '_>) -> Vec<NoticeKind> {
    let by_default = NoticeKind::ALL.into_iter();
    let by_default = by_default.filter(|kind| *kind != NoticeKind::Sale);
    let Some(events) = section.list("events") else {
        return by_default.collect();
    };
    if events.is_empty() {
        section.wrong(
            "events",
            "an empty list tells nothing; leave the key out for all but sale",
        );
    }
    events
}
