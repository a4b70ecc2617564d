//! A fake node with both halves of the backend, over either transport.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use l402::Msat;
use l402_host::BoxFuture;
use l402_lightning::{
    ClnNode, ClnRestNode, Error, NewInvoice, Node, Open, Pay, PayRequest, Payment, Receive,
};
use l402_testkit::cln::{ClnFault, FakeCln, rune};

use crate::contract::{Bench, invoice};

/// The methods of a rune that sells.
pub(super) const SELLS: &str =
    "method=invoice|method=listinvoices|method=waitanyinvoice|method=getinfo";

/// The methods of a rune that pays.
pub(super) const PAYS: &str = "method=xpay|method=listpays|method=listpeerchannels|method=getinfo";

/// The way to the fake node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Rest,
    Socket,
}

/// Both ways, for tests that hold for either.
pub(crate) const WAYS: [Way; 2] = [Way::Rest, Way::Socket];

/// A fake node, with both halves of the backend connected to it.
pub(crate) struct Setup {
    pub(crate) fake: FakeCln,
    pub(super) way: Way,
    pub(super) receive: Arc<dyn Receive>,
    pub(super) pay: Arc<dyn Pay>,
}

impl Setup {
    pub(crate) async fn new(way: Way) -> Self {
        let fake = FakeCln::start().await;
        let folder = fake.cln.home.home.path();
        std::fs::write(folder.join("ca.pem"), &fake.authority.pem).expect("written");
        for (name, restrictions) in [("sells", SELLS), ("pays", PAYS)] {
            let text = format!("{}\n", rune(restrictions));
            std::fs::write(folder.join(format!("{name}.rune")), text).expect("written");
        }
        let open = fake.cln.home.open();
        let danger = open.clone().with_danger_spending_node(true);
        let receiver = node(&fake, way, "sells").receiver(danger).await;
        let wallet = node(&fake, way, "pays").wallet(open).await;
        Self {
            receive: receiver.expect("receives").receive,
            pay: wallet.expect("pays").pay,
            fake,
            way,
        }
    }

    /// Returns a node with this rune; the socket has none.
    pub(crate) fn node(&self, rune: &str) -> Node {
        node(&self.fake, self.way, rune)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.fake.cln.home.home.path().join(name)
    }

    pub(crate) fn open(&self) -> Open {
        self.fake.cln.home.open()
    }

    /// Opens the wallet again, as a program does that starts anew.
    pub(super) async fn reopened(&self) -> Arc<dyn Pay> {
        let wallet = self.node("pays").wallet(self.open()).await;
        wallet.expect("pays").pay
    }

    pub(super) async fn receiver(&self, danger: bool) -> Result<Arc<dyn Receive>, Error> {
        let open = self.open().with_danger_spending_node(danger);
        let opened = self.node("sells").receiver(open).await;
        opened.map(|receiver| receiver.receive)
    }

    pub(super) fn set(&self, fault: ClnFault) {
        self.fake.cln.set(fault);
    }

    /// Pays an invoice over 50 sat under this fault, with a deadline that a test can wait for.
    pub(super) async fn pay_with(&self, fault: ClnFault) -> (NewInvoice, Payment) {
        let bought = invoice(self, Msat::from_sat(50)).await;
        self.set(fault);
        let payment = self.pay.pay(soon(bought.bolt11())).await;
        (bought, payment)
    }

    pub(super) async fn lookup(&self, invoice: &NewInvoice) -> Option<Payment> {
        let found = self.pay.lookup(invoice.payment_hash()).await;
        found.expect("an answer")
    }
}

/// Returns an order whose deadline comes soon.
pub(super) fn soon(bolt11: &str) -> PayRequest {
    PayRequest::new(bolt11, Msat::from_sat(10), Duration::from_millis(1500))
}

fn node(fake: &FakeCln, way: Way, rune: &str) -> Node {
    let folder = fake.cln.home.home.path();
    match way {
        Way::Rest => Node::ClnRest(ClnRestNode {
            url: format!("https://{}", fake.rest).parse().expect("a URL"),
            rune: folder.join(format!("{rune}.rune")),
            ca: Some(folder.join("ca.pem")),
        }),
        Way::Socket => Node::Cln(ClnNode {
            socket: fake.socket.clone(),
        }),
    }
}

impl Bench for Setup {
    fn receive(&self) -> Arc<dyn Receive> {
        self.receive.clone()
    }

    fn pay(&self) -> Arc<dyn Pay> {
        self.pay.clone()
    }

    fn fee(&self) -> Msat {
        self.fake.cln.home.fee()
    }

    fn pass(&self, time: Duration) -> BoxFuture<'_, ()> {
        self.fake.cln.home.pass(time)
    }
}
