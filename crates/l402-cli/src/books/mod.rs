//! The words about sales and books, for machines, for tables and for people.

mod columns;
mod sales;
mod unserved;
mod verified;

pub(crate) use sales::{Sales, csv, list, table};
pub(crate) use unserved::{unserved, unserved_csv, unserved_table};
pub(crate) use verified::{report, text};
