//! A node that is asked before a start: what it cannot do is found, each with what helps.

use std::sync::Arc;

use l402::{Msat, Network, PaymentHash};
use l402_gateway::{Config, Finding, FindingLevel};
use l402_host::{BoxFuture, BoxStream, SystemClock};
use l402_lightning::sandbox::Sandbox;
use l402_lightning::{
    Error, ErrorKind, InvoiceLimits, InvoiceRequest, InvoiceState, Liquidity, NewInvoice, NodeForm,
    Receive, Settlement, SettlementIndex,
};

/// A sandbox that says of itself what a test wants.
#[derive(Debug)]
struct Odd {
    sandbox: Sandbox,
    _home: tempfile::TempDir,
    least: Msat,
    fault: Option<ErrorKind>,
    makes: Option<Msat>,
    receivable: Option<Msat>,
}

impl Odd {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(SystemClock::default());
        Self {
            sandbox: Sandbox::open(home.path(), clock).expect("a sandbox"),
            _home: home,
            least: Msat::new(1),
            fault: None,
            makes: None,
            receivable: None,
        }
    }
}

impl Receive for Odd {
    fn network(&self) -> Network {
        Network::Regtest
    }

    fn preimage_is_proof(&self) -> bool {
        true
    }

    fn limits(&self) -> InvoiceLimits {
        let mut limits = InvoiceLimits::default();
        limits.least = self.least;
        limits
    }

    fn create_invoice(
        &self,
        mut request: InvoiceRequest,
    ) -> BoxFuture<'_, Result<NewInvoice, Error>> {
        if let Some(kind) = self.fault {
            return Box::pin(async move { Err(Error::new(kind, "it says no")) });
        }
        request.amount = self.makes.unwrap_or(request.amount);
        self.sandbox.create_invoice(request)
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        self.sandbox.lookup(payment_hash)
    }

    fn liquidity(&self) -> BoxFuture<'_, Result<Option<Liquidity>, Error>> {
        Box::pin(async { Ok(self.receivable.map(Liquidity::new)) })
    }

    fn settlements(&self, from: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>> {
        self.sandbox.settlements(from)
    }
}

async fn look(node: &Odd, more: &str) -> Vec<Finding> {
    let text = format!(
        "{more}[[route]]\npath = \"/a\"\nupstream = \"http://127.0.0.1:1\"\nprice = \"50 sat\"\n\
         [[route]]\npath = \"/b\"\nupstream = \"http://127.0.0.1:1\"\nprice = \"900 sat\"\n"
    );
    let config = Config::from_toml(&text, "l402.toml").expect("sound");
    config.check_node(node, &NodeForm::LND).await
}

/// The finding of this level; at most one is wanted.
fn of(level: FindingLevel, found: &[Finding]) -> Option<&Finding> {
    let mut all = found.iter().filter(|it| it.level == level);
    let first = all.next();
    assert!(all.next().is_none(), "{found:#?}");
    first
}

#[tokio::test]
async fn a_sound_node_has_no_fault() {
    let found = look(&Odd::new(), "").await;
    assert!(
        found.iter().all(|it| it.level == FindingLevel::Good),
        "{found:#?}"
    );
    assert!(
        found.iter().any(|it| it.text.contains("50 sat")),
        "the lowest price: {found:#?}"
    );
}

#[tokio::test]
async fn what_a_node_cannot_do_is_a_fault_with_what_helps() {
    let small = Odd {
        least: Msat::from_sat(100),
        ..Odd::new()
    };
    let found = look(&small, "").await;
    let fault = of(FindingLevel::Fault, &found).expect("a fault");
    assert!(
        fault.text.contains("/a") && fault.fix.contains("\"50 sat\""),
        "{fault:?}"
    );

    for (kind, fix) in [
        (ErrorKind::Unauthorized, "macaroon"),
        (ErrorKind::Unavailable, "lncli getinfo"),
        (ErrorKind::Rejected, "the log of the node"),
    ] {
        let refusing = Odd {
            fault: Some(kind),
            ..Odd::new()
        };
        let found = look(&refusing, "").await;
        let fault = of(FindingLevel::Fault, &found).expect("a fault");
        assert_eq!(fault.key, "node");
        assert!(
            fault.text.contains("it says no") && fault.fix.contains(fix),
            "{fault:?}"
        );
    }

    let other = Odd {
        makes: Some(Msat::from_sat(1)),
        ..Odd::new()
    };
    let found = look(&other, "").await;
    let fault = of(FindingLevel::Fault, &found).expect("a fault");
    assert!(fault.text.contains("another amount"), "{fault:?}");
}

#[tokio::test]
async fn a_node_that_can_receive_less_than_a_price_sells_nothing_for_it() {
    let with = |sat| Odd {
        receivable: Some(Msat::from_sat(sat)),
        ..Odd::new()
    };
    let found = look(&with(500), "").await;
    let fault = of(FindingLevel::Fault, &found).expect("a fault");
    assert_eq!(fault.key, "liquidity");
    assert!(fault.fix.contains("900 sat"), "{fault:?}");
    assert_eq!(of(FindingLevel::Fault, &look(&with(900), "").await), None);
    // Less than the operator wants, and enough for each price.
    let found = look(&with(1000), "[liquidity]\nleast = \"5000 sat\"\n").await;
    let warning = of(FindingLevel::Warning, &found).expect("a warning");
    assert_eq!(warning.key, "liquidity");
    assert_eq!(of(FindingLevel::Fault, &found), None);
}
