//! The words about webhooks, for machines and for people.

mod report;

pub(crate) use report::{deliveries, deliveries_text, list, list_text, replayed, replayed_text};
