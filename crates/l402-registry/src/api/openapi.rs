//! The document of the API, OpenAPI 3.1.

use url::Url;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, OpenApi as Document, PathItem, Ref, ResponseBuilder, Server,
};
use utoipa::{Modify, OpenApi};

use super::problem::ProblemJson;
use super::{admin, claim, meta, review, service, submit};

/// The API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "L402 registry",
        description = "A directory of paid APIs: what it says of each is measured, and shown with its evidence.",
        license(name = "MIT OR Apache-2.0"),
    ),
    paths(
        service::list,
        submit::submit,
        service::show,
        service::history,
        claim::begin,
        claim::finish,
        claim::edit,
        claim::remove,
        claim::transfer,
        claim::revoke,
        review::list,
        review::add,
        review::answer,
        review::report,
        meta::categories,
        meta::health,
        meta::feed,
        meta::openapi,
        meta::llms,
        admin::hide,
        admin::unhide,
        admin::ban,
        admin::unban,
        admin::bans,
        admin::merge,
        admin::hide_review,
        admin::counters,
    ),
    components(schemas(ProblemJson)),
    modifiers(&Keys, &Refusals),
)]
struct ApiDocument;

/// Returns the document as JSON.
pub(super) fn document(public_url: &Url) -> Vec<u8> {
    let mut document = ApiDocument::openapi();
    document.servers = Some(vec![Server::new(public_url.as_str().trim_end_matches('/'))]);
    // Texts, numbers, lists and maps with texts as keys only, so writing cannot fail.
    serde_json::to_vec(&document).unwrap_or_default()
}

/// The two kinds of key.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut Document) {
        let bearer = |text: &str| {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
            SecurityScheme::Http(scheme.description(Some(text)).build())
        };
        let components = document.components.get_or_insert_default();
        let owner = bearer("The key that a claim has given to the owner of the listing");
        components.add_security_scheme("owner", owner);
        let admin = bearer("The token of this registry's moderators");
        components.add_security_scheme("admin", admin);
    }
}

/// The refusals, which are alike for all routes.
struct Refusals;

/// The refusals of every route.
const ALWAYS: &[(&str, &str)] = &[
    ("400", "A parameter or the body cannot be read"),
    ("404", "There is no such listing, claim or review"),
    ("405", "The path does not answer this method"),
    ("421", "Host is another server"),
    (
        "429",
        "Too many requests; Retry-After says when to come again",
    ),
    ("500", "The registry failed"),
];

/// The further refusals of routes that change something.
const CHANGING: &[(&str, &str)] = &[
    ("401", "The key is missing"),
    (
        "403",
        "The key is another one, the proof was not found, the host is banned, or a foreign page asks",
    ),
    ("409", "It is taken"),
    ("410", "The listing is hidden"),
    ("413", "The body is longer than 64 KiB"),
    ("415", "The body is no JSON"),
    ("422", "A value is wrong, or nothing could be listed"),
];

/// The further refusals of routes that change nothing.
const READING: &[(&str, &str)] = &[
    ("410", "The listing is hidden"),
    ("414", "The query is longer than 4 KiB"),
];

/// The further refusals of routes that want a key.
const WITH_KEY: &[(&str, &str)] = &[
    ("401", "The key is missing"),
    ("403", "The key is another one"),
];

impl Modify for Refusals {
    fn modify(&self, document: &mut Document) {
        for item in document.paths.paths.values_mut() {
            let PathItem {
                get,
                post,
                patch,
                delete,
                ..
            } = item;
            if let Some(get) = get {
                add(get, READING);
                if get.security.is_some() {
                    add(get, WITH_KEY);
                } else {
                    not_modified(get);
                }
            }
            for change in [post, patch, delete].into_iter().flatten() {
                add(change, CHANGING);
            }
        }
    }
}

fn add(operation: &mut Operation, refusals: &[(&str, &str)]) {
    for (status, text) in ALWAYS.iter().chain(refusals) {
        let schema = Ref::from_schema_name("ProblemJson");
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let response = ResponseBuilder::new()
            .description(*text)
            .content("application/problem+json", content);
        let responses = &mut operation.responses.responses;
        responses
            .entry((*status).to_owned())
            .or_insert_with(|| response.build().into());
    }
}

fn not_modified(operation: &mut Operation) {
    let response =
        ResponseBuilder::new().description("The client has it: If-None-Match names its ETag");
    let responses = &mut operation.responses.responses;
    responses.insert("304".to_owned(), response.build().into());
}
