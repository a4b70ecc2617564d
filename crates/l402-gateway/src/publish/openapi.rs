//! The OpenAPI description of what is sold, with the prices as MPP's discovery or x402scan reads
//! them.

use http::Method;
use l402_server::Priced;
use serde_json::{Map, Value, json};

use super::documents::Api;
use super::operation::Operation;
use super::price;
use super::template::{Parameter, Templates};
use crate::amount::sat_text;
use crate::config::{LLMS, PaymentInfo};

/// The methods that OpenAPI 3.1 has a key for.
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

/// The name of the way to pay among the security schemes.
const SCHEME: &str = "l402";

/// Returns the description of all operations.
pub(super) fn document(api: &Api<'_>) -> Value {
    let mut templates = Templates::default();
    let mut paths: Map<String, Value> = Map::new();
    for operation in api.operations {
        let method = operation.method.as_str().to_ascii_lowercase();
        if !METHODS.contains(&method.as_str()) {
            continue;
        }
        let template = templates.of(operation.path);
        let written = write(api, operation, &template.parameters);
        let item = paths.entry(template.path).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(method, written);
        }
    }
    let mut info = json!({ "title": api.name(), "version": "1.0.0" });
    if let (Some(text), Some(fields)) = (&api.publish.description, info.as_object_mut()) {
        fields.insert("description".to_owned(), json!(text));
    }
    json!({
        "openapi": "3.1.0",
        "info": info,
        // Without a slash at its end: each path is appended to it.
        "servers": [{ "url": api.publish.url.as_deref().unwrap_or("/") }],
        "x-service-info": service_info(api),
        "paths": paths,
        "components": { "securitySchemes": { SCHEME: {
            "type": "http",
            "scheme": "L402",
            "description": "The token of a 402 answer and the preimage of the invoice beside it, \
                            which is learned by paying: Authorization: L402 <token>:<preimage>",
        } } },
    })
}

fn service_info(api: &Api<'_>) -> Value {
    let mut docs = Map::new();
    let links = &api.publish.docs;
    let mut link = |key: &str, url: Option<String>| {
        docs.extend(url.map(|url| (key.to_owned(), Value::String(url))));
    };
    link("homepage", links.homepage.clone());
    link("apiReference", links.reference.clone());
    // A link here must be absolute.
    let is_absolute = api.has_llms && api.publish.url.is_some();
    link("llms", is_absolute.then(|| api.address(LLMS)));
    let mut info = Map::new();
    if !api.publish.categories.is_empty() {
        info.insert("categories".to_owned(), json!(api.publish.categories));
    }
    if !docs.is_empty() {
        info.insert("docs".to_owned(), Value::Object(docs));
    }
    Value::Object(info)
}

/// Returns one operation.
fn write(api: &Api<'_>, operation: &Operation<'_>, in_path: &[Parameter]) -> Value {
    let mut responses = json!({ "200": { "description": "The answer" } });
    let mut written = json!({
        "operationId": operation.id,
        "summary": operation.name,
        "security": [],
    });
    let description = operation.summary();
    if !description.is_empty() {
        written["description"] = Value::String(description);
    }
    let mut parameters: Vec<Value> = in_path.iter().map(path_parameter).collect();
    let takes_body = !matches!(
        operation.method,
        Method::GET | Method::HEAD | Method::DELETE
    );
    if let Some(schema) = operation.schema {
        if takes_body {
            written["requestBody"] =
                json!({ "content": { "application/json": { "schema": schema } } });
        } else {
            parameters.extend(query_parameters(schema));
        }
    }
    if !parameters.is_empty() {
        written["parameters"] = Value::Array(parameters);
    }
    if let Some(sold) = operation.sold {
        responses["402"] = payment_required(sold);
        written["security"] = json!([{ SCHEME: [] }]);
        written["x-payment-info"] = payment_info(api.publish.payment_info, sold);
        // Exactly, since the amounts above are in whole satoshi.
        written["x-l402"] = json!({
            "price_msat": sold.price.msat(),
            "price_sats": sold.price.ceil_sat(),
            "policy": sold.policy.to_string(),
            "service": sold.service.as_str(),
        });
    }
    written["responses"] = responses;
    written
}

fn payment_required(sold: &Priced) -> Value {
    json!({
        "description": format!("Payment Required: {}", price::terms(sold)),
        "headers": { "WWW-Authenticate": {
            "description": "L402 with a token and a Lightning invoice",
            "schema": { "type": "string" },
        } },
        "content": { "application/problem+json": { "schema": { "type": "object" } } },
    })
}

/// Returns the price in the form of one dialect.
fn payment_info(form: PaymentInfo, sold: &Priced) -> Value {
    match form {
        // The schema of an offer is closed, and its amount is an integer of the smallest unit of the
        // currency, which is `sat` for the method lightning.
        PaymentInfo::Mpp => json!({ "offers": [{
            "intent": "charge",
            "method": "lightning",
            "amount": sold.price.ceil_sat().to_string(),
            "currency": "sat",
            "description": price::terms(sold),
        }] }),
        PaymentInfo::X402scan => json!({
            "protocols": ["l402"],
            "price": {
                "mode": "fixed",
                "currency": "sat",
                "amount": sat_text(sold.price),
            },
        }),
    }
}

fn path_parameter(parameter: &Parameter) -> Value {
    let mut written = json!({
        "name": parameter.name,
        "in": "path",
        "required": true,
        "schema": { "type": "string" },
    });
    if parameter.is_rest {
        written["description"] = json!("All that is left of the path, slashes included");
    }
    written
}

/// Returns the properties of a schema as parameters of the query.
fn query_parameters(schema: &Map<String, Value>) -> Vec<Value> {
    let required = schema.get("required").and_then(Value::as_array);
    let properties = schema.get("properties").and_then(Value::as_object);
    let parameters = properties.into_iter().flatten().map(|(name, property)| {
        let is_required = required.is_some_and(|names| names.iter().any(|one| one == name));
        json!({ "name": name, "in": "query", "required": is_required, "schema": property })
    });
    parameters.collect()
}
