//! What is sold: routes, prices, services.

use std::collections::BTreeMap;

use l402_server::{Access, Charge, Priced};
use serde::Serialize;

use super::super::Admin;
use super::query::Query;
use super::{Answered, ok};
use crate::config::RouteConfig;

/// One route that is served.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct RouteJson {
    /// The path or pattern.
    path: String,
    /// The methods; empty for all.
    methods: Vec<String>,
    /// The upstreams of granted requests, at least one, in the order of the file.
    upstreams: Vec<UpstreamJson>,
    /// True if nothing is to be paid.
    free: bool,
    /// The terms; missing for a free route.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    terms: Option<TermsJson>,
    /// The largest number of requests at once; 0 for any number.
    max_in_flight: u32,
}

/// One upstream, which routes may share.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct UpstreamJson {
    /// The address.
    address: String,
    /// False if it is known to be down.
    up: bool,
    /// The requests that are at it.
    in_flight: u32,
}

/// The terms of a sale.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct TermsJson {
    /// The service that a token is for.
    service: String,
    /// The tier of the service.
    tier: u8,
    /// The capability that a token needs.
    capability: Option<String>,
    /// The price of one payment, with its unit.
    price: String,
    /// The price of one payment, in millisatoshi.
    price_msat: u64,
    /// The goods of one payment.
    policy: String,
    /// The event that spends a use: `success` or `request`.
    charge: &'static str,
    /// The time in which an invoice can be paid, in seconds.
    invoice_expiry_secs: u64,
    /// The text that the payer reads.
    memo: String,
}

/// All routes, in the order of the file.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct RoutesJson {
    routes: Vec<RouteJson>,
}

/// The price of one route.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct PriceJson {
    /// The path or pattern.
    route: String,
    /// The methods; empty for all.
    methods: Vec<String>,
    /// The service, whose routes share the price.
    service: String,
    /// The price of one payment, with its unit.
    price: String,
    /// The price of one payment, in millisatoshi.
    price_msat: u64,
}

/// The prices of all routes that have one.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct PricesJson {
    prices: Vec<PriceJson>,
}

/// One service.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct ServiceJson {
    /// The name, as it stands in tokens.
    service: String,
    /// The price of one payment, in millisatoshi.
    price_msat: u64,
    /// The goods of one payment.
    policy: String,
    /// The paths of its routes.
    routes: Vec<String>,
}

/// All services, by name.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct ServicesJson {
    services: Vec<ServiceJson>,
}

/// Returns the upstreams of a route with their states; one that none is known of is up.
fn upstreams(route: &RouteConfig, states: &BTreeMap<String, (bool, u32)>) -> Vec<UpstreamJson> {
    let of = |address: String| {
        let (up, in_flight) = states.get(&address).copied().unwrap_or((true, 0));
        UpstreamJson {
            address,
            up,
            in_flight,
        }
    };
    route.upstreams().map(|one| of(one.to_string())).collect()
}

fn terms(priced: &Priced) -> TermsJson {
    TermsJson {
        service: priced.service.to_string(),
        tier: priced.tier,
        capability: priced.capability.clone(),
        price: priced.price.to_string(),
        price_msat: priced.price.msat(),
        policy: priced.policy.to_string(),
        charge: match priced.charge {
            Charge::Request => "request",
            _ => "success",
        },
        invoice_expiry_secs: priced.invoice_expiry.as_secs(),
        memo: priced.memo.clone(),
    }
}

fn methods(route: &RouteConfig) -> Vec<String> {
    let methods = route.route.methods.iter();
    methods.map(ToString::to_string).collect()
}

pub(super) fn list(admin: &Admin, query: &Query) -> Answered {
    query.only(&[])?;
    let live = admin.gateway().live();
    let states = admin.gateway().table().upstream_states();
    let routes = live.routes.iter().map(|route| RouteJson {
        path: route.route.path.clone(),
        methods: methods(route),
        upstreams: upstreams(route, &states),
        free: route.route.access == Access::Free,
        terms: route.route.sold().map(terms),
        max_in_flight: route.max_in_flight,
    });
    ok(&RoutesJson {
        routes: routes.collect(),
    })
}

pub(super) fn prices(admin: &Admin, query: &Query) -> Answered {
    query.only(&[])?;
    ok(&all_prices(admin))
}

pub(super) fn all_prices(admin: &Admin) -> PricesJson {
    let live = admin.gateway().live();
    let prices = live.routes.iter().filter_map(|route| {
        let priced = route.route.sold()?;
        Some(PriceJson {
            route: route.route.path.clone(),
            methods: methods(route),
            service: priced.service.to_string(),
            price: priced.price.to_string(),
            price_msat: priced.price.msat(),
        })
    });
    PricesJson {
        prices: prices.collect(),
    }
}

pub(super) fn services(admin: &Admin, query: &Query) -> Answered {
    query.only(&[])?;
    let live = admin.gateway().live();
    let mut services: BTreeMap<&str, ServiceJson> = BTreeMap::new();
    for route in &live.routes {
        let Some(priced) = route.route.sold() else {
            continue;
        };
        let service = services
            .entry(priced.service.as_str())
            .or_insert_with(|| ServiceJson {
                service: priced.service.to_string(),
                price_msat: priced.price.msat(),
                policy: priced.policy.to_string(),
                routes: Vec::new(),
            });
        service.routes.push(route.route.path.clone());
    }
    ok(&ServicesJson {
        services: services.into_values().collect(),
    })
}
