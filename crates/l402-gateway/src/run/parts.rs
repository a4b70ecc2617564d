//! What a gateway is put together from at its start.

use std::sync::Arc;

use l402_host::Clock;
use l402_lightning::Receive;
use l402_server::observe::Observers;
use l402_server::revoked::Revoked;
use l402_server::{Ledger, Observe, Paywall};

use super::books::OpenBooks;
use super::control::Control;
use super::follow_keys::FollowKeys;
use super::invoice_stock::InvoiceStock;
use super::issue::Issue;
use super::node_watch::NodeWatch;
use super::reload::route_table;
use super::revocations::FollowRevocations;
use super::sale_notices::SaleNotices;
use super::served_keys::ServedKeys;
use super::spread::{Follow, Spread};
use super::{Home, begin, ledger, traced};
use crate::config::{Fixed, Live};
use crate::exchange::GatewayState;
use crate::log::Sales;
use crate::metrics::Metrics;
use crate::notice::Notices;
use crate::{GatewayError, GatewayErrorKind};

/// Puts a stock of invoices before the node, if the configuration wants one.
///
/// # Errors
/// The node does not sign in this process: each invoice of the stock would stay with it for ever,
/// and one request could be the cause of many.
fn invoice_stock(
    fixed: &Fixed,
    clock: &Arc<dyn Clock>,
    node: &Arc<dyn Receive>,
    control: &Control,
) -> Result<Option<InvoiceStock>, GatewayError> {
    let Some(runtime) = control.handle().filter(|_| fixed.invoices_ahead > 0) else {
        return Ok(None);
    };
    if !node.signs_here() {
        let text = "challenges.invoices_ahead: this node does not sign in this process, and would \
                    keep every invoice; remove the key";
        return Err(GatewayError::new(GatewayErrorKind::Configuration, text));
    }
    let demand = control.host(Arc::clone(node));
    let (node, clock) = (Arc::clone(node), Arc::clone(clock));
    let stock = InvoiceStock::new(demand, node, runtime.clone(), clock, fixed.invoices_ahead);
    Ok(Some(stock))
}

/// Returns the node that the paywall asks.
fn asked_node(
    stock: Option<&InvoiceStock>,
    receive: Arc<dyn Receive>,
    control: &Control,
) -> Arc<dyn Receive> {
    match stock {
        // It works where the stock has it work.
        Some(stock) => Arc::new(stock.clone()),
        None => control.host(receive),
    }
}

/// What requests are served with, and who watches them.
pub(super) struct Parts {
    pub(super) node_watch: NodeWatch,
    pub(super) invoice_stock: Option<InvoiceStock>,
    pub(super) sales: Arc<Sales>,
    pub(super) books: Option<OpenBooks>,
    pub(super) state: Arc<GatewayState>,
    /// What an authority issues; `None` if none is asked.
    pub(super) issue: Option<Issue>,
}

impl Parts {
    pub(super) fn open(
        home: &Home,
        (fixed, live): (&Fixed, &Live),
        clock: &Arc<dyn Clock>,
        receive: Arc<dyn Receive>,
        (control, begun): (&Control, &Begun),
    ) -> Result<Self, GatewayError> {
        let (metrics, notices) = (Arc::new(Metrics::default()), Notices::default());
        let node_watch = NodeWatch::new(receive, Arc::clone(clock), Arc::clone(&metrics));
        let own: Arc<dyn Receive> = Arc::new(node_watch.clone());
        let (ring, told) = (begun.keys.hold().ring().clone(), (&*metrics, &notices));
        let issue = Issue::open(home.path(), &fixed.tls)?;
        let issued = issue.as_ref().map(|issue| &issue.issued);
        let table = route_table(live, ring, &*own, None, told, issued)?;
        let table = table.with_revoked(Arc::clone(&begun.revoked));
        let sales = Sales::open(&fixed.log, Arc::clone(clock), Arc::clone(&metrics))?;
        let sales = Arc::new(sales);
        // Before anything is sold, so that no payment of a buyer lies before their beginning.
        let books = OpenBooks::start(home, fixed, clock);
        let books = books.inspect(|books| books.begin(&own, control));
        let invoice_stock = invoice_stock(fixed, clock, &own, control)?;
        let traces = traced::start(fixed, clock, control)?;
        let node = asked_node(invoice_stock.as_ref(), Arc::clone(&own), control);
        let (node, ledger) = traced::parts(node, Arc::clone(&begun.ledger), &traces);
        let observer = traced::observer(observer(&sales, books.as_ref(), &notices), &traces);
        let paywall = paywall(fixed, live, ledger, Arc::clone(clock), node, observer);
        let state = GatewayState::new(table, paywall, metrics, notices).with_traces(traces);
        Ok(Self {
            node_watch,
            invoice_stock,
            sales,
            books,
            state: Arc::new(state),
            issue,
        })
    }
}

/// What a start opens first: the ledger, and the keys that go with it.
pub(super) struct Begun {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) keys: Arc<ServedKeys>,
    pub(super) revoked: Arc<Revoked>,
    pub(super) spread: Spread,
}

impl Begun {
    pub(super) fn open(
        home: &Home,
        fixed: &Fixed,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, GatewayError> {
        let register = ledger::register(home, &fixed.ledger)?;
        // Held until the ledger is open, which shows in the home from then on: a restore moves no home
        // aside between the two.
        let start = begin::lock(home)?;
        let keys = begin::begin(&start, home, fixed, &*register, &**clock)?;
        // Open before the keys are read: from then on others wait for this gateway to have theirs.
        let ledger = ledger::open(home, &fixed.ledger, Arc::clone(clock))?;
        drop(start);
        let of = (&ledger, Arc::clone(clock));
        let (follow_keys, keys) = FollowKeys::start(&*register, home, fixed, keys, of)?;
        let revoked = Arc::new(Revoked::default());
        // Before the routes are served: what was ended must not be good for a moment.
        let followers = followers(&revoked, follow_keys);
        let followed = ledger::followed_register(home, &fixed.ledger)?;
        let spread = Spread::start(followed, followers)?;
        Ok(Self {
            ledger,
            keys,
            revoked,
            spread,
        })
    }
}

/// Returns who takes over what others change in the register.
fn followers(revoked: &Arc<Revoked>, keys: FollowKeys) -> Vec<Box<dyn Follow>> {
    let revocations = FollowRevocations::new(Arc::clone(revoked));
    vec![Box::new(revocations), Box::new(keys)]
}

/// Returns the observer of the paywall: counters and access log, the books if there are any, and
/// who tells of sales.
fn observer(sales: &Arc<Sales>, books: Option<&OpenBooks>, notices: &Notices) -> Arc<dyn Observe> {
    let told = Arc::new(SaleNotices::new(notices.clone()));
    let sales = Arc::new(Observers::new(sales.clone(), told));
    match books {
        Some(books) => Arc::new(Observers::new(sales, books.observer.clone())),
        None => sales,
    }
}

/// Builds the paywall on the ledger.
fn paywall(
    fixed: &Fixed,
    live: &Live,
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    receive: Arc<dyn Receive>,
    observer: Arc<dyn Observe>,
) -> Paywall {
    Paywall::builder(receive)
        .ledger(ledger)
        .observer(observer)
        .limits(live.challenges)
        .clock(clock)
        .lsat_line(fixed.lsat_line)
        .invalid_credential_402(fixed.invalid_credential_402)
        .build()
}
