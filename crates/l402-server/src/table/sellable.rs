//! The comparison of routes with the invoices that a node makes.

use std::fmt;
use std::time::Duration;

use l402::Msat;
use l402_lightning::InvoiceLimits;

use super::{Priced, Route, Snapshot};

/// The longest `invoice_expiry_secs` of a configuration, beyond which no advice leads.
const LONGEST_ADVICE: Duration = Duration::from_secs(86_400);

/// The reason why a route can sell nothing at a node. Its text names the route, the field as a
/// configuration writes it, and the fix.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnsellableError {
    /// The node's invoices can be paid for longer than the route's policy allows. A token lives
    /// from the end of its invoice, so that such a buyer would have more than was sold.
    Life {
        /// The pattern of the route, as it was given.
        path: String,
        /// The time for which the node's invoices can be paid.
        life: Duration,
        /// The shortest `invoice_expiry` with which the route may be sold.
        needed: Duration,
    },
    /// The price is less or more than the node takes in one payment.
    Price {
        /// The pattern of the route, as it was given.
        path: String,
        /// The price of the route.
        price: Msat,
        /// The smallest amount of an invoice.
        least: Msat,
        /// The largest amount of an invoice.
        most: Msat,
    },
}

impl fmt::Display for UnsellableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Life { path, life, needed } => {
                let (life, secs) = (life.as_secs(), needed.as_secs());
                write!(
                    f,
                    "route {path}: invoice_expiry_secs: this node's invoices can be paid for {life} s, \
                     and what is sold here counts from their end; "
                )?;
                if *needed <= LONGEST_ADVICE {
                    write!(f, "write invoice_expiry_secs = {secs}, or sell ")?;
                } else {
                    f.write_str("sell ")?;
                }
                f.write_str("a number of answers (policy = \"uses=10\")")
            }
            Self::Price {
                path,
                price,
                least,
                most,
            } => write!(
                f,
                "route {path}: price: this node takes {least} to {most} in one payment, and not {price}; \
                 write a price = within that, or sell through another node"
            ),
        }
    }
}

impl std::error::Error for UnsellableError {}

impl Snapshot {
    /// Compares price and policy of each priced route with the invoices that a node makes
    /// ([`Receive::limits`](l402_lightning::Receive::limits)). To be called before the snapshot
    /// serves: a route outside of the limits would answer every buyer with 503.
    ///
    /// ```
    /// use l402::{KeyNumber, KeyRing, MasterKey, Msat, Network};
    /// use l402_lightning::InvoiceLimits;
    /// use l402_server::{Route, Snapshot};
    ///
    /// # let key = "5b1fd1bf0c29f3fa9a5fcd9bfc0cf0d4ae0b2c1cd2f7e3ac0c6e1a2f9b3c7d58";
    /// # let keys = KeyRing::new("docs", KeyNumber(1), MasterKey::from_hex(key)?);
    /// let routes = vec![Route::priced("/joke", "joke".parse()?, "50 sat".parse()?)];
    /// let snapshot = Snapshot::new(routes, vec![], keys, Network::Regtest)?;
    /// let mut limits = InvoiceLimits::default();
    /// assert!(snapshot.check_sellable(&limits).is_ok());
    /// limits.least = Msat::from_sat(100);
    /// let error = snapshot.check_sellable(&limits).expect_err("50 sat is too little");
    /// assert!(error.to_string().starts_with("route /joke: price: "));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// See [`UnsellableError`]; the first route in their order that cannot be sold.
    pub fn check_sellable(&self, limits: &InvoiceLimits) -> Result<(), UnsellableError> {
        let mut routes = self.routes().iter();
        routes.try_for_each(|route| match route.sold() {
            Some(priced) => check(route, priced, limits),
            None => Ok(()),
        })
    }
}

fn check(route: &Route, priced: &Priced, limits: &InvoiceLimits) -> Result<(), UnsellableError> {
    let path = || route.path.clone();
    let &InvoiceLimits {
        least, most, life, ..
    } = limits;
    if priced.price < least || priced.price > most {
        return Err(UnsellableError::Price {
            path: path(),
            price: priced.price,
            least,
            most,
        });
    }
    match life {
        Some(life) if life > priced.longest_invoice() => Err(UnsellableError::Life {
            path: path(),
            life,
            needed: priced.expiry_for(life),
        }),
        _ => Ok(()),
    }
}
