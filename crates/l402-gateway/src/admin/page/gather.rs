//! The pages by their paths, each with what it shows of the running gateway.

use std::sync::Arc;

use http::StatusCode;
use l402::{Identifier, Network, PaymentHash, Service, TokenId, UnixTime};
use l402_server::revoked::{Revocation, Revoke};
use maud::Markup;

use super::account::{self, Filter, Place as After, Search, Whole};
use super::configuration::{Configuration, File, Outcome};
use super::difference::{self, Difference, RouteText};
use super::layout::{Frame, Place, csrf};
use super::live::{Latency, Live};
use super::overview::{Overview, Span};
use super::parts;
use super::payments::{self, Ending, List};
use super::request::Parameters;
use super::sales::{SalesPage, key_of};
use super::session::SessionId;
use super::{notice, response};
use crate::admin::{Admin, AdminAnswer};
use crate::{Config, Gateway};

/// The revocations that a page shows.
const REVOCATIONS: usize = 20;

/// Returns true for the path of a page.
pub(super) fn is_page(path: &str) -> bool {
    let pages = [
        "/",
        "/sales",
        "/tokens",
        "/payments",
        "/node",
        "/configuration",
        "/revoke",
    ];
    pages.contains(&path) || payment_of(path).is_some()
}

/// Returns the payment that the path of a page names.
fn payment_of(path: &str) -> Option<PaymentHash> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(path.strip_prefix("/payments/")?, &mut bytes).ok()?;
    Some(PaymentHash::from_bytes(bytes))
}

/// Answers with a page; `None` if there is none at this path.
pub(super) async fn page(
    admin: &Arc<Admin>,
    session: &SessionId,
    path: &str,
    query: &Parameters,
) -> Option<AdminAnswer> {
    let (place, title, body) = match path {
        "/live.json" => return Some(response::json(StatusCode::OK, live(admin).json())),
        "/login" => return Some(response::see("/")),
        "/" => (Place::Overview, "Overview", overview(admin, query).await),
        "/sales" => (Place::Sales, "Sales", sales(admin, query).await),
        "/payments" => (Place::Payments, "Payments", payments(admin, query).await),
        "/tokens" => (Place::Tokens, "Tokens", tokens(admin, query).await),
        "/node" => (
            Place::Node,
            "Node & upstreams",
            parts::node_page(admin).await.content(),
        ),
        "/configuration" => {
            let outcome = query.get("done").map(|_| Outcome::Reloaded);
            return Some(configuration(admin, session, outcome).await);
        }
        "/revoke" => match Ending::read(query.get("token"), query.get("payment")) {
            Some(ending) => (Place::Tokens, "Revoke", confirm(session, &ending, query)),
            None => {
                return Some(notice(
                    session,
                    StatusCode::BAD_REQUEST,
                    "Nothing is named that can be revoked.",
                ));
            }
        },
        _ => match detail(admin, payment_of(path)?).await {
            Ok(Some(body)) => (Place::Payments, "Payment", body),
            Ok(None) => {
                return Some(notice(
                    session,
                    StatusCode::NOT_FOUND,
                    "The books do not have this payment.",
                ));
            }
            Err(why) => return Some(notice(session, StatusCode::SERVICE_UNAVAILABLE, &why)),
        },
    };
    Some(framed(admin, session, place, title, &body))
}

fn framed(
    admin: &Admin,
    session: &SessionId,
    place: Place,
    title: &str,
    body: &Markup,
) -> AdminAnswer {
    let csrf = session.csrf();
    let network = admin.gateway().table().snapshot.network();
    let network = (network != Network::Bitcoin).then(|| network.to_string());
    let frame = Frame {
        place,
        title,
        csrf: &csrf,
        network: network.as_deref(),
    };
    response::page(StatusCode::OK, frame.page(body))
}

fn now(admin: &Admin) -> UnixTime {
    admin.gateway().clock().wall()
}

fn live(admin: &Admin) -> Live {
    let gateway = admin.gateway();
    let last = gateway.metrics_snapshot().last_minute;
    Live {
        gateway: Latency::of(&last.gateway),
        upstream: Latency::of(&last.upstream),
        ..admin.page().watch.live(gateway)
    }
}

async fn overview(admin: &Arc<Admin>, query: &Parameters) -> Markup {
    let span = Span::read(query.get("span"));
    let page = Overview {
        now: now(admin),
        span,
        earned: admin.page().reader.earned(admin.gateway(), span).await,
        live: live(admin),
        status: parts::statuses(admin).await,
        events: admin.page().watch.events(),
    };
    page.content()
}

async fn sales(admin: &Admin, query: &Parameters) -> Markup {
    let (span, by) = (Span::read(query.get("span")), key_of(query.get("by")));
    let (gateway, reader) = (admin.gateway(), &admin.page().reader);
    let page = SalesPage {
        now: now(admin),
        span,
        by,
        earned: reader.earned(gateway, span).await,
        rows: reader.sales(gateway, span, by).await,
    };
    page.content()
}

/// Returns the payments of a search.
async fn list(admin: &Admin, search: Search) -> List {
    let found = admin.page().reader.view(admin.gateway(), move |view, now| {
        account::find(view, &search, now)
    });
    List {
        now: now(admin),
        found: found.await,
    }
}

/// Reads the place after which a list goes on, as the link to it wrote it.
fn after(query: &Parameters) -> Option<After> {
    let (time, hash) = query.get("after")?.split_once('-')?;
    let mut bytes = [0; 32];
    hex::decode_to_slice(hash, &mut bytes).ok()?;
    Some((time.parse().ok()?, PaymentHash::from_bytes(bytes)))
}

async fn payments(admin: &Admin, query: &Parameters) -> Markup {
    let filter = Filter::read(query.get("state"));
    let search = Search {
        filter,
        after: after(query),
        ..Search::default()
    };
    payments::payments(&list(admin, search).await, filter)
}

async fn tokens(admin: &Admin, query: &Parameters) -> Markup {
    let typed = query.get("q").unwrap_or_default().trim();
    let search = Search {
        filter: Filter::Token,
        after: after(query),
        ..Search::typed(typed)
    };
    let list = list(admin, search).await;
    let revoked = revocations(admin).await;
    payments::tokens(&list, typed, &revoked, query.get("done").is_some())
}

/// Returns the newest revocations, the newest first.
async fn revocations(admin: &Admin) -> Vec<(UnixTime, String)> {
    let stores = admin.gateway().stores().clone();
    let read = admin.threads().look(move || {
        stores.with_register(|register| {
            let (mut last, mut newest) = (0, Vec::new());
            loop {
                let some = register.revoked_after(last, 1_000)?;
                let Some((number, _)) = some.last() else {
                    return Ok(newest);
                };
                last = *number;
                newest.extend(some.into_iter().map(|(_, revocation)| revocation));
                // The newest stand at the end, and no page shows more.
                newest.drain(..newest.len().saturating_sub(REVOCATIONS));
            }
        })
    });
    // A ledger that cannot be read shows in the states.
    let newest: Vec<Revocation> = read.await.ok().and_then(Result::ok).unwrap_or_default();
    let lines = newest
        .iter()
        .rev()
        .map(|it| (it.revoked, revoked_text(&it.what)));
    lines.collect()
}

fn revoked_text(what: &Revoke) -> String {
    match what {
        Revoke::Token(id) => format!("Token {}", hex::encode(id.as_bytes())),
        Revoke::Payment(hash) => format!("All tokens of payment {}", hex::encode(hash.as_bytes())),
        Revoke::Minted {
            before, service, ..
        } => {
            let of = service
                .as_ref()
                .map_or("all services".to_owned(), ToString::to_string);
            format!("Tokens of {of} minted before {}", before.to_rfc3339())
        }
        // A kind that a later version has added.
        _ => "Something that this version does not know".to_owned(),
    }
}

async fn detail(admin: &Admin, hash: PaymentHash) -> Result<Option<Markup>, String> {
    let reader = &admin.page().reader;
    let whole = reader
        .books(admin.gateway(), move |books| account::whole(books, hash))
        .await?;
    Ok(whole.map(|whole| {
        let revoked = revoked_of(admin.gateway(), &whole);
        payments::detail(&whole, &revoked, now(admin))
    }))
}

/// Returns the tokens of a payment that the gateway refuses as revoked.
fn revoked_of(gateway: &Gateway, whole: &Whole) -> Vec<[u8; 32]> {
    let table = gateway.table();
    let service = whole
        .found
        .account
        .terms
        .as_ref()
        .and_then(|terms| terms.service.parse::<Service>().ok());
    let is_revoked = |id: &[u8; 32]| {
        let identifier = Identifier {
            payment_hash: whole.found.hash(),
            token_id: TokenId::from_bytes(*id),
        };
        // A token is older than its payment: what was revoked up to then has ended for sure.
        let service = service.as_ref();
        service.is_some_and(|service| {
            table
                .snapshot
                .revoked()
                .covers(&identifier, service, || whole.found.time())
        })
    };
    whole
        .tokens
        .iter()
        .filter(|id| is_revoked(id))
        .copied()
        .collect()
}

fn confirm(session: &SessionId, ending: &Ending, query: &Parameters) -> Markup {
    let payment = query.get("of").or(query.get("payment"));
    let back = payment.map(|hash| format!("/payments/{hash}"));
    let back = back.filter(|path| is_page(path));
    payments::confirm(
        ending,
        back.as_deref().unwrap_or("/tokens"),
        &csrf(&session.csrf()),
    )
}

/// Answers with the page of the configuration.
pub(super) async fn configuration(
    admin: &Arc<Admin>,
    session: &SessionId,
    outcome: Option<Outcome>,
) -> AdminAnswer {
    let live = admin.gateway().live();
    let status = match outcome {
        Some(Outcome::Refused(_)) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::OK,
    };
    let page = Configuration {
        routes: live.routes.iter().map(RouteText::of).collect(),
        limits: difference::limits(&live),
        file: file(admin).await,
        outcome,
    };
    let body = page.content(&csrf(&session.csrf()));
    let mut answer = framed(admin, session, Place::Configuration, "Configuration", &body);
    *answer.status_mut() = status;
    answer
}

/// Reads the file and compares it with what is served.
async fn file(admin: &Arc<Admin>) -> File {
    let own = Arc::clone(admin);
    let read = admin.threads().look(move || {
        let admin = own;
        let Some((path, overrides)) = admin.program().file() else {
            return File::Missing;
        };
        let name = path.display().to_string();
        match Config::from_file_with(path, overrides) {
            Ok(config) => {
                let gateway = admin.gateway();
                let waiting = gateway.fixed().changed_keys(&config.fixed);
                let difference = Difference::between(&gateway.live(), &config.live, waiting);
                File::Sound(name, difference)
            }
            Err(mistakes) => {
                File::Mistaken(name, mistakes.iter().map(ToString::to_string).collect())
            }
        }
    });
    read.await.unwrap_or(File::Missing)
}
