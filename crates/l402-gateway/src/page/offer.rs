//! The values of the page with an invoice.

use core::fmt::Write as _;

use l402::text::escape as plain;
use l402::{Policy, Problem};
use l402_server::OfferView;

use super::language::Words;
use super::look::Goods;
use super::qr;
use super::reader::Reader;
use super::variable::{Values, escape};
use crate::amount::{TimeUnit, in_largest_unit, sat_text};

/// The path at which the page asks if its payment has arrived.
pub(crate) const ENDPOINT: &str = "/.well-known/l402/settled";

/// The words that the script shows.
const OF_SCRIPT: [&str; 14] = [
    "again", "blocked", "busy", "cookies", "copied", "expired", "invalid", "left", "lost", "paid",
    "refused", "stuck", "waiting", "wallet",
];

/// Adds the values of an offer.
pub(super) fn put<'a>(
    values: &mut Values<'a>,
    (reader, words): (&'a Reader, &'a Words),
    (problem, offer, has_pass): (Problem, &OfferView<'a>, bool),
    goods: Option<&'a Goods>,
) {
    let amount = words.grouped(&sat_text(offer.price));
    let description = goods.and_then(|goods| goods.description.as_deref());
    let named = goods.and_then(|goods| goods.name.as_deref());
    // The text of an invoice is the operator's, too, but was never checked for what nobody sees.
    let name = named.map_or_else(|| plain(offer.description), str::to_owned);
    values.text("name", name);
    values.text("description", description.unwrap_or_default());
    values.text("price", format!("{amount} sat"));
    values.text("amount", amount);
    values.text("goods", bought(words, offer.policy));
    let reason = reason(words, problem, has_pass);
    values.text("play_money", play_money(words, offer.invoice));
    values.text("invoice", offer.invoice);
    values.text("payment_hash", offer.payment_hash.to_string());
    values.text("token", offer.token);
    values.text("path", &*reader.path);
    values.text("endpoint", ENDPOINT);
    let expires = offer.expires.to_rfc3339();
    let clock = expires.get(11..16).unwrap_or_default();
    values.text("ends", format!("{clock} UTC"));
    values.text("expires", expires);
    values.text("seconds", offer.lasts.as_secs().to_string());
    let mut label = String::new();
    escape(&mut label, words.get("qr"));
    values.markup("qr", qr::svg(&qr::text(offer.invoice), &label));
    let told = !reason.is_empty();
    values.markup("reason", reason);
    values.markup("data", data(words, offer, (reader, told)));
}

/// Returns the goods of one payment in words.
fn bought(words: &Words, policy: Policy) -> String {
    match policy.uses().map(|uses| uses.get()) {
        Some(1) => words.get("once").to_owned(),
        Some(uses) => words.counted("uses", uses.into()),
        None => words.with("time", "{time}", &time(words, policy.lifetime().as_secs())),
    }
}

/// Returns a time in words.
pub(super) fn time(words: &Words, secs: u64) -> String {
    let (count, unit) = in_largest_unit(secs);
    let name = match unit {
        TimeUnit::Days => "days",
        TimeUnit::Hours => "hours",
        TimeUnit::Minutes => "minutes",
        TimeUnit::Seconds => "seconds",
    };
    words.counted(name, count)
}

/// Returns the text for somebody who has paid before, escaped: why there is an invoice all the same, or the
/// way on without one. Nothing for somebody who has not.
fn reason(words: &Words, problem: Problem, has_pass: bool) -> String {
    let mut text = String::new();
    if has_pass {
        escape(&mut text, words.get("already"));
        // A link of this page counts as one of this site, which the link that led here did not.
        text.push_str(" <a href=\"\" data-l402=\"go-on\">");
        escape(&mut text, words.get("go_on"));
        text.push_str("</a>");
        return text;
    }
    let name = match problem {
        Problem::Consumed => "consumed",
        Problem::Expired => "ended",
        Problem::Revoked => "revoked",
        Problem::Insufficient | Problem::WrongService => "other",
        _ => "",
    };
    escape(&mut text, words.get(name));
    text
}

/// Returns a warning if the invoice is for no money.
fn play_money<'a>(words: &'a Words, invoice: &str) -> &'a str {
    let tests = ["lnbcrt", "lntb", "lnsb"];
    let is_test = tests.iter().any(|prefix| invoice.starts_with(prefix));
    words.get(if is_test { "play_money" } else { "" })
}

/// Returns the attributes that the script reads.
fn data(words: &Words, offer: &OfferView<'_>, (reader, told): (&Reader, bool)) -> String {
    let mut data = "data-l402=\"page\" data-state=\"unpaid\"".to_owned();
    let mut put = |name: &str, value: &str| {
        let _ = write!(data, " data-{name}=\"");
        escape(&mut data, value);
        data.push('"');
    };
    put("endpoint", ENDPOINT);
    put("token", offer.token);
    put("invoice", offer.invoice);
    put("path", &reader.path);
    put("lasts", &offer.lasts.as_secs().to_string());
    if told {
        put("told", "");
    }
    for name in OF_SCRIPT {
        put(&format!("word-{name}"), words.get(name));
    }
    data
}
