//! A seller's and a buyer's connection to wallets of the test's own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use l402::Msat;
use l402_host::BoxFuture;
use l402_lightning::{NewInvoice, Node, NwcNode, Open, Pay, PayRequest, Payment, Receive};
use l402_testkit::TestHome;

use super::relay::Relay;
use super::wallet::{Double, Kindness, Mischief};
use crate::contract::{Bench, invoice};

const RECEIVING: &str = "get_info make_invoice lookup_invoice list_transactions";
const PAYING: &str = "get_info get_balance lookup_invoice pay_invoice";

/// A seller's and a buyer's connection over one relay.
pub(super) struct Setup {
    pub(super) seller: Arc<Double>,
    pub(super) buyer: Arc<Double>,
    pub(super) relay: Relay,
    pub(super) receive: Arc<dyn Receive>,
    pub(super) pay: Arc<dyn Pay>,
    pub(super) folder: tempfile::TempDir,
}

impl Setup {
    pub(super) async fn new() -> Self {
        Self::with(false, true).await
    }

    pub(super) async fn with(is_old: bool, notifies: bool) -> Self {
        let home = Arc::new(TestHome::new());
        let (relay, mut events) = Relay::start().await;
        let double = |methods, notifies| {
            let kindness = Kindness {
                is_old,
                methods,
                notifies,
            };
            Double::new(home.clone(), vec![relay.clone()], kindness)
        };
        let (seller, buyer) = (double(RECEIVING, notifies), double(PAYING, false));
        let (to_seller, of_seller) = tokio::sync::mpsc::unbounded_channel();
        let (to_buyer, of_buyer) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(seller.clone().serve(of_seller));
        tokio::spawn(buyer.clone().serve(of_buyer));
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                let _ = to_seller.send(event.clone());
                let _ = to_buyer.send(event);
            }
        });
        let folder = tempfile::tempdir().expect("a folder");
        let open = Open::new(folder.path(), home.clock.clone());
        let node = |double: &Double, name: &str| {
            node(folder.path().join(name), &double.uri(&[relay.url()]))
        };
        let receive = node(&seller, "seller").receiver(open.clone()).await;
        let pay = node(&buyer, "buyer").wallet(open).await;
        Self {
            receive: receive.expect("receives").receive,
            pay: pay.expect("pays").pay,
            seller,
            buyer,
            relay,
            folder,
        }
    }

    pub(super) fn open(&self) -> Open {
        Open::new(self.folder.path(), self.buyer.home.clock.clone())
    }

    pub(super) fn buyer_node(&self) -> Node {
        node(
            self.folder.path().join("buyer"),
            &self.buyer.uri(&[self.relay.url()]),
        )
    }

    /// Opens the buyer's wallet as another process would.
    pub(super) async fn restart(&self) -> Arc<dyn Pay> {
        self.buyer_node()
            .wallet(self.open())
            .await
            .expect("pays")
            .pay
    }

    pub(super) async fn pay_with(&self, mischief: Mischief) -> (NewInvoice, Payment) {
        let bought = invoice(self, Msat::from_sat(50)).await;
        self.buyer.set(mischief);
        let payment = self.pay.pay(soon(bought.bolt11())).await;
        (bought, payment)
    }

    pub(super) async fn looked_up(&self, bought: &NewInvoice) -> Option<Payment> {
        self.pay
            .lookup(bought.payment_hash())
            .await
            .expect("an answer")
    }

    pub(super) async fn spent(&self) -> u64 {
        self.buyer.set(Mischief::None);
        100_000 - self.pay.balance().await.expect("a balance").ceil_sat()
    }
}

pub(super) fn node(file: PathBuf, uri: &str) -> Node {
    std::fs::write(&file, format!("{uri}\n")).expect("written");
    Node::Nwc(NwcNode { file })
}

/// An order with a deadline that a lost answer reaches soon.
pub(super) fn soon(bolt11: &str) -> PayRequest {
    PayRequest::new(bolt11, Msat::from_sat(10), Duration::from_millis(1200))
}

impl Bench for Setup {
    fn receive(&self) -> Arc<dyn Receive> {
        self.receive.clone()
    }

    fn pay(&self) -> Arc<dyn Pay> {
        self.pay.clone()
    }

    // The protocol has no limit for the fee.
    fn fee(&self) -> Msat {
        Msat::ZERO
    }

    fn pass(&self, time: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.buyer.home.clock.advance(time) })
    }
}
