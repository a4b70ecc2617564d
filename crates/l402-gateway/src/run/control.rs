//! The control runtime: the node lives on it, workers reach it by channels.

use std::sync::Arc;
use std::sync::mpsc;

use l402::{Network, PaymentHash};
use l402_host::{BoxFuture, BoxStream};
use l402_lightning::{
    Error, ErrorKind, InvoiceRequest, InvoiceState, NewInvoice, Receive, Settlement,
    SettlementIndex,
};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::{GatewayError, GatewayErrorKind};

/// A runtime with one thread of its own. Dropped, it is left to end by itself, so that this may
/// happen inside async code as well.
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

    pub(crate) fn handle(&self) -> Option<&Handle> {
        self.0.as_ref().map(Runtime::handle)
    }

    /// Runs work there and waits for it, from any thread.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, GatewayError> {
        let (send, receive) = mpsc::channel();
        if let Some(handle) = self.handle() {
            handle.spawn(async move {
                // Nobody waits any more: then nobody misses it.
                let _ = send.send(work.await);
            });
        }
        let ended = "the control thread has ended";
        receive
            .recv()
            .map_err(|_| GatewayError::new(GatewayErrorKind::Runtime, ended))
    }

    /// A node whose work is done there: a connection pool dies with the runtime that made it. One
    /// that asks nobody is asked where the request is.
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
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A node, called from any worker, working on the control runtime.
#[derive(Debug)]
struct OnControl {
    inner: Arc<dyn Receive>,
    handle: Handle,
}

impl OnControl {
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

    fn create_invoice(&self, request: InvoiceRequest) -> BoxFuture<'_, Result<NewInvoice, Error>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(self.call(async move { inner.create_invoice(request).await }))
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(self.call(async move { inner.lookup(payment_hash).await }))
    }

    /// No worker reads settlements; whoever does is on the control runtime already.
    fn settlements(&self, from: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>> {
        self.inner.settlements(from)
    }
}
