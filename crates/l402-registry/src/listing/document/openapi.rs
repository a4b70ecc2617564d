//! `openapi.json` with `x-payment-info`.

use serde_json::Value;
use url::Url;

use super::entry::Entry;
use super::offer::claimed_price;
use super::parameter::filled;
use super::read::Reading;
use crate::listing::field::{self, text, texts};
use crate::listing::method::METHODS;
use crate::listing::schema::resolve;
use crate::listing::{ClaimedPrice, RequestSchema, Words};

/// The most paths that are looked at, those of free operations included.
const PATHS_MAX: usize = 5000;

/// Reads the operations that cost something: with `x-payment-info`, or with a 402 among the answers.
pub(super) fn read(document: &Value, reading: &mut Reading<'_>) {
    let general = General::of(document);
    let paths = document.get("paths").and_then(Value::as_object);
    for (path, item) in paths.into_iter().flatten().take(PATHS_MAX) {
        let item = resolved(document, item);
        for method in METHODS {
            let Some(operation) = item.get(method.to_ascii_lowercase()) else {
                continue;
            };
            if !is_paid(operation) {
                continue;
            }
            // Free operations are passed over first: they take no place among those that are listed.
            if !reading.has_room() {
                return;
            }
            let place = Place {
                document,
                url: reading.url(),
                path,
                item,
                operation,
            };
            let entry = place.entry(method, &general);
            reading.take(&format!("{method} {path}"), entry);
        }
    }
}

fn is_paid(operation: &Value) -> bool {
    let answers = operation.get("responses");
    operation.get("x-payment-info").is_some()
        || answers.is_some_and(|answers| answers.get("402").is_some())
}

/// Returns what a reference names, at most eight steps away, or the value itself.
pub(super) fn resolved<'a>(document: &'a Value, mut value: &'a Value) -> &'a Value {
    for _ in 0..8 {
        let reference = value.get("$ref").and_then(Value::as_str);
        match reference.and_then(|reference| resolve(document, reference)) {
            Some(target) => value = target,
            None => break,
        }
    }
    value
}

/// What a document says of all its operations.
struct General {
    provider: String,
    category: Option<String>,
    tags: Vec<String>,
    docs: Option<String>,
}

impl General {
    fn of(document: &Value) -> Self {
        let null = Value::Null;
        let service = document.get("x-service-info").unwrap_or(&null);
        let mut categories = texts(service, "categories").into_iter();
        let docs = service.get("docs").unwrap_or(&null);
        let docs = text(docs, &["apiReference", "homepage", "llms"]);
        let external = document.get("externalDocs").unwrap_or(&null);
        let docs = Some(docs).filter(|docs| !docs.is_empty());
        Self {
            provider: text(document.get("info").unwrap_or(&null), &["title"]),
            category: categories.next(),
            tags: categories.collect(),
            docs: docs.or_else(|| Some(text(external, &["url"])).filter(|url| !url.is_empty())),
        }
    }
}

/// One operation and where it stands.
struct Place<'a> {
    document: &'a Value,
    url: &'a Url,
    path: &'a str,
    item: &'a Value,
    operation: &'a Value,
}

impl Place<'_> {
    fn entry(&self, method: &str, general: &General) -> Result<Entry, String> {
        let mut price = match self.operation.get("x-payment-info") {
            Some(info) => claimed_price(info)?,
            None => ClaimedPrice::default(),
        };
        // Our gateway's own key: an offer of MPP has whole satoshi only.
        if let Some(ours) = self.operation.get("x-l402") {
            let exact = field::price(ours, &[("price_msat", "msat")]);
            price = if exact.price_msat.is_some() {
                exact
            } else {
                price
            };
        }
        let mut tags = texts(self.operation, "tags");
        tags.extend(general.tags.iter().cloned());
        Ok(Entry {
            endpoint: self.endpoint()?,
            method: method.to_owned(),
            words: Words {
                name: text(self.operation, &["summary", "operationId"]),
                description: text(self.operation, &["description"]),
                category: general.category.clone(),
                tags,
                provider: general.provider.clone(),
                docs: general.docs.clone(),
                price,
                request_schema: self.request_schema(),
            },
            no_probe: self.operation.get("x-no-probe") == Some(&Value::Bool(true)),
        })
    }

    /// Returns the address: a server of the document's own origin, and the path with its parameters filled.
    fn endpoint(&self) -> Result<String, String> {
        let path = filled(self.path, self.document, &[self.operation, self.item])?;
        let lists = [self.operation, self.item, self.document];
        let servers = lists.iter().find_map(|holder| {
            let servers = holder.get("servers")?.as_array()?;
            (!servers.is_empty()).then_some(servers)
        });
        let Some(servers) = servers else {
            return Ok(path);
        };
        let urls = servers.iter().take(20).filter_map(|it| self.server(it));
        let urls: Vec<Url> = urls.collect();
        let is_own = |url: &&Url| url.origin() == self.url.origin();
        // Without one of its own origin, the first is refused by name.
        let server = urls.iter().find(is_own).or_else(|| urls.first());
        let server = server.ok_or("none of its `servers` is a URL")?;
        let mut server = server.clone();
        server.set_query(None);
        server.set_fragment(None);
        Ok(format!("{}{path}", server.as_str().trim_end_matches('/')))
    }

    /// Returns the URL of a server, with its variables at their defaults.
    fn server(&self, server: &Value) -> Option<Url> {
        let mut url = server.get("url")?.as_str()?.to_owned();
        let variables = server.get("variables").and_then(Value::as_object);
        for (name, variable) in variables.into_iter().flatten().take(20) {
            let default = text(variable, &["default"]);
            url = url.replace(&format!("{{{name}}}"), &default);
            if url.len() > 4096 {
                return None;
            }
        }
        self.url.join(&url).ok()
    }

    fn request_schema(&self) -> Option<RequestSchema> {
        let body = resolved(self.document, self.operation.get("requestBody")?);
        let content = body.get("content")?.get("application/json")?;
        RequestSchema::read(content.get("schema")?, self.document)
    }
}
