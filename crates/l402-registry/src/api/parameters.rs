//! The parameters of the API, for its document.

use serde_json::{Value, json};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{RefOr, Required};

use crate::listing::{Form, State};
use crate::search::{PAGE_MAX, Sort};

/// The parameters of a search.
pub(super) struct SearchParameters;

impl IntoParams for SearchParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut all = Vec::from(by_words());
        all.extend(by_price());
        all.extend(by_origin());
        all.extend(in_pages());
        all
    }
}

/// Returns the parameters whose values are words of a list.
fn by_words() -> [Parameter; 8] {
    let (states, forms) = (State::ALL.map(State::name), Form::ALL.map(Form::name));
    let networks = l402::Network::ALL.map(l402::Network::name);
    let health = ["healthy", "degraded", "down", "unknown"];
    let protocols = ["L402", "MPP", "x402"];
    let paid = "True for services that answered when they were paid";
    let q = "Words; the last one may be its beginning. 200 characters count";
    [
        query("q", q, text(None)),
        query("state", "One of these states", list(&states)),
        query("health", "The same in 402index's words", list(&health)),
        query("form", "One of these forms of challenge", list(&forms)),
        query("protocol", "The same in 402index's words", list(&protocols)),
        query("network", "The network of the invoice", word(&networks)),
        query("owned", "True for services with a proven owner", flag()),
        query("works_when_paid", paid, flag()),
    ]
}

/// Returns the bounds of the observed price.
fn by_price() -> [Parameter; 3] {
    let sat = 2_100_000_000_000_000;
    let (msat, whole) = (number(0, sat * 1000, None), number(0, sat, None));
    [
        query("price_from_msat", "The lowest observed price", msat.clone()),
        query("price_to_msat", "The highest observed price", msat),
        query("max_price_sat", "The highest one in satoshi", whole),
    ]
}

/// Returns the parameters about where a service is and who can buy there.
fn by_origin() -> [Parameter; 4] {
    let client = "A client that can pay it, such as `lnget`";
    let node = text(Some("^[0-9a-fA-F]{66}$"));
    [
        query(
            "category",
            "This category, and those below it",
            text(Some(CATEGORY)),
        ),
        query("client", client, bounded(64)),
        query("host", "The host", bounded(253)),
        query("node", "The node that signs the invoices", node),
    ]
}

/// Returns order and page.
fn in_pages() -> [Parameter; 3] {
    let sorts = Sort::ALL.map(Sort::name);
    let limit = number(1, PAGE_MAX.into(), Some(50));
    let after = "The value of `next` of the page before, with the same `sort`";
    [
        query(
            "sort",
            "The order: `relevance` if it is left out",
            word(&sorts),
        ),
        query("limit", "The services of a page", limit),
        query("after", after, text(Some(CURSOR))),
    ]
}

/// The shape of a category.
const CATEGORY: &str = "^[a-z0-9-]{1,18}(/[a-z0-9-]{1,18}){0,2}$";

/// The shape of a cursor.
const CURSOR: &str = "^[a-z]+\\.(-?[0-9]{1,18})?\\.[0-9a-f]{16}$";

/// The parameter `{id}`.
pub(super) struct IdParameter;

impl IntoParams for IdParameter {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![path("id", "The listing", "^[0-9a-f]{16}$")]
    }
}

/// The parameters `{id}` and `{hash}`.
pub(super) struct ReviewParameters;

impl IntoParams for ReviewParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let hash = path("hash", "The payment hash of the review", "^[0-9a-f]{64}$");
        vec![path("id", "The listing", "^[0-9a-f]{16}$"), hash]
    }
}

/// The parameter `{nonce}`.
pub(super) struct NonceParameter;

impl IntoParams for NonceParameter {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = "The claim: the digits behind the colon, or all of `nonce`";
        vec![path("nonce", text, "^[0-9a-f]{32}$")]
    }
}

/// Returns a parameter in the path.
fn path(name: &str, description: &str, pattern: &str) -> Parameter {
    parameter(ParameterIn::Path, name, description, text(Some(pattern)))
}

fn query(name: &str, description: &str, schema: Schema) -> Parameter {
    parameter(ParameterIn::Query, name, description, schema)
}

fn parameter(place: ParameterIn, name: &str, description: &str, schema: Schema) -> Parameter {
    let required = match place {
        ParameterIn::Path => Required::True,
        _ => Required::False,
    };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String))
}

fn text(pattern: Option<&str>) -> Schema {
    string().pattern(pattern).into()
}

fn bounded(most: usize) -> Schema {
    // A byte of ASCII is a character, and others are not in the names that are meant.
    string()
        .min_length(Some(1))
        .max_length(Some(most))
        .pattern(Some("^[ -~]+$"))
        .into()
}

fn word(words: &[&str]) -> Schema {
    string()
        .enum_values(Some(words.iter().map(|word| json!(word))))
        .into()
}

fn list(words: &[&str]) -> Schema {
    ArrayBuilder::new()
        .items(RefOr::T(word(words)))
        .max_items(Some(16))
        .into()
}

fn flag() -> Schema {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Boolean))
        .into()
}

fn number(least: i64, most: i64, default: Option<i64>) -> Schema {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Integer))
        .minimum(Some(least))
        .maximum(Some(most))
        .default(default.map(Value::from))
        .into()
}
