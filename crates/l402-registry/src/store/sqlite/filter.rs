//! The conditions of a search.

use rusqlite::types::Value;

use super::listings::plain_host;
use super::row::{NO_VALUE, amount, form_bits};
use crate::search::Filter;

/// Conditions on `listings`, each with the values of its parameters. All of them hold.
#[derive(Default)]
pub(super) struct Conditions {
    /// Each begins with ` AND `.
    pub(super) sql: String,
    /// The values of the question marks.
    pub(super) values: Vec<Value>,
    /// True if one of them asks for a host or a node, which few listings have, and which an index of its
    /// own finds.
    pub(super) is_narrow: bool,
}

impl Conditions {
    /// Makes the conditions of a filter. Values of strangers are parameters alone.
    pub(super) fn of(filter: &Filter) -> Self {
        let mut all = Self::default();
        all.states(filter);
        all.price(filter);
        if let Some(category) = &filter.category {
            // The sign `0` comes after `/`, so between the two lies what is below.
            let [from, to] = ['/', '0'].map(|end| format!("{category}{end}"));
            all.and(
                "(category = ? OR (category >= ? AND category < ?))",
                [category.clone(), from, to],
            );
        }
        if let Some(network) = filter.network {
            all.and("network = ?", [network.name().to_owned()]);
        }
        if !filter.forms.is_empty() {
            all.and("forms & ? != 0", [form_bits(&filter.forms)]);
        }
        if let Some(client) = &filter.client {
            all.and("instr(clients, ?) > 0", [format!("\n{client}\n")]);
        }
        if filter.owned {
            all.and("owner_proof IS NOT NULL", [0_i64; 0]);
        }
        if filter.works_when_paid {
            all.and("paid_works = 1", [0_i64; 0]);
        }
        if let Some(node) = filter.node {
            all.and("node = ?", [node.to_vec()]);
            all.is_narrow = true;
        }
        if let Some(host) = &filter.host {
            all.and("host = ?", [plain_host(host)]);
            all.is_narrow = true;
        }
        all
    }

    /// Adds a condition.
    fn and<T: Into<Value>>(&mut self, sql: &str, values: impl IntoIterator<Item = T>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
        self.values.extend(values.into_iter().map(Into::into));
    }

    /// Returns true if there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.sql.is_empty()
    }

    fn states(&mut self, filter: &Filter) {
        if filter.states.is_empty() {
            return;
        }
        let marks = vec!["?"; filter.states.len()].join(", ");
        let names = filter.states.iter().map(|state| state.name().to_owned());
        self.and(&format!("state IN ({marks})"), names);
    }

    /// Adds the bounds of the price, by the key of its order, so that its index can serve both.
    fn price(&mut self, filter: &Filter) {
        if filter.price_from.is_none() && filter.price_to.is_none() {
            return;
        }
        let from = filter.price_from.map_or(0, amount);
        let to = filter.price_to.map_or(NO_VALUE - 1, amount);
        self.and("by_price BETWEEN ? AND ?", [from, to]);
    }
}
