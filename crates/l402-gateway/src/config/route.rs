//! Reads one `[[route]]`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use l402::{Msat, Policy, Service, UnknownCaveats};
use l402_host::named_path;
use l402_server::{Access, Charge, Place, Route};

use super::health::{self, HealthSettings};
use super::item::{MethodName, Origin, PassedHeader};
use super::presentation::{self, Presentation};
use super::section::Section;
use super::tls::TlsFiles;
use super::url::{Scheme, UpstreamUrl};
use crate::framing_header::is_framing;

/// A route with its upstreams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteConfig {
    /// The path and methods, and their price.
    pub route: Route,
    /// The upstream of granted requests; the first one if there are several.
    pub upstream: UpstreamUrl,
    /// Further upstreams that serve the same, with the scheme and the base path of the first one. None
    /// by default.
    pub further_upstreams: Vec<UpstreamUrl>,
    /// Removed from the front of the path before forwarding; empty (the default) for nothing.
    pub strip_prefix: String,
    /// Headers of the operator, set last. Their values are secrets. None by default.
    pub upstream_headers: Vec<(HeaderName, HeaderValue)>,
    /// File (PEM) of the authorities that the upstream's certificate must come from. `None` (the
    /// default) stands for the public ones.
    pub upstream_ca: Option<PathBuf>,
    /// The certificate that is shown to the upstream. `None` (the default) shows none.
    pub(crate) upstream_client: Option<TlsFiles>,
    /// The largest number of requests at once; 0 (the default) means any number.
    pub max_in_flight: u32,
    /// Lets the upstream see the credential. False by default: everybody who holds a credential can use
    /// it.
    pub forward_credential: bool,
    /// True if the upstream is told of the payment, in the headers `L402-Payment-Hash`,
    /// `L402-Service` and `L402-Uses-Left`. False by default.
    pub payment_headers: bool,
    /// Headers of the list in `docs/headers.md` that pass to the upstream as the client sent them.
    /// None by default.
    pub pass_headers: Vec<HeaderName>,
    /// The name and description of the route in the documents that the gateway publishes.
    pub presentation: Presentation,
    /// The checks of each upstream.
    pub(crate) health: HealthSettings,
}

impl RouteConfig {
    /// Returns a route to an upstream, with the defaults for everything else.
    #[must_use]
    pub fn new(route: Route, upstream: UpstreamUrl) -> Self {
        Self {
            route,
            upstream,
            further_upstreams: Vec::new(),
            strip_prefix: String::new(),
            upstream_headers: Vec::new(),
            upstream_ca: None,
            upstream_client: None,
            max_in_flight: 0,
            forward_credential: false,
            payment_headers: false,
            pass_headers: Vec::new(),
            presentation: Presentation::default(),
            health: HealthSettings::default(),
        }
    }

    /// Returns all upstreams, at least one, in the order of the file.
    pub fn upstreams(&self) -> impl Iterator<Item = &UpstreamUrl> {
        core::iter::once(&self.upstream).chain(&self.further_upstreams)
    }

    /// Returns the route with the place of its requests at the upstream, which says whether two
    /// routes serve the same. `server` is one name for all servers that serve what its upstreams do.
    pub(crate) fn placed(&self, server: String) -> Route {
        let mut route = self.route.clone();
        route.place = Place {
            service: server,
            strip_prefix: self.strip_prefix.clone(),
            base: self.upstream.base().to_owned(),
        };
        route
    }
}

/// Notes what every route needs, if it is missing.
fn check_present(section: &Section<'_, '_>) {
    for (key, fix) in [
        (
            "path",
            "write path = \"/joke\" or path = \"/files/{*rest}\"",
        ),
        ("upstream", "write upstream = \"http://127.0.0.1:3000\""),
    ] {
        missing(section, key, fix);
    }
}

/// Refuses upstreams of a gRPC route that speak HTTP/1.1.
fn check_grpc(section: &Section<'_, '_>, route: &Route, upstreams: Option<&[UpstreamUrl]>) {
    // gRPC needs HTTP/2, and `http` stands for HTTP/1.1. `https` is HTTP/2 on a route of gRPC.
    let mut urls = upstreams.unwrap_or_default().iter();
    if route.grpc && urls.any(|url| url.scheme() == Scheme::Http) {
        section.wrong(
            "upstream",
            "gRPC needs HTTP/2; write h2c://127.0.0.1:50051, or https://grpc.example",
        );
    }
}

/// Reads a route. Returns `None` if path, upstream or price is missing or wrong; the mistake has
/// been noted.
pub(super) fn read(
    section: Section<'_, '_>,
    folder: &Path,
    health: &HealthSettings,
) -> Option<RouteConfig> {
    let path = section.text("path");
    let upstreams = upstreams(&section);
    check_present(&section);
    // No early return from here on: each key has to be asked for, or it would be called unknown.
    let access = access(&section, path.unwrap_or_default());
    let route = Route::new(
        path.unwrap_or_default(),
        access.clone().unwrap_or(Access::Free),
    );
    let route = rules(&section, route);
    check_grpc(&section, &route, upstreams.as_deref());
    let strip_prefix = strip_prefix(&section, path.unwrap_or_default());
    let upstream_headers = section
        .table("upstream_headers")
        .map_or_else(Vec::new, headers);
    let upstream_ca = section
        .text("upstream_ca")
        .map(|file| named_path(folder, file));
    let is_https = |urls: &Vec<UpstreamUrl>| urls.iter().all(|url| url.scheme() == Scheme::Https);
    let is_secure = upstreams.as_ref().is_none_or(is_https);
    let upstream_client = client(&section, folder, is_secure);
    let max_in_flight = section.number("max_in_flight", 0, 0..=1_000_000);
    let forward_credential = section.flag("forward_credential", false);
    let payment_headers = section.flag("payment_headers", false);
    let pass_headers = section
        .list::<PassedHeader>("pass_headers")
        .unwrap_or_default();
    let presentation = presentation::read(&section, folder);
    let health = health::read(&section, health);
    section.finish();
    // Both have been noted as missing or wrong.
    path.and(access)?;
    let mut upstreams = upstreams?.into_iter();
    Some(RouteConfig {
        route,
        upstream: upstreams.next()?,
        further_upstreams: upstreams.collect(),
        strip_prefix,
        upstream_headers,
        upstream_ca,
        upstream_client,
        max_in_flight: u32::try_from(max_in_flight).unwrap_or(u32::MAX),
        forward_credential,
        payment_headers,
        pass_headers: pass_headers.into_iter().map(|header| header.0).collect(),
        presentation,
        health,
    })
}

/// Reads the certificate and the key that are shown to the upstream, of which none is alone.
fn client(section: &Section<'_, '_>, folder: &Path, is_secure: bool) -> Option<TlsFiles> {
    let keys = ["upstream_client_certificate", "upstream_client_key"];
    let files = keys.map(|key| section.text(key).map(|file| named_path(folder, file)));
    for (one, other) in [(keys[0], keys[1]), (keys[1], keys[0])] {
        if section.has(one) && !section.has(other) {
            section.wrong(other, format!("missing; {one} needs it, both PEM files"));
        }
    }
    if section.has(keys[0]) && !is_secure {
        section.wrong(
            keys[0],
            "a certificate is shown over TLS alone; write upstream = \"https://…\"",
        );
    }
    let [certificate, key] = files;
    Some(TlsFiles {
        certificate: certificate?,
        key: key?,
    })
}

/// Reads the upstream, or a list of those that serve the same. A path of a request means the same at
/// each of them, and so does the way there.
fn upstreams(section: &Section<'_, '_>) -> Option<Vec<UpstreamUrl>> {
    const KEY: &str = "upstream";
    if !section.is_list(KEY) {
        return section.parsed(KEY).map(|url| vec![url]);
    }
    let urls: Vec<UpstreamUrl> = section.list(KEY)?;
    let Some(first) = urls.first() else {
        section.wrong(KEY, "empty; write upstream = \"http://127.0.0.1:3000\"");
        return None;
    };
    // Scheme and path of the first one are taken for all of them.
    for (index, url) in urls.iter().enumerate() {
        let fault = if url.scheme() != first.scheme() {
            "has another scheme than"
        } else if url.base() != first.base() {
            "has another path than"
        } else if urls[..index].contains(url) {
            "stands there twice, beside"
        } else {
            continue;
        };
        let fix = "the upstreams of a route differ in host and port alone; leave it out, or write a \
                   route of its own";
        section.wrong(KEY, format!("{url} {fault} {first}: {fix}"));
        return None;
    }
    Some(urls)
}

/// Reads which requests a route is for, and how their answers look.
fn rules(section: &Section<'_, '_>, mut route: Route) -> Route {
    let methods = section.list::<MethodName>("methods").unwrap_or_default();
    route.methods = methods.into_iter().map(|method| method.0).collect();
    route.grpc = section.flag("grpc", false);
    let origins = section.list::<Origin>("cors_origins").unwrap_or_default();
    route.cors_origins = origins.into_iter().map(|origin| origin.0).collect();
    let caveats = [
        ("skip", UnknownCaveats::Skip),
        ("reject", UnknownCaveats::Reject),
    ];
    route.unknown_caveats = choice(section, "unknown_caveats", &caveats);
    route.allow_free_overlap = section.list("allow_free_overlap").unwrap_or_default();
    let case = [("sensitive", false), ("insensitive", true)];
    route.case_insensitive = choice(section, "case", &case);
    route
}

/// Notes that a key is missing, if it is.
fn missing(section: &Section<'_, '_>, key: &str, fix: &str) {
    if !section.has(key) {
        section.wrong(key, format!("missing; {fix}"));
    }
}

/// Reads a price, or an explicit `free = true`: nothing is free by default.
fn access(section: &Section<'_, '_>, path: &str) -> Option<Access> {
    let free = section.flag("free", false);
    let price: Option<Msat> = section.parsed("price");
    // Read for a free route, too: a mistake in its keys is one all the same.
    let priced = priced(section, path, price.unwrap_or(Msat::ZERO));
    match (free, section.has("price")) {
        (true, true) => section.wrong(
            "free",
            "the route has a price as well; write one of the two",
        ),
        (true, false) => return Some(Access::Free),
        (false, true) => return price.and(priced).map(Access::Priced),
        (false, false) => {
            section.wrong("price", "missing; write price = \"50 sat\", or free = true");
        }
    }
    None
}

/// Reads what is sold at a price. The service is named after the path by default.
fn priced(section: &Section<'_, '_>, path: &str, price: Msat) -> Option<l402_server::Priced> {
    let service = section.parsed::<Service>("service");
    if section.has("service") && service.is_none() {
        return None;
    }
    let service = service.unwrap_or_else(|| Service::from_lossy(path));
    let policy = section.parsed::<Policy>("policy").unwrap_or_default();
    let tier = section.number("tier", 0, 0..=255);
    let capability = section.text("capability").map(str::to_owned);
    let charge = choice(
        section,
        "charge",
        &[("success", Charge::Success), ("request", Charge::Request)],
    );
    let expiry = section.number("invoice_expiry_secs", 600, 10..=86_400);
    // The payer reads it, so without one of its own it says at least what is sold.
    let memo = section
        .text("memo")
        .map_or_else(|| service.to_string(), str::to_owned);
    if memo.len() > l402::Invoice::MAX_DESCRIPTION {
        section.wrong("memo", "longer than the 639 bytes that an invoice holds");
    }
    let mut priced = l402_server::Priced::new(service, price);
    priced.tier = u8::try_from(tier).unwrap_or(u8::MAX);
    priced.capability = capability;
    priced.policy = policy;
    priced.charge = charge;
    priced.invoice_expiry = Duration::from_secs(expiry);
    priced.memo = memo;
    Some(priced)
}

/// Reads one of a few words; the first is the default.
pub(super) fn choice<T: Copy>(
    section: &Section<'_, '_>,
    key: &'static str,
    choices: &[(&'static str, T)],
) -> T {
    let written = section.text(key);
    let found = written.and_then(|text| choices.iter().find(|(word, _)| *word == text));
    if written.is_some() && found.is_none() {
        let choices: Vec<_> = choices
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        section.wrong(key, format!("write {}", choices.join(" or ")));
    }
    found.unwrap_or(&choices[0]).1
}

/// Reads the prefix that is removed from a path. Notes a mistake if the path does not begin with
/// it.
fn strip_prefix(section: &Section<'_, '_>, path: &str) -> String {
    let prefix = section
        .text("strip_prefix")
        .unwrap_or_default()
        .trim_end_matches('/');
    // Whole segments only: `/a` is no prefix of `/ab`.
    let fits = path
        .strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if !prefix.is_empty() && !fits {
        section.wrong(
            "strip_prefix",
            format!(
                "is not the beginning of the path {path:?}; for \"/api/joke\" it may be \"/api\""
            ),
        );
    } else if prefix.contains('{') {
        section.wrong(
            "strip_prefix",
            "has a parameter, and only a fixed text can be taken off; end it before the brace: \"/api\"",
        );
    }
    prefix.to_owned()
}

/// Reads the operator's headers, and notes those that the gateway sets itself.
fn headers(section: Section<'_, '_>) -> Vec<(HeaderName, HeaderValue)> {
    let mut read: Vec<(HeaderName, HeaderValue)> = Vec::new();
    for (name, value) in section.entries() {
        let value = value
            .get_ref()
            .as_str()
            .and_then(|text| HeaderValue::from_str(text).ok());
        match (HeaderName::from_bytes(name.as_bytes()), value) {
            (Ok(header), Some(_)) if read.iter().any(|(known, _)| *known == header) => {
                section.wrong(
                    name,
                    "the same header again, in other letters; leave one out",
                );
            }
            (Ok(header), Some(mut value)) if !is_framing(&header) => {
                // Keeps the value out of `Debug`: operators put API keys here.
                value.set_sensitive(true);
                read.push((header, value));
            }
            (Ok(_), Some(_)) => section.wrong(name, "the gateway sets this header itself"),
            (Err(_), _) => section.wrong(name, "not the name of a header"),
            (_, None) => section.wrong(name, "write the value as a text of one line in quotes"),
        }
    }
    read
}
