//! The pages of payments and tokens: lists, a search, and one of them with all that is known of it.

use l402::{PaymentHash, TokenId, UnixTime};
use l402_server::books::{Entry, Kind};
use maud::{Markup, html};

use super::account::{Filter, Found, Place, Whole};
use super::figure;
use super::layout::{choice, heading, state};
use super::overview::route_name;

/// A list of payments.
pub(super) struct List {
    pub(super) now: UnixTime,
    /// Those that were found, and the place of the last one if there are older ones.
    pub(super) found: Result<(Vec<Found>, Option<Place>), String>,
}

/// Returns the page of payments.
pub(super) fn payments(list: &List, filter: Filter) -> Markup {
    let all = [
        ("", "All", Filter::All),
        ("?state=open", "In use", Filter::Open),
        ("?state=spent", "Spent", Filter::Spent),
        ("?state=unserved", "Never used", Filter::Unserved),
        ("?state=unattributed", "Unattributed", Filter::Unattributed),
    ];
    let (query, chosen, _) = *all.iter().find(|(.., it)| *it == filter).unwrap_or(&all[0]);
    let links = all.map(|(query, name, _)| (query, name));
    html! {
        (heading("Payments", &choice("State", "/payments", &links, chosen)))
        @if filter == Filter::Unattributed {
            p.note { "They arrived at the node, and nobody knows yet what for. A node may receive for others, too; a payment of a buyer "
                "is found by its first use." }
        }
        (list.table(&Columns::Payments, "/payments", query))
    }
}

/// Returns the page of tokens. `revoked` are the newest revocations, each as a sentence with its time.
pub(super) fn tokens(
    list: &List,
    typed: &str,
    revoked: &[(UnixTime, String)],
    done: bool,
) -> Markup {
    let query = if typed.is_empty() {
        String::new()
    } else {
        format!("?q={}", encoded(typed))
    };
    html! {
        (heading("Tokens", &html! {}))
        @if done { p.note role="status" { "Revoked. Every gateway of this ledger refuses it within a second." } }
        form.card.find method="get" action="/tokens" role="search" {
            div {
                label for="q" { "Token id, payment hash or service" }
                input #q name="q" type="search" value=(figure::line(typed, 200)) placeholder="5f0c91aa…" autocomplete="off" spellcheck="false" maxlength="200";
            }
            button type="submit" { "Search" }
        }
        (list.table(&Columns::Tokens, "/tokens", &query))
        section.card aria-labelledby="revoked" {
            div.cardhead { h2 #revoked { "Revoked" } span.small { "the newest first" } }
            @if revoked.is_empty() { p.empty { "Nothing is revoked." } }
            ul.events.exact {
                @for (time, text) in revoked { li { span { (figure::when(*time)) } span { (figure::line(text, 300)) } } }
            }
        }
    }
}

/// The columns of a list.
enum Columns {
    Payments,
    Tokens,
}

impl List {
    fn table(&self, columns: &Columns, path: &str, query: &str) -> Markup {
        let (found, end) = match &self.found {
            Ok((found, end)) => (found, end),
            Err(why) => return html! { p.note.fair role="status" { (figure::line(why, 400)) } },
        };
        html! {
            section.card {
                h2.vh #list { "List" }
                @if found.is_empty() { p.empty { "Nothing was found." } }
                @else {
                    div.scroll.list tabindex="0" role="group" aria-labelledby="list" {
                        table {
                            thead { tr {
                                th scope="col" { @match columns { Columns::Payments => "Payment", Columns::Tokens => "Token" } }
                                th scope="col" { "Sold" } th scope="col" { "State" }
                                th.num scope="col" { "Used" } th.num scope="col" { "Amount" } th.num scope="col" { "Arrived" }
                            } }
                            tbody { @for it in found { (self.row(it, columns)) } }
                        }
                    }
                    @if let Some((time, hash)) = end {
                        @let join = if query.is_empty() { "?" } else { "&" };
                        p.pager { a.button.plain href={ (path) (query) (join) "after=" (time) "-" (hex::encode(hash.as_bytes())) } { "Older" } }
                    }
                }
            }
        }
    }

    fn row(&self, found: &Found, columns: &Columns) -> Markup {
        let hash = hex::encode(found.hash().as_bytes());
        let name = match (columns, &found.token) {
            (Columns::Payments, _) => short(&hash),
            (Columns::Tokens, Some(id)) => short(&hex::encode(id)),
            (Columns::Tokens, None) => format!("not seen, of {}", short(&hash)),
        };
        let (grade, word) = found.state(self.now);
        html! {
            tr {
                th scope="row" { a.key href={ "/payments/" (hash) } { (name) } }
                td { (sold(found)) }
                td { (state(grade, word)) }
                td.num { (used(found)) }
                td.num { (figure::sat(found.account.sold().msat())) }
                td.num { (figure::ago(found.time(), self.now)) }
            }
        }
    }
}

/// Returns the page of one payment. `revoked` are the tokens that are revoked, all of them if the payment is.
pub(super) fn detail(whole: &Whole, revoked: &[[u8; 32]], now: UnixTime) -> Markup {
    let found = &whole.found;
    let hash = hex::encode(found.hash().as_bytes());
    let (grade, word) = found.state(now);
    html! {
        p.crumbs { a href="/payments" { "Payments" } }
        (heading(&format!("Payment {}", short(&hash)), &state(grade, word)))
        section.card aria-label="The payment" { (facts(found, &hash)) }
        section.card aria-labelledby="tokens" {
            h2 #tokens { "Tokens" }
            @if whole.tokens.is_empty() { p.empty { "None was used yet." } }
            @for id in &whole.tokens { (token(id, &hash, revoked.contains(id))) }
            div.actions {
                a.button.danger href={ "/revoke?payment=" (hash) } { "Revoke all tokens of this payment" }
            }
        }
        section.card aria-labelledby="entries" {
            div.cardhead { h2 #entries { "Entries in the books" } span.small { "the newest first" } }
            ul.events.exact {
                @for entry in &whole.entries { li { span { (figure::when(entry.time)) } span { (sentence(entry)) } } }
            }
        }
    }
}

fn token(id: &[u8; 32], payment: &str, is_revoked: bool) -> Markup {
    let digits = hex::encode(id);
    html! {
        div.cardhead {
            p { span.key { (digits) } " " span.quiet { "key " (TokenId::from_bytes(*id).key_number().0) } }
            @if is_revoked { span.tag.gone { "revoked" } }
            @else { a href={ "/revoke?token=" (digits) "&of=" (payment) } { "Revoke this token" } }
        }
    }
}

fn facts(found: &Found, hash: &str) -> Markup {
    let account = &found.account;
    html! {
        dl.facts {
            div { dt { "Arrived" } dd { (figure::sat(account.sold().msat())) } }
            div { dt { "Spent" } dd { (figure::sat(account.spent_msat().msat())) } }
            div { dt { "Used" } dd { (used(found)) } }
            div { dt { "Given back" } dd { (account.given_back) } }
            div { dt { "Sold" } dd { (sold(found)) } }
            @if let Some((_, time)) = account.received { div { dt { "Arrived at" } dd { (figure::when(time)) } } }
            @if let Some(terms) = &account.terms { div { dt { "Ends" } dd { (figure::when(terms.ends)) } } }
            div.wide { dt { "Payment hash" } dd.key { (hash) } }
        }
    }
}

/// Shows what was sold.
fn sold(found: &Found) -> Markup {
    html! {
        @match &found.account.terms {
            Some(terms) => { (route_name(&terms.route)) span.more { (figure::line(&terms.service, 80)) } }
            None => (route_name(super::income::UNATTRIBUTED)),
        }
    }
}

fn used(found: &Found) -> String {
    let account = &found.account;
    match &account.terms {
        Some(_) => format!("{} of {}", account.spent.max(0), account.units()),
        None => account.spent.max(0).to_string(),
    }
}

/// Says what an entry stands for.
fn sentence(entry: &Entry) -> String {
    match (entry.kind, entry.fault) {
        (Kind::Payment, _) => "The node was paid".to_owned(),
        (Kind::Use, 1) => "A use was given back: the buyer broke it off".to_owned(),
        (Kind::Use, 2) => "A use was given back: the upstream failed".to_owned(),
        (Kind::Use, _) if entry.spent == 0 => "First use of the time that was bought".to_owned(),
        (Kind::Use, _) => format!(
            "Served, {} spent",
            figure::counted(entry.spent.unsigned_abs(), "use")
        ),
        (Kind::Correction, _) => format!("Corrected by {} from the ledger's count", entry.spent),
        _ => "Noted".to_owned(),
    }
}

/// The tokens that are to end, if somebody confirms it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Token(l402::TokenId),
    Payment(PaymentHash),
}

impl Ending {
    /// Reads the parameters `token` and `payment`, of which one is there in full.
    pub(super) fn read(token: Option<&str>, payment: Option<&str>) -> Option<Self> {
        let bytes = |text: &str| {
            let mut bytes = [0; 32];
            hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
        };
        match (token, payment) {
            (Some(token), None) => Some(Self::Token(TokenId::from_bytes(bytes(token)?))),
            (None, Some(hash)) => Some(Self::Payment(PaymentHash::from_bytes(bytes(hash)?))),
            _ => None,
        }
    }

    fn field(&self) -> (&'static str, String) {
        match self {
            Self::Token(id) => ("token", hex::encode(id.as_bytes())),
            Self::Payment(hash) => ("payment", hex::encode(hash.as_bytes())),
        }
    }
}

/// Returns the page that asks before something is revoked.
pub(super) fn confirm(ending: &Ending, back: &str, csrf: &Markup) -> Markup {
    let (name, digits) = ending.field();
    let title = match ending {
        Ending::Token(_) => "Revoke this token?",
        Ending::Payment(_) => "Revoke all tokens of this payment?",
    };
    html! {
        (heading(title, &html! {}))
        section.card aria-label="What it means" {
            p.key { (digits) }
            p.hint {
                "Every gateway of this ledger refuses it within a second, and after each start. What its holder has made of it ends "
                "with it. It cannot be undone, and nobody gets money back by it."
            }
            form.actions method="post" action="/revoke" {
                (csrf)
                input type="hidden" name=(name) value=(digits);
                button.danger type="submit" { "Revoke for good" }
                a.button.plain href=(back) { "Cancel" }
            }
        }
    }
}

/// Returns the first digits of an id.
fn short(digits: &str) -> String {
    format!("{}…", digits.get(..16).unwrap_or(digits))
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
