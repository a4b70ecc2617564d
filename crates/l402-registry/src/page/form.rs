//! The form of a search: what the address of the page asks for.

use l402::{Msat, Network};
use l402_client::examine::READERS;
use url::form_urlencoded;

use super::phrase;
use crate::listing::{Form as Shape, State, is_category};
use crate::search::{Cursor, Filter, Query, Sort};

/// The longest query string, in bytes.
const QUERY_MAX: usize = 4096;

/// The parameters, in the order in which links have them.
const NAMES: &[&str] = &[
    "q",
    "state",
    "max_price_sat",
    "category",
    "network",
    "form",
    "client",
    "owned",
    "paid",
    "host",
    "node",
    "sort",
];

/// The parameters of a search that were understood, and a note for each that was not.
#[derive(Clone, Debug, Default)]
pub(super) struct Form {
    pairs: Vec<(&'static str, String)>,
    /// The place at which the page begins.
    after: Option<Cursor>,
    /// A sentence for each parameter that was left out.
    pub(super) notes: Vec<String>,
}

impl Form {
    /// Reads a query string. What cannot be read is left out, with a note.
    pub(super) fn read(query: &str) -> Self {
        let mut form = Self::default();
        if query.len() > QUERY_MAX {
            form.notes
                .push("The address was too long to be read.".to_owned());
            return form;
        }
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.trim();
            // A form sends its empty fields, too.
            if !value.is_empty() {
                form.take(&name, value);
            }
        }
        form
    }

    fn take(&mut self, name: &str, value: &str) {
        if name == "after" {
            match value.parse() {
                Ok(cursor) => self.after = Some(cursor),
                Err(_) => self
                    .notes
                    .push("This page cannot be found again; here is the first.".to_owned()),
            }
            return;
        }
        let Some(name) = NAMES.iter().find(|known| **known == name) else {
            let name = phrase::line(name, 40);
            return self.notes.push(format!("There is no filter “{name}”."));
        };
        let value: String = value
            .chars()
            .filter(|c| !l402::text::is_hidden(*c))
            .take(200)
            .collect();
        if !is_valid(name, &value) {
            let value = phrase::line(&value, 40);
            return self.notes.push(format!("“{value}” is no {}.", noun(name)));
        }
        // Several states may be asked for; of anything else, the first counts.
        let known = self
            .pairs
            .iter()
            .any(|(it, held)| it == name && (*it != "state" || *held == value));
        if !known {
            self.pairs.push((name, value));
        }
    }

    /// Returns the search that the parameters mean.
    pub(super) fn query(&self) -> Query {
        let text = |name| self.value(name).map(str::to_owned);
        Query {
            text: text("q").unwrap_or_default(),
            filter: Filter {
                states: self.values("state").filter_map(State::from_name).collect(),
                price_to: self.value("max_price_sat").and_then(sat),
                category: text("category"),
                network: self.value("network").and_then(network),
                forms: self.values("form").filter_map(Shape::from_name).collect(),
                client: text("client"),
                owned: self.value("owned").is_some_and(is_yes),
                works_when_paid: self.value("paid").is_some_and(is_yes),
                node: self.value("node").and_then(node),
                host: text("host"),
                ..Filter::default()
            },
            sort: self.sort(),
            after: self.after.clone().filter(|after| after.sort == self.sort()),
            ..Query::default()
        }
    }

    /// Returns the order.
    pub(super) fn sort(&self) -> Sort {
        self.value("sort")
            .and_then(Sort::from_name)
            .unwrap_or_default()
    }

    /// Returns true if this is not the first page.
    pub(super) fn is_continued(&self) -> bool {
        self.after.is_some()
    }

    /// Returns the first value of a parameter.
    pub(super) fn value(&self, name: &'static str) -> Option<&str> {
        self.values(name).next()
    }

    fn values(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.pairs
            .iter()
            .filter(move |(it, _)| *it == name)
            .map(|(_, value)| value.as_str())
    }

    /// Returns the parameters that narrow the search, each with its value.
    pub(super) fn filters(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let filters = self
            .pairs
            .iter()
            .filter(|(name, _)| !matches!(*name, "q" | "sort"));
        filters.map(|(name, value)| (*name, value.as_str()))
    }

    /// Returns the first page of the search with this parameter set.
    pub(super) fn with(&self, name: &'static str, value: &str) -> Self {
        let mut form = self.without(name);
        form.pairs.push((name, value.to_owned()));
        form
    }

    /// Returns the first page of the search without this parameter.
    pub(super) fn without(&self, name: &str) -> Self {
        let pairs = self.pairs.iter().filter(|(it, _)| *it != name);
        Self {
            pairs: pairs.cloned().collect(),
            ..Self::default()
        }
    }

    /// Returns the search from this place on.
    pub(super) fn from(&self, after: Cursor) -> Self {
        Self {
            after: Some(after),
            ..self.clone()
        }
    }

    /// Returns the address of the page.
    pub(super) fn href(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for name in NAMES {
            for value in self.values(name) {
                query.append_pair(name, value);
            }
        }
        if let Some(after) = &self.after {
            query.append_pair("after", &after.to_string());
        }
        match query.finish() {
            query if query.is_empty() => "/search".to_owned(),
            query => format!("/search?{query}"),
        }
    }
}

fn is_valid(name: &str, value: &str) -> bool {
    match name {
        "state" => State::from_name(value).is_some(),
        "max_price_sat" => sat(value).is_some(),
        "category" => is_category(value),
        "network" => network(value).is_some(),
        "form" => Shape::from_name(value).is_some(),
        "client" => READERS.iter().any(|reader| reader.client == value),
        "owned" | "paid" => is_yes(value) || matches!(value, "false" | "0"),
        "node" => node(value).is_some(),
        "host" => value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-[]:".contains(&byte)),
        "sort" => Sort::from_name(value).is_some(),
        _ => true,
    }
}

/// Returns the words for a parameter in a note.
fn noun(name: &str) -> &'static str {
    match name {
        "state" => "state",
        "max_price_sat" => "price in whole sat",
        "category" => "category such as ai/images",
        "network" => "network",
        "form" => "form of a challenge",
        "client" => "client that is known here",
        "owned" | "paid" => "true or false",
        "node" => "key of a node (66 hex digits)",
        "host" => "host",
        _ => "order",
    }
}

fn is_yes(value: &str) -> bool {
    matches!(value, "true" | "1" | "on")
}

fn sat(value: &str) -> Option<Msat> {
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    let sat = value.parse::<u64>().ok().filter(|_| is_number)?;
    (sat <= Msat::MAX.ceil_sat()).then(|| Msat::from_sat(sat))
}

fn network(value: &str) -> Option<Network> {
    Network::ALL
        .into_iter()
        .find(|network| network.name() == value)
}

fn node(value: &str) -> Option<[u8; 33]> {
    let mut node = [0; 33];
    hex::decode_to_slice(value, &mut node).ok().map(|()| node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_parameter_and_writes_it_again() {
        let query = "q=a+joke&state=up&state=degraded&max_price_sat=100&category=ai%2Fimages&network=mainnet\
                     &form=l402&client=lnget&owned=true&paid=true&host=api.example&sort=price";
        let form = Form::read(query);
        assert_eq!(form.notes, Vec::<String>::new());
        assert_eq!(form.href(), format!("/search?{query}"));
        let query = form.query();
        assert_eq!(query.text, "a joke");
        assert_eq!(query.filter.states, [State::Up, State::Degraded]);
        assert_eq!(query.filter.price_to, Some(Msat::from_sat(100)));
        assert!(query.filter.owned && query.filter.works_when_paid);
        assert_eq!((query.sort, query.limit), (Sort::Price, 50));
    }

    #[test]
    fn empty_fields_of_the_form_ask_for_nothing() {
        let form = Form::read("q=&state=&max_price_sat=&category=&network=&form=&client=&sort=");
        assert_eq!(
            (form.query(), form.href()),
            (Query::default(), "/search".to_owned())
        );
    }

    #[test]
    fn says_what_it_does_not_understand() {
        let form = Form::read(
            "state=mad&max_price_sat=1.5&category=A&network=x&sort=x&after=x&zzz=1&node=0",
        );
        assert_eq!(form.notes.len(), 8, "{:?}", form.notes);
        assert_eq!(form.query(), Query::default());
        assert_eq!(form.notes[1], "“1.5” is no price in whole sat.");
    }

    // ATTACKS G-11: numbers and texts beyond every bound are notes, not searches.
    #[test]
    fn bounds_what_it_reads() {
        let long = format!("q={}", "x".repeat(1 << 20));
        assert_eq!(Form::read(&long).query(), Query::default());
        assert_eq!(
            Form::read(&format!("q={}", "x".repeat(4000)))
                .query()
                .text
                .len(),
            200
        );
        for number in [
            "1000000000000000000000",
            "-1",
            "%2B1",
            "9007199254740993000",
        ] {
            assert_eq!(
                Form::read(&format!("max_price_sat={number}")).notes.len(),
                1,
                "{number}"
            );
        }
    }

    #[test]
    fn a_cursor_of_another_order_begins_again() {
        let cursor = "price.50.00112233445566ff";
        let form = Form::read(&format!("sort=price&after={cursor}"));
        assert_eq!(form.query().after.unwrap().to_string(), cursor);
        assert_eq!(
            Form::read(&format!("sort=uptime&after={cursor}"))
                .query()
                .after,
            None
        );
        assert!(!form.with("owned", "true").is_continued());
    }
}
