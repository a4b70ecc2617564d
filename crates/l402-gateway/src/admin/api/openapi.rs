//! The document of the API, OpenAPI 3.1, made from the types of its answers. What is served is the file
//! `openapi.json`, so that a program does not carry what makes it; a test holds the two together.

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::super::change::{LimitsChange, PriceChange};
use super::super::probes::HealthJson;
use super::super::problem::ProblemJson;
use super::configuration::{
    AuditJson, ConfigJson, DrainingJson, PricesSetJson, ReloadedJson, TokenRotatedJson,
};
use super::keys::{KeyJson, KeysJson, RetireKey, RotateKey};
use super::payments::{PaymentState, PaymentsJson};
use super::revocations::{NewRevocation, RevocationsJson, RevokedJson};
use super::routes::{PricesJson, RoutesJson, ServicesJson};
use super::sales::SalesJson;
use super::tokens::{TokenDetailsJson, TokensJson};

/// The API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "L402 gateway, for operators",
        description = "Sales, tokens, prices, limits and keys of one gateway.",
        version = "1",
        license(name = "MIT OR Apache-2.0"),
    ),
    servers((url = "/api/v1")),
    paths(
        audit, config, drain, health, keys, rotate, retire, limits, set_limits, payments, prices, set_price,
        put_price, reload, revocations, revoke, routes, sales, services, tokens, token, revoke_token,
        rotate_token,
    ),
    components(schemas(ProblemJson)),
    modifiers(&Common),
)]
struct ApiDocument;

/// The key, and the refusals that are alike for all paths.
struct Common;

const REFUSALS: [(&str, &str); 10] = [
    ("400", "A parameter or the body cannot be read"),
    ("401", "The token is missing or wrong"),
    ("403", "A page of another origin asks"),
    ("404", "There is nothing of this name"),
    ("405", "The path does not answer this method"),
    (
        "409",
        "It does not go with what is there, or the file cannot be written",
    ),
    ("421", "Host is another server"),
    ("422", "The configuration has mistakes"),
    ("429", "Too many wrong tokens"),
    ("503", "A store or the audit log cannot be used"),
];

impl Modify for Common {
    fn modify(&self, document: &mut Document) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let bearer = bearer.description(Some("The token in admin.token of the gateway's home"));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(bearer.build()));
        let none: [&str; 0] = [];
        document.security = Some(vec![SecurityRequirement::new("token", none)]);
        for item in document.paths.paths.values_mut() {
            let all = [
                &mut item.get,
                &mut item.post,
                &mut item.patch,
                &mut item.put,
            ];
            all.into_iter().flatten().for_each(add_refusals);
        }
    }
}

fn add_refusals(operation: &mut Operation) {
    for (status, text) in REFUSALS {
        let schema = Ref::from_schema_name("ProblemJson");
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let response = ResponseBuilder::new()
            .description(text)
            .content("application/problem+json", content);
        let responses = &mut operation.responses.responses;
        responses.insert(status.to_owned(), response.build().into());
    }
}

/// The changes that operators have made, the newest first.
#[utoipa::path(get, path = "/audit", params(
    ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "At most so many, 1 to 1000"),
    ("before" = Option<String>, Query, description = "`next` of the page before"),
), responses((status = 200, description = "Changes", body = AuditJson)))]
fn audit() {}

/// The configuration file as it is now, with secrets masked.
#[utoipa::path(get, path = "/config", responses((status = 200, description = "The file", body = ConfigJson)))]
fn config() {}

/// Ends the gateway as a signal does.
#[utoipa::path(post, path = "/drain", responses((status = 202, description = "It ends", body = DrainingJson)))]
fn drain() {}

/// The state of the gateway and of what it needs.
#[utoipa::path(get, path = "/health", responses((status = 200, description = "The state", body = HealthJson)))]
fn health() {}

/// All key numbers.
#[utoipa::path(get, path = "/keys", responses((status = 200, description = "Keys", body = KeysJson)))]
fn keys() {}

/// Begins the next key number.
#[utoipa::path(post, path = "/keys/rotate", request_body = Option<RotateKey>,
    responses((status = 200, description = "The number", body = KeyJson)))]
fn rotate() {}

/// Ends a key number.
#[utoipa::path(post, path = "/keys/{number}/retire", request_body = Option<RetireKey>,
    params(("number" = u16, Path, description = "The number")),
    responses((status = 200, description = "The number", body = KeyJson)))]
fn retire() {}

/// The limits that can be changed.
#[utoipa::path(get, path = "/limits", responses((status = 200, description = "Limits by table and key", body = Value)))]
fn limits() {}

/// Sets limits, in the file and at once.
#[utoipa::path(patch, path = "/limits", request_body = LimitsChange,
    responses((status = 200, description = "Limits by table and key", body = Value)))]
fn set_limits() {}

/// Payments, in the order of their hashes.
#[utoipa::path(get, path = "/payments", params(
    ("state" = Option<PaymentState>, Query, description = "Those in this state"),
    ("service" = Option<String>, Query, description = "Those for this service"),
    ("since" = Option<String>, Query, description = "Those that arrived since: 24h, 7d, a date or a time"),
    ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "At most so many, 1 to 1000"),
    ("after" = Option<String>, Query, description = "`next` of the page before"),
), responses((status = 200, description = "Payments", body = PaymentsJson)))]
fn payments() {}

/// The prices that are served.
#[utoipa::path(get, path = "/prices", responses((status = 200, description = "Prices", body = PricesJson)))]
fn prices() {}

/// Sets the price of a service, in the file and at once.
#[utoipa::path(patch, path = "/prices", request_body = PriceChange,
    responses((status = 200, description = "All prices", body = PricesSetJson)))]
fn set_price() {}

/// As PATCH.
#[utoipa::path(put, path = "/prices", request_body = PriceChange,
    responses((status = 200, description = "All prices", body = PricesSetJson)))]
fn put_price() {}

/// Reads the file again: all of it, or nothing.
#[utoipa::path(post, path = "/reload", responses((status = 200, description = "Served", body = ReloadedJson)))]
fn reload() {}

/// All revocations, the oldest first.
#[utoipa::path(get, path = "/revocations", params(
    ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "At most so many, 1 to 1000"),
    ("after" = Option<i64>, Query, description = "`next` of the page before"),
), responses((status = 200, description = "Revocations", body = RevocationsJson)))]
fn revocations() {}

/// Ends the tokens of a payment, of a service, or of before a time.
#[utoipa::path(post, path = "/revocations", request_body = NewRevocation,
    responses((status = 200, description = "The revocation", body = RevokedJson)))]
fn revoke() {}

/// The routes that are served.
#[utoipa::path(get, path = "/routes", responses((status = 200, description = "Routes", body = RoutesJson)))]
fn routes() {}

/// Sums of what was sold.
#[utoipa::path(get, path = "/sales", params(
    ("since" = Option<String>, Query, description = "Payments since: 24h, 7d (the default), a date or a time"),
    ("by" = Option<String>, Query, description = "route (the default), service, day or hour"),
), responses((status = 200, description = "Sums", body = SalesJson)))]
fn sales() {}

/// The services that are sold.
#[utoipa::path(get, path = "/services", responses((status = 200, description = "Services", body = ServicesJson)))]
fn services() {}

/// Tokens that have a use or a revocation.
#[utoipa::path(get, path = "/tokens", params(
    ("token" = Option<String>, Query, description = "The first hex digits of the id"),
    ("payment_hash" = Option<String>, Query, description = "The payment: 64 hex digits"),
    ("service" = Option<String>, Query, description = "The service"),
    ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "At most so many, 1 to 1000"),
    ("after" = Option<String>, Query, description = "`next` of the page before"),
), responses((status = 200, description = "Tokens", body = TokensJson)))]
fn tokens() {}

/// All that is known of a token.
#[utoipa::path(get, path = "/tokens/{id}",
    params(("id" = String, Path, description = "64 hex digits, or the 132 of its identifier")),
    responses((status = 200, description = "The token", body = TokenDetailsJson)))]
fn token() {}

/// Ends a token.
#[utoipa::path(post, path = "/tokens/{id}/revoke",
    params(("id" = String, Path, description = "64 hex digits, or the 132 of its identifier")),
    responses((status = 200, description = "The revocation", body = RevokedJson)))]
fn revoke_token() {}

/// Makes a new token for operators. The one that was shown is wrong from then on, and sessions of the
/// dashboard end.
#[utoipa::path(post, path = "/token/rotate",
    responses((status = 200, description = "The file of the new token", body = TokenRotatedJson)))]
fn rotate_token() {}

#[cfg(test)]
mod tests {
    use super::*;

    /// With `UPDATE_SNAPSHOTS` set the file is written instead.
    #[test]
    fn the_file_is_what_the_types_say() {
        let document = serde_json::to_value(ApiDocument::openapi()).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/admin/openapi.json");
            std::fs::write(path, text).unwrap();
        } else {
            assert_eq!(
                super::super::request::DOCUMENT,
                text,
                "set UPDATE_SNAPSHOTS=1 to write it"
            );
        }
    }
}
