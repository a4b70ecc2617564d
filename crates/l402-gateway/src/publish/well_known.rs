//! The lists of endpoints below `/.well-known/`.
//!
//! Both name concrete paths that are sold, and nothing else: a crawler asks for each as it stands,
//! and cannot fill in a pattern. Patterns and free paths are in the OpenAPI description.

use serde_json::{Map, Value, json};

use super::documents::Api;
use super::operation::Operation;
use l402_server::Priced;

/// Returns `/.well-known/l402-services`.
pub(super) fn services(api: &Api<'_>) -> Value {
    let services = sold(api).map(|(operation, sold)| {
        let mut service = json!({
            "endpoint": api.address(operation.path),
            "method": operation.method.as_str(),
            "name": operation.name,
            "description": operation.summary(),
            "price_msat": sold.price.msat(),
            "price_sats": sold.price.ceil_sat(),
            "policy": sold.policy.to_string(),
            "service": sold.service.as_str(),
        });
        if let (Some(schema), Some(fields)) = (operation.schema, service.as_object_mut()) {
            fields.insert("request_schema".to_owned(), flat(schema));
        }
        service
    });
    let services: Vec<Value> = services.collect();
    json!({
        "name": api.name(),
        "description": api.publish.description.as_deref().unwrap_or_default(),
        "services": services,
    })
}

/// Returns `/.well-known/l402.json`.
pub(super) fn endpoints(api: &Api<'_>) -> Value {
    let endpoints = sold(api).map(|(operation, sold)| {
        json!({
            "id": operation.id,
            "name": operation.name,
            "method": operation.method.as_str(),
            "endpoint": api.address(operation.path),
            "description": operation.summary(),
            // Whole satoshi, since most readers know no smaller unit here.
            "cost": sold.price.ceil_sat(),
            "price_msat": sold.price.msat(),
            "costType": "fixed",
            "direction": "charges",
        })
    });
    let endpoints: Vec<Value> = endpoints.collect();
    let mut document = json!({
        "name": api.name(),
        "description": api.publish.description.as_deref().unwrap_or_default(),
        "endpoints": endpoints,
    });
    if let (Some(url), Some(fields)) = (&api.publish.url, document.as_object_mut()) {
        fields.insert("url".to_owned(), json!(url));
    }
    document
}

fn sold<'a>(api: &'a Api<'a>) -> impl Iterator<Item = (&'a Operation<'a>, &'a Priced)> {
    let concrete = api.operations.iter().filter(|one| one.is_concrete());
    concrete.filter_map(|operation| Some((operation, operation.sold?)))
}

/// Returns the fields of a schema as crawlers read them: name, type, and whether it is required.
fn flat(schema: &Map<String, Value>) -> Value {
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| {
        required.is_some_and(|names| names.iter().any(|one| one.as_str() == Some(name)))
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    let fields = properties.into_iter().flatten().map(|(name, property)| {
        let field = json!({ "type": type_name(property), "required": is_required(name) });
        (name.clone(), field)
    });
    Value::Object(fields.collect())
}

/// Returns the type of a property, the first if it has several. A text if it has none: that is what
/// a crawler fills in.
fn type_name(property: &Value) -> &str {
    let named = match property.get("type") {
        Some(Value::Array(several)) => several.first().and_then(Value::as_str),
        Some(one) => one.as_str(),
        None => None,
    };
    named.unwrap_or("string")
}
