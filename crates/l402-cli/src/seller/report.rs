//! The settings of a gateway, as they are reported: its routes, and the mistakes of `--check`.

use std::fmt::Write as _;

use l402_gateway::{Config, ConfigError, RouteConfig};
use l402_server::Access;
use serde_json::{Value, json};

use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::output::{self, Output, style};
use crate::text::plain::escape;

/// Prints the result of `--check` for a configuration with mistakes.
pub(crate) fn report_mistakes(mistakes: &[ConfigError], out: Output) -> Result<ExitCode, CliError> {
    let errors: Vec<Value> = mistakes.iter().map(mistake).collect();
    // On stdout, for here the mistakes are the result that was asked for, and no failure.
    let value = json!({ "ok": false, "errors": errors });
    out.machine(&value)?;
    output::tell_error(&super::of_configuration(mistakes));
    Ok(exit_code::CONFIGURATION)
}

/// Returns the routes, for machines.
pub(crate) fn describe(config: &Config) -> Value {
    Value::Array(config.routes().iter().map(route).collect())
}

fn route(config: &RouteConfig) -> Value {
    let route = &config.route;
    let methods: Vec<&str> = route.methods.iter().map(http::Method::as_str).collect();
    let mut value = json!({
        "path": route.path,
        "methods": methods,
        "free": true,
    });
    // A text for one, as it always was, and a list for several.
    let upstreams = match upstreams(config).as_slice() {
        [one] => ("upstream", json!(one)),
        several => ("upstreams", json!(several)),
    };
    if let Some(fields) = value.as_object_mut() {
        fields.insert(upstreams.0.to_owned(), upstreams.1);
    }
    if let (Access::Priced(priced), Some(fields)) = (&route.access, value.as_object_mut()) {
        fields.insert("free".to_owned(), json!(false));
        fields.insert("service".to_owned(), json!(priced.service.as_str()));
        fields.insert("name".to_owned(), json!(priced.memo));
        fields.insert("price_msat".to_owned(), json!(priced.price.msat()));
        fields.insert("policy".to_owned(), json!(priced.policy.to_string()));
    }
    value
}

fn upstreams(config: &RouteConfig) -> Vec<String> {
    config.upstreams().map(ToString::to_string).collect()
}

/// Returns the routes, for people.
pub(crate) fn table(config: &Config) -> String {
    let mut text = String::new();
    for entry in config.routes() {
        let (path, upstreams) = (&entry.route.path, upstreams(entry).join(", "));
        let price = match &entry.route.access {
            Access::Free => "free".to_owned(),
            Access::Priced(priced) => format!("{}, policy {}", priced.price, priced.policy),
        };
        let price = style::paint(style::TITLE, &price);
        let _ = writeln!(text, "  {path:<28} {price}  from {upstreams}");
    }
    let published = config.published();
    if !published.is_empty() {
        let _ = writeln!(text, "  says what it sells at {}", published.join(", "));
    }
    text
}

/// Returns place and text of a mistake, for machines.
fn mistake(error: &ConfigError) -> Value {
    json!({
        "file": error.file(),
        "line": error.line(),
        "column": error.column(),
        "key": error.key(),
        "message": escape(&error.to_string()),
    })
}
