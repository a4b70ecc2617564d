//! The table `[trace]`: the collector that traces of requests go to.

use std::path::Path;

use url::Url;

use super::section::Section;

/// The service that spans are of, by default.
const SERVICE_NAME: &str = "l402";

/// The part of a whole that a sample is counted in.
const MILLION: f64 = 1_000_000.0;

/// The settings of traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TraceSettings {
    /// The whole address that spans are posted to; `None` for no traces.
    pub(crate) endpoint: Option<Url>,
    /// The requests of a million that are recorded, of those that no caller has decided about.
    pub(crate) sample: u32,
    /// Record a request if its caller says so, and only then.
    pub(crate) follow_parent: bool,
    pub(crate) service_name: String,
}

impl Default for TraceSettings {
    fn default() -> Self {
        Self {
            endpoint: None,
            sample: 10_000,
            follow_parent: true,
            service_name: SERVICE_NAME.to_owned(),
        }
    }
}

/// Reads the table.
pub(super) fn read(root: &Section<'_, '_>, _: &Path) -> TraceSettings {
    let default = TraceSettings::default();
    let Some(section) = root.table("trace") else {
        return default;
    };
    let settings = TraceSettings {
        endpoint: endpoint(&section),
        sample: sample(&section).unwrap_or(default.sample),
        follow_parent: section.flag("follow_parent", default.follow_parent),
        service_name: service_name(&section).unwrap_or(default.service_name),
    };
    section.finish();
    settings
}

/// Reads the address of the collector, and adds the path of OTLP if it is not there.
fn endpoint(section: &Section<'_, '_>) -> Option<Url> {
    let text = section.text("endpoint")?;
    if cfg!(not(feature = "otlp")) {
        section.wrong(
            "endpoint",
            "this program is built without traces; build it with --features otlp, or remove the key",
        );
        return None;
    }
    let read = Url::parse(text).ok().filter(is_collector);
    let Some(mut url) = read else {
        section.wrong(
            "endpoint",
            "write the address of a collector of OTLP over HTTP, without user, query and fragment: \
             \"http://127.0.0.1:4318\"",
        );
        return None;
    };
    let path = url.path().trim_end_matches('/');
    if !path.ends_with("/v1/traces") {
        let path = format!("{path}/v1/traces");
        url.set_path(&path);
    }
    Some(url)
}

/// Returns true for an address that holds no secret, which a log may therefore name.
fn is_collector(url: &Url) -> bool {
    let is_http = matches!(url.scheme(), "http" | "https") && url.has_host();
    let is_plain = url.username().is_empty() && url.password().is_none();
    is_http && is_plain && url.query().is_none() && url.fragment().is_none()
}

/// Reads the share of requests, in millionths.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to a million, rounded"
)]
fn sample(section: &Section<'_, '_>) -> Option<u32> {
    let value = section.value("sample")?.get_ref();
    let digits = value
        .as_float()
        .map(|number| number.as_str())
        .or_else(|| value.as_integer().map(|number| number.as_str()));
    let share = digits.and_then(|digits| digits.parse::<f64>().ok());
    let Some(share) = share.filter(|share| (0.0..=1.0).contains(share)) else {
        section.wrong(
            "sample",
            "write a share of requests from 0 (none) to 1 (all)",
        );
        return None;
    };
    Some((share * MILLION).round() as u32)
}

fn service_name(section: &Section<'_, '_>) -> Option<String> {
    let text = section.text("service_name")?;
    if text.is_empty() || text.len() > 255 || text.chars().any(char::is_control) {
        section.wrong("service_name", "write 1 to 255 bytes of text");
        return None;
    }
    Some(text.to_owned())
}
