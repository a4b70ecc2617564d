//! The fake node: its state, its faults, and its two servers.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use l402::{Msat, PaymentHash};
use l402_lightning::{Pay, PayRequest, Payment};
use serde_json::Value;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

use super::records::{InvoiceRecord, PayRecord, PayState};
use super::{Authority, ClnFault, rest, socket};
use crate::TestHome;

/// The public key of the fake node.
pub(super) const ID: &str = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";

/// A call that was answered with success.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method.
    pub method: String,
    /// Its parameters.
    pub params: Value,
    /// The result.
    pub result: Value,
}

/// The state that both servers share.
#[derive(Debug)]
pub struct Cln {
    /// The home whose sandbox holds the invoices and payments.
    pub home: TestHome,
    /// All successful calls so far.
    pub calls: Mutex<Vec<Call>>,
    /// The fault in force, and the one method that it concerns, if not all.
    pub(super) fault: Mutex<(ClnFault, Option<&'static str>)>,
    pub(super) invoices: Mutex<Vec<InvoiceRecord>>,
    pub(super) pays: Mutex<Vec<PayRecord>>,
    pub(super) xpays: AtomicUsize,
}

/// A running fake Core Lightning, which ends when this value is dropped.
#[derive(Debug)]
pub struct FakeCln {
    /// The state that both servers share.
    pub cln: Arc<Cln>,
    /// The Unix socket.
    pub socket: PathBuf,
    /// Host and port of clnrest.
    pub rest: String,
    /// The authority of clnrest.
    pub authority: Authority,
    servers: [JoinHandle<()>; 2],
}

impl Drop for FakeCln {
    fn drop(&mut self) {
        self.stop();
    }
}

impl FakeCln {
    /// Starts a fake node on a home of its own, with the socket in the home folder.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn start() -> Self {
        Self::on(TestHome::new()).await
    }

    /// Starts a fake node on this home.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn on(home: TestHome) -> Self {
        let socket = home.home.path().join("lightning-rpc");
        let cln = Arc::new(Cln {
            home,
            calls: Mutex::default(),
            fault: Mutex::default(),
            invoices: Mutex::default(),
            pays: Mutex::default(),
            xpays: AtomicUsize::new(0),
        });
        let authority = Authority::new();
        let tcp = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let rest = tcp.local_addr().expect("an address").to_string();
        let unix = UnixListener::bind(&socket).expect("a socket");
        let servers = serve(&cln, unix, tcp, &authority);
        Self {
            cln,
            socket,
            rest,
            authority,
            servers,
        }
    }

    /// Ends every connection, and answers no more.
    pub fn stop(&self) {
        for server in &self.servers {
            server.abort();
        }
    }

    /// Starts again at the same socket and port, with the same records.
    ///
    /// # Panics
    /// If the port is taken.
    pub async fn restart(&mut self) {
        self.stop();
        for server in &mut self.servers {
            // Its end, because the address is free only then.
            drop(server.await);
        }
        std::fs::remove_file(&self.socket).expect("the old socket");
        let unix = UnixListener::bind(&self.socket).expect("a socket");
        let tcp = TcpListener::bind(&self.rest).await.expect("the port");
        self.servers = serve(&self.cln, unix, tcp, &self.authority);
    }
}

fn serve(
    cln: &Arc<Cln>,
    unix: UnixListener,
    tcp: TcpListener,
    authority: &Authority,
) -> [JoinHandle<()>; 2] {
    let rest = rest::serve(Arc::clone(cln), tcp, authority.acceptor.clone());
    [
        tokio::spawn(socket::serve(Arc::clone(cln), unix)),
        tokio::spawn(rest),
    ]
}

impl Cln {
    /// Sets the fault from now on.
    ///
    /// # Panics
    /// If a handler has panicked.
    pub fn set(&self, fault: ClnFault) {
        *self.fault.lock().expect("not poisoned") = (fault, None);
    }

    /// Sets the fault from now on, for one method alone.
    ///
    /// # Panics
    /// If a handler has panicked.
    pub fn set_for(&self, method: &'static str, fault: ClnFault) {
        *self.fault.lock().expect("not poisoned") = (fault, Some(method));
    }

    /// Returns the number of calls of `xpay` so far.
    #[must_use]
    pub fn xpays(&self) -> usize {
        self.xpays.load(Ordering::SeqCst)
    }

    /// Ends a payment that is in flight: pays the invoice, or records a failure.
    ///
    /// # Panics
    /// If there is no such payment, or the invoice cannot be paid.
    pub async fn resolve(&self, hash: PaymentHash, settles: bool) {
        let bolt11 = {
            let pays = self.pays.lock().expect("not poisoned");
            let of = pays.iter().find(|pay| pay.hash == hash);
            of.expect("in flight").bolt11.clone()
        };
        let mut state = PayState::Failed;
        if settles {
            let order = PayRequest::new(bolt11, Msat::from_sat(10), core::time::Duration::MAX);
            let Payment::Settled { preimage, .. } = self.home.wallet.pay(order).await else {
                panic!("not paid")
            };
            state = PayState::Complete(preimage);
        }
        let mut pays = self.pays.lock().expect("not poisoned");
        let of = pays.iter_mut().find(|pay| pay.hash == hash);
        of.expect("in flight").state = state;
    }

    /// Returns the fault of this method.
    pub(super) fn fault(&self, method: &str) -> ClnFault {
        match *self.fault.lock().expect("not poisoned") {
            (_, Some(only)) if only != method => ClnFault::None,
            (fault, _) => fault,
        }
    }
}
