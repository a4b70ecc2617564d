//! The observer that tells the operator of sales and payments.

use l402::{Msat, PaymentHash};
use l402_server::observe::{Exchange, LoggedSales, Observe, Outcome, Settled, Verdict};

use crate::notice::{Notice, NoticeKind, Notices};

/// Tells of each use that was paid for and served. A payment that is not counted, as one for a time, is
/// told once, at its first use.
#[derive(Debug)]
pub(super) struct SaleNotices {
    notices: Notices,
    told: LoggedSales,
}

impl SaleNotices {
    pub(super) fn new(notices: Notices) -> Self {
        let told = LoggedSales::default();
        Self { notices, told }
    }

    /// Returns the sale that this is; `None` if it is none, or one that was told.
    fn sale(&self, exchange: &Exchange, settled: &Settled) -> Option<Notice> {
        if settled.fault().is_some() {
            return None;
        }
        let payment = exchange.payment_hash()?;
        let is_sale = match settled.outcome() {
            Outcome::Spent => true,
            Outcome::Uncounted => self.told.is_new(payment),
            _ => false,
        };
        is_sale.then_some(())?;
        Some(Notice::Sale {
            route: exchange.route()?.to_owned(),
            service: exchange.service()?.to_string(),
            price: exchange.price(),
            payment,
            token: exchange.token_id()?,
        })
    }
}

impl Observe for SaleNotices {
    fn follows(&self, _: Verdict) -> bool {
        false
    }

    fn settled(&self, exchange: &Exchange, settled: &Settled) {
        // Nearly always nobody wants to know, and then a sale costs one look.
        if self.notices.wants(NoticeKind::Sale)
            && let Some(sale) = self.sale(exchange, settled)
        {
            self.notices.tell(&sale);
        }
    }

    fn settlement(&self, payment: PaymentHash, amount: Msat) {
        self.notices.tell(&Notice::Settled { payment, amount });
    }
}
