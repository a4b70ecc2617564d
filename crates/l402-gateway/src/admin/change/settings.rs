//! Prices and limits.

use l402::Msat;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::problem::{Problem, ProblemKind};
use super::super::state::Admin;
use super::file::FileRead;
use super::{Actor, Change};
use crate::Reloaded;
use crate::config::{Edit, EditTable, EditValue, Http, Live};

/// A new price.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct PriceChange {
    /// The route, as the file writes its path. The other routes of its service get the price, too.
    #[serde(default)]
    pub(crate) route: Option<String>,
    /// The service, instead of a route.
    #[serde(default)]
    pub(crate) service: Option<String>,
    /// The price with its unit, such as `70 sat`.
    pub(crate) price: String,
}

/// New limits. What is not named stays as it is; 0 switches a limit off.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct LimitsChange {
    /// Limits on the invoices that may be asked for.
    pub(crate) challenges: Option<ChallengesChange>,
    /// Limits on one address.
    pub(crate) http: Option<HttpChange>,
}

/// New limits on invoices.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
// Written for the defaults of the document alone.
#[cfg_attr(feature = "openapi", derive(serde::Serialize, utoipa::ToSchema))]
pub(crate) struct ChallengesChange {
    /// Invoices a second for one address.
    pub(crate) per_peer_per_second: Option<u32>,
    /// Invoices at once for one address.
    pub(crate) per_peer_burst: Option<u32>,
    /// Invoices a second for one network.
    pub(crate) per_prefix_per_second: Option<u32>,
    /// Invoices at once for one network.
    pub(crate) per_prefix_burst: Option<u32>,
    /// Invoices a second in all.
    pub(crate) total_per_second: Option<u32>,
    /// Invoices at once in all.
    pub(crate) total_burst: Option<u32>,
}

/// New limits on one address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
// Written for the defaults of the document alone.
#[cfg_attr(feature = "openapi", derive(serde::Serialize, utoipa::ToSchema))]
pub(crate) struct HttpChange {
    /// The largest number of open connections.
    pub(crate) connections_per_peer: Option<u32>,
    /// The largest number of HTTP/2 streams at once.
    pub(crate) streams_per_peer: Option<u32>,
}

impl LimitsChange {
    fn edits(&self) -> Vec<Edit> {
        let challenges = self.challenges.clone().unwrap_or_default();
        let http = self.http.clone().unwrap_or_default();
        let [of_challenges, of_http] = ["challenges", "http"].map(EditTable::Named);
        let all = [
            (
                of_challenges,
                "per_peer_per_second",
                challenges.per_peer_per_second,
            ),
            (of_challenges, "per_peer_burst", challenges.per_peer_burst),
            (
                of_challenges,
                "per_prefix_per_second",
                challenges.per_prefix_per_second,
            ),
            (
                of_challenges,
                "per_prefix_burst",
                challenges.per_prefix_burst,
            ),
            (
                of_challenges,
                "total_per_second",
                challenges.total_per_second,
            ),
            (of_challenges, "total_burst", challenges.total_burst),
            (of_http, "connections_per_peer", http.connections_per_peer),
            (of_http, "streams_per_peer", http.streams_per_peer),
        ];
        // A limit that is not named gets no edit, so that its line in the file stays as it is.
        let named = all.into_iter().filter_map(|(table, key, value)| {
            let value = EditValue::Number(value?.into());
            Some(Edit { table, key, value })
        });
        named.collect()
    }
}

impl Admin {
    /// Sets the price of a service, in the file and at once. Blocks.
    ///
    /// # Errors
    /// [`Problem`] if nothing has changed.
    pub(crate) fn set_price(
        &self,
        change: &PriceChange,
        actor: &Actor,
    ) -> Result<Reloaded, Problem> {
        let price: Msat = change.price.parse().map_err(|error: l402::AmountError| {
            Problem::new(ProblemKind::BadParameter, format!("price: {error}"))
        })?;
        // Held from the read to the write: otherwise two changes at once would refuse each other.
        let _one = self.one_at_a_time();
        let file = FileRead::open(self)?;
        let routes = of_service(&file.config.live, change)?;
        let before: Map<String, Value> = routes
            .iter()
            .map(|(_, path, price)| (path.clone(), price.to_string().into()))
            .collect();
        // By the place in the file, because several routes may have the same path.
        let edits: Vec<Edit> = routes
            .iter()
            .map(|(index, ..)| Edit {
                table: EditTable::Route(*index),
                key: "price",
                value: EditValue::Text(price.to_string()),
            })
            .collect();
        let paths = before.keys().cloned().collect::<Vec<_>>();
        let written = Change {
            what: "price",
            before: before.into(),
            after: json!({ "routes": paths, "price": price.to_string() }),
            actor,
        };
        self.write_down(&written, || file.write(&edits, self))
    }

    /// Sets limits, in the file and at once. Blocks.
    ///
    /// # Errors
    /// [`Problem`] if nothing has changed.
    pub(crate) fn set_limits(
        &self,
        change: &LimitsChange,
        actor: &Actor,
    ) -> Result<Reloaded, Problem> {
        let edits = change.edits();
        if edits.is_empty() {
            let detail = "name at least one limit, such as {\"http\": {\"streams_per_peer\": 100}}";
            return Err(Problem::new(ProblemKind::BadBody, detail));
        }
        let _one = self.one_at_a_time();
        let file = FileRead::open(self)?;
        let before = limits(&file.config.live);
        let mut after = json!({});
        for one in &edits {
            if let (EditTable::Named(table), EditValue::Number(number)) = (one.table, &one.value) {
                after[table][one.key] = (*number).into();
            }
        }
        let written = Change {
            what: "limits",
            before,
            after,
            actor,
        };
        self.write_down(&written, || file.write(&edits, self))
    }
}

/// Returns place, path and price of each route of a service.
fn of_service(live: &Live, change: &PriceChange) -> Result<Vec<(usize, String, Msat)>, Problem> {
    let sold = live.routes.iter().enumerate().filter_map(|(index, route)| {
        let priced = route.route.sold()?;
        Some((index, &route.route.path, priced))
    });
    let sold: Vec<_> = sold.collect();
    // All routes of a service have one price, so a route stands for its whole service.
    let service = match (&change.route, &change.service) {
        (Some(path), None) => {
            let route = sold.iter().find(|(_, own, _)| *own == path);
            route.map(|(.., priced)| priced.service.as_str())
        }
        (None, Some(service)) => Some(service.as_str()),
        _ => {
            let detail = "name either a route, by its path, or a service";
            return Err(Problem::new(ProblemKind::BadBody, detail));
        }
    };
    let of = sold
        .iter()
        .filter(|(.., priced)| Some(priced.service.as_str()) == service)
        .map(|(index, path, priced)| (*index, (*path).clone(), priced.price));
    let of: Vec<_> = of.collect();
    if of.is_empty() {
        let detail =
            "the file has no such route or service with a price; GET /api/v1/prices lists all";
        return Err(Problem::new(ProblemKind::NotFound, detail));
    }
    Ok(of)
}

/// Returns the limits that can be changed, by table and key.
pub(in crate::admin) fn limits(live: &Live) -> Value {
    let Http {
        connections_per_peer,
        streams_per_peer,
        ..
    } = live.http;
    let mut challenges = Map::new();
    let of = &live.challenges;
    for (name, rate) in [
        ("per_peer", of.per_peer),
        ("per_prefix", of.per_prefix),
        ("total", of.total),
    ] {
        let per_second = rate.map_or(0, |rate| rate.per_second.get());
        let burst = rate.map_or(0, |rate| rate.burst.get());
        challenges.insert(format!("{name}_per_second"), per_second.into());
        challenges.insert(format!("{name}_burst"), burst.into());
    }
    json!({
        "challenges": challenges,
        "http": {
            "connections_per_peer": connections_per_peer,
            "streams_per_peer": streams_per_peer,
        },
    })
}
