//! The control runtime: the node lives on it, workers reach it by channels.

use std::sync::Arc;
use std::sync::mpsc;

use l402::{Msat, Network, PaymentHash};
use l402_host::{BoxFuture, BoxStream};
use l402_lightning::{
    Error, ErrorKind, InvoiceLimits, InvoiceRequest, InvoiceState, Liquidity, NewInvoice, Receive,
    Settlement, SettlementIndex,
};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::{GatewayError, GatewayErrorKind};

/// A runtime with one thread of its own. A drop does not wait for it to end, and may so happen
/// inside async code as well.
#[derive(Debug)]
pub(crate) struct Control(Option<Runtime>);

impl Control {
    pub(crate) fn start() -> Result<Self, GatewayError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("l402-control")
            .enable_all()
            .build()
            .map_err(|error| {
                let text = format!("cannot start a thread: {error}");
                GatewayError::new(GatewayErrorKind::Runtime, text).with_source(error)
            })?;
        Ok(Self(Some(runtime)))
    }

    /// Returns the handle that spawns tasks on the runtime.
    pub(crate) fn handle(&self) -> Option<&Handle> {
        self.0.as_ref().map(Runtime::handle)
    }

    /// Runs work on the runtime and waits for its result. Blocks; may be called from any thread.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, GatewayError> {
        let (send, receive) = mpsc::channel();
        if let Some(handle) = self.handle() {
            handle.spawn(async move {
                // An error means that the caller has stopped waiting, and needs no result.
                let _ = send.send(work.await);
            });
        }
        let ended = "the control thread has ended";
        receive
            .recv()
            .map_err(|_| GatewayError::new(GatewayErrorKind::Runtime, ended))
    }

    /// Returns the node with its work moved to this runtime, because a client's connection pool
    /// ends with the runtime that made it. A node that signs in this process has no connections,
    /// and is returned as it is: its work is done in the worker.
    pub(crate) fn host(&self, inner: Arc<dyn Receive>) -> Arc<dyn Receive> {
        match self.handle() {
            Some(handle) if !inner.signs_here() => Arc::new(OnControl {
                inner,
                handle: handle.clone(),
            }),
            _ => inner,
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // A plain drop of a runtime blocks, and panics inside async code.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A node that is called from any worker and works on the control runtime.
#[derive(Debug)]
struct OnControl {
    inner: Arc<dyn Receive>,
    handle: Handle,
}

impl OnControl {
    /// Runs a call on the control runtime, and waits for its result.
    async fn call<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let ended = |_| Error::new(ErrorKind::Local, "the control thread has ended");
        self.handle.spawn(work).await.map_err(ended)?
    }
}

impl Receive for OnControl {
    fn network(&self) -> Network {
        self.inner.network()
    }

    fn preimage_is_proof(&self) -> bool {
        self.inner.preimage_is_proof()
    }

    fn limits(&self) -> InvoiceLimits {
        self.inner.limits()
    }

    fn create_invoice(&self, request: InvoiceRequest) -> BoxFuture<'_, Result<NewInvoice, Error>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(self.call(async move { inner.create_invoice(request).await }))
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(self.call(async move { inner.lookup(payment_hash).await }))
    }

    fn lookup_by(
        &self,
        reference: String,
        payment_hash: PaymentHash,
        amount: Msat,
    ) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(self.call(async move { inner.lookup_by(reference, payment_hash, amount).await }))
    }

    fn newest_settlement(&self) -> BoxFuture<'_, Result<SettlementIndex, Error>> {
        self.inner.newest_settlement()
    }

    fn liquidity(&self) -> BoxFuture<'_, Result<Option<Liquidity>, Error>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(self.call(async move { inner.liquidity().await }))
    }

    /// Returns the node's own stream. No worker reads settlements, so nothing has to change
    /// runtime.
    fn settlements(&self, from: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>> {
        self.inner.settlements(from)
    }
}
