//! A node whose calls leave spans.

use std::sync::Arc;

use l402::{Msat, Network, PaymentHash};
use l402_host::{BoxFuture, BoxStream};
use l402_lightning::{
    Error, InvoiceLimits, InvoiceRequest, InvoiceState, Liquidity, NewInvoice, Receive, Settlement,
    SettlementIndex,
};

use super::span::Work;
use super::traces::Traces;

/// A node that is traced.
#[derive(Debug)]
pub(crate) struct TracedNode {
    node: Arc<dyn Receive>,
    traces: Arc<Traces>,
}

impl TracedNode {
    pub(crate) fn new(node: Arc<dyn Receive>, traces: &Arc<Traces>) -> Self {
        let traces = Arc::clone(traces);
        Self { node, traces }
    }

    fn traced<'a, T: 'a>(
        &'a self,
        call: &'static str,
        work: BoxFuture<'a, Result<T, Error>>,
    ) -> BoxFuture<'a, Result<T, Error>> {
        let Some(started) = self.traces.child() else {
            return work;
        };
        Box::pin(async move {
            let done = work.await;
            let fails = done.is_err();
            self.traces
                .end(Some(started), || Work::Node { call, fails });
            done
        })
    }
}

impl Receive for TracedNode {
    fn network(&self) -> Network {
        self.node.network()
    }

    fn preimage_is_proof(&self) -> bool {
        self.node.preimage_is_proof()
    }

    fn signs_here(&self) -> bool {
        self.node.signs_here()
    }

    fn limits(&self) -> InvoiceLimits {
        self.node.limits()
    }

    fn create_invoice(&self, request: InvoiceRequest) -> BoxFuture<'_, Result<NewInvoice, Error>> {
        self.traced("create_invoice", self.node.create_invoice(request))
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        self.traced("lookup", self.node.lookup(payment_hash))
    }

    fn lookup_by(
        &self,
        reference: String,
        payment_hash: PaymentHash,
        amount: Msat,
    ) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        let work = self.node.lookup_by(reference, payment_hash, amount);
        self.traced("lookup", work)
    }

    fn newest_settlement(&self) -> BoxFuture<'_, Result<SettlementIndex, Error>> {
        self.node.newest_settlement()
    }

    fn liquidity(&self) -> BoxFuture<'_, Result<Option<Liquidity>, Error>> {
        self.node.liquidity()
    }

    fn settlements(&self, from: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>> {
        self.node.settlements(from)
    }
}
