//! The parameters of a search.

use std::str::FromStr;

use l402::{Msat, Network};
use serde::Serialize;
use url::form_urlencoded;
use utoipa::ToSchema;

use super::problem::ApiError;
use crate::listing::{Form, ServiceJson, State, is_category};
use crate::search::{Cursor, Filter, PAGE_MAX, Query, Sort};
use crate::store::Found;

/// All bitcoin that there will ever be, in satoshi: no price is above it.
const SAT_MAX: u64 = 2_100_000_000_000_000;

/// The most values of one parameter that may be written more than once.
const VALUES_MAX: usize = 16;

/// The characters of the words that count.
const TEXT_MAX: usize = 200;

/// The parameters, for the text of a refusal.
const KNOWN: &str = "q, state, health, price_from_msat, price_to_msat, max_price_sat, category, network, form, \
                     protocol, client, owned, works_when_paid, host, node, sort, limit, after";

/// A page of services.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServicesJson {
    /// The services.
    services: Vec<ServiceJson>,
    /// The number of services that fit, counted to 10,000 at most.
    total: u64,
    /// The most services of a page.
    limit: u32,
    /// The value of `after` for the next page; null on the last one.
    next: Option<String>,
}

impl ServicesJson {
    pub(super) fn of(found: &Found, limit: u32) -> Self {
        Self {
            services: found.listings.iter().map(ServiceJson::of).collect(),
            total: found.total,
            limit,
            next: found.next.as_ref().map(ToString::to_string),
        }
    }
}

/// Reads the query of a search.
///
/// # Errors
/// [`ApiError::Parameter`] for a parameter that is unknown, wrong, or twice there.
pub(super) fn read(query: &str) -> Result<Query, ApiError> {
    let mut read = Reading::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        read.parameter(&name, &value)?;
    }
    let mut query = read.query;
    // Read last: `sort` may stand behind `after` in the query.
    if let Some(after) = read.after {
        let cursor: Cursor = parsed("after", &after)?;
        if cursor.sort != query.sort {
            return Err(wrong(
                "after",
                "it belongs to another sort; begin again without it",
            ));
        }
        query.after = Some(cursor);
    }
    Ok(query)
}

/// The query so far.
#[derive(Default)]
struct Reading {
    query: Query,
    after: Option<String>,
    seen: Vec<String>,
}

impl Reading {
    fn parameter(&mut self, name: &str, value: &str) -> Result<(), ApiError> {
        // A list may be written as several parameters of one name.
        let is_list = matches!(name, "state" | "health" | "form" | "protocol");
        if !is_list && self.seen.iter().any(|seen| seen == name) {
            return Err(wrong(name, "it stands there twice; leave one out"));
        }
        let times = self.seen.iter().filter(|seen| *seen == name).count();
        if times >= VALUES_MAX || self.seen.len() >= 6 * VALUES_MAX {
            return Err(wrong(name, "there are too many parameters"));
        }
        self.seen.push(name.chars().take(32).collect());
        match name {
            "q" => self.query.text = text(value),
            "sort" => self.query.sort = sort(value)?,
            "limit" => self.query.limit = limit(value)?,
            "after" => self.after = Some(value.to_owned()),
            "offset" => {
                return Err(wrong(
                    name,
                    "pages follow each other by `after`: take it from `next`",
                ));
            }
            _ => return self.filter(name, value),
        }
        Ok(())
    }

    fn filter(&mut self, name: &str, value: &str) -> Result<(), ApiError> {
        let filter: &mut Filter = &mut self.query.filter;
        match name {
            "state" => push(name, value, &mut filter.states, state)?,
            "health" => push(name, value, &mut filter.states, health)?,
            "form" => push(name, value, &mut filter.forms, form)?,
            "protocol" => push(name, value, &mut filter.forms, protocol)?,
            "price_from_msat" => filter.price_from = Some(msat(name, value)?),
            // The bound may be given in both units, and then the lower one counts.
            "price_to_msat" => filter.price_to = at_most(filter.price_to, msat(name, value)?),
            "max_price_sat" => {
                let sat = number(name, value, SAT_MAX)?;
                filter.price_to = at_most(filter.price_to, Msat::from_sat(sat));
            }
            "category" => filter.category = Some(category(value)?),
            "network" => filter.network = Some(network(value)?),
            "client" => filter.client = Some(short(name, value, 64)?),
            "owned" => filter.owned = flag(name, value)?,
            "works_when_paid" => filter.works_when_paid = flag(name, value)?,
            "host" => filter.host = Some(short(name, value, 253)?.to_ascii_lowercase()),
            "node" => filter.node = Some(node(value)?),
            _ => {
                // Cut, since a refusal repeats the name, and a stranger may have made it long.
                let name: String = name.chars().take(32).collect();
                return Err(wrong(
                    &name,
                    &format!("no such parameter; there are {KNOWN}"),
                ));
            }
        }
        Ok(())
    }
}

fn wrong(name: &str, text: &str) -> ApiError {
    ApiError::Parameter(name.to_owned(), text.to_owned())
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(name: &str, value: &str) -> Result<T, ApiError> {
    value
        .parse()
        .map_err(|error: T::Err| wrong(name, &error.to_string()))
}

/// Returns the words of a search: what is no text becomes a space, and what is too long is cut.
fn text(value: &str) -> String {
    let plain = value
        .chars()
        .map(|it| if it.is_control() { ' ' } else { it });
    plain.take(TEXT_MAX).collect()
}

fn sort(value: &str) -> Result<Sort, ApiError> {
    let names = Sort::ALL.map(Sort::name).join(", ");
    Sort::from_name(value).ok_or_else(|| wrong("sort", &format!("write one of {names}")))
}

fn limit(value: &str) -> Result<u32, ApiError> {
    let limit = digits(value).and_then(|it| u32::try_from(it).ok());
    let limit = limit.filter(|limit| (1..=PAGE_MAX).contains(limit));
    limit.ok_or_else(|| wrong("limit", &format!("write a number from 1 to {PAGE_MAX}")))
}

/// Adds the values of a parameter, apart by commas, to a list.
fn push<T: PartialEq>(
    name: &str,
    value: &str,
    list: &mut Vec<T>,
    read: impl Fn(&str) -> Result<Vec<T>, String>,
) -> Result<(), ApiError> {
    for word in value.split(',') {
        for value in read(word).map_err(|names| wrong(name, &format!("write one of {names}")))? {
            if !list.contains(&value) {
                list.push(value);
            }
        }
    }
    Ok(())
}

fn state(word: &str) -> Result<Vec<State>, String> {
    let state = State::from_name(word).map(|state| vec![state]);
    state.ok_or_else(|| State::ALL.map(State::name).join(", "))
}

fn form(word: &str) -> Result<Vec<Form>, String> {
    let form = Form::from_name(word).map(|form| vec![form]);
    form.ok_or_else(|| Form::ALL.map(Form::name).join(", "))
}

/// Returns the states behind a word of 402index.
fn health(word: &str) -> Result<Vec<State>, String> {
    match word {
        "healthy" => Ok(vec![State::Up]),
        "degraded" => Ok(vec![State::Degraded]),
        "down" => Ok(vec![State::Down, State::Not402]),
        "unknown" => Ok(vec![State::Unknown]),
        _ => Err("healthy, degraded, down, unknown".to_owned()),
    }
}

/// Returns the forms behind a word of 402index.
fn protocol(word: &str) -> Result<Vec<Form>, String> {
    match word {
        "L402" => Ok(vec![Form::L402, Form::Lsat, Form::Body]),
        "MPP" => Ok(vec![Form::Payment]),
        "x402" => Ok(vec![Form::X402]),
        _ => Err("L402, MPP, x402".to_owned()),
    }
}

fn digits(value: &str) -> Option<u64> {
    // Digits alone, for a number may also be parsed from `+80`.
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| value.parse().ok()).flatten()
}

fn number(name: &str, value: &str, most: u64) -> Result<u64, ApiError> {
    let number = digits(value).filter(|number| *number <= most);
    number.ok_or_else(|| wrong(name, &format!("write a whole number up to {most}")))
}

fn msat(name: &str, value: &str) -> Result<Msat, ApiError> {
    Ok(Msat::new(number(name, value, SAT_MAX * 1000)?))
}

/// Returns the lower of two bounds.
fn at_most(one: Option<Msat>, other: Msat) -> Option<Msat> {
    Some(one.map_or(other, |one| one.min(other)))
}

fn category(value: &str) -> Result<String, ApiError> {
    is_category(value).then(|| value.to_owned()).ok_or_else(|| {
        wrong(
            "category",
            "write up to three parts of a-z, 0-9 and -: ai/images",
        )
    })
}

fn network(value: &str) -> Result<Network, ApiError> {
    parsed("network", value)
}

fn short(name: &str, value: &str, most: usize) -> Result<String, ApiError> {
    let is_short = (1..=most).contains(&value.len());
    (is_short && !value.chars().any(char::is_control))
        .then(|| value.to_owned())
        .ok_or_else(|| wrong(name, &format!("write 1 to {most} bytes of text")))
}

fn flag(name: &str, value: &str) -> Result<bool, ApiError> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(wrong(name, "write true or false")),
    }
}

fn node(value: &str) -> Result<[u8; 33], ApiError> {
    let mut key = [0; 33];
    let is_key = hex::decode_to_slice(value, &mut key).is_ok();
    is_key
        .then_some(key)
        .ok_or_else(|| wrong("node", "write the public key, 66 hex digits"))
}
