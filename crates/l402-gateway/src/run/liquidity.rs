//! The look after what the node can receive.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use l402::Msat;
use l402_lightning::{Liquidity, Receive};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::notice::{Notice, Notices};

/// The time between two questions.
const LOOK: Duration = Duration::from_secs(300);

/// The longest wait for the node.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The amount that a node should be able to receive, and what it last said that it can.
#[derive(Debug, Default)]
pub(super) struct KnownLiquidity {
    least: watch::Sender<Option<Msat>>,
    last: Arc<Mutex<Option<Liquidity>>>,
}

impl KnownLiquidity {
    /// Asks the node from now on, if there is an amount. Otherwise nothing is known of it.
    pub(super) fn want(&self, least: Option<Msat>) {
        if least.is_none() {
            *lock(&self.last) = None;
        }
        // Only a change wakes the watch: a reload alone must not ask the node again.
        self.least.send_if_modified(|before| {
            let changed = *before != least;
            *before = least;
            changed
        });
    }

    pub(super) fn last(&self) -> Option<Liquidity> {
        *lock(&self.last)
    }

    /// Returns the work of asking the node, which ends with this value.
    pub(super) fn watch(
        &self,
        node: Arc<dyn Receive>,
        notices: Notices,
    ) -> impl Future<Output = ()> + Send + 'static {
        watch(
            node,
            notices,
            self.least.subscribe(),
            Arc::clone(&self.last),
        )
    }
}

fn lock(last: &Mutex<Option<Liquidity>>) -> std::sync::MutexGuard<'_, Option<Liquidity>> {
    last.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn watch(
    node: Arc<dyn Receive>,
    notices: Notices,
    mut wanted: watch::Receiver<Option<Msat>>,
    last: Arc<Mutex<Option<Liquidity>>>,
) {
    let mut alarm = Alarm::default();
    loop {
        let least = *wanted.borrow_and_update();
        let Some(least) = least else {
            if wanted.changed().await.is_err() {
                return;
            }
            continue;
        };
        match timeout(TIME_LIMIT, node.liquidity()).await {
            Ok(Ok(told)) => {
                *lock(&last) = told;
                if let Some(receivable) = told.map(|told| told.receivable)
                    && alarm.sounds(receivable, least)
                {
                    tracing::warn!(%receivable, %least, "the node can receive little");
                    notices.tell(&Notice::LowLiquidity { receivable, least });
                }
            }
            // The log tells elsewhere of a node that is away. What it said last stays.
            Ok(Err(error)) => tracing::debug!(%error, "the node does not tell its liquidity"),
            Err(_) => tracing::debug!("the node does not tell its liquidity in time"),
        }
        // Either a change of the settings or the next look.
        if matches!(timeout(LOOK, wanted.changed()).await, Ok(Err(_))) {
            return;
        }
    }
}

/// Sounds once when the amount falls below the least, and again only after it has recovered: it was
/// at least a tenth above in between.
#[derive(Debug, Default)]
struct Alarm {
    is_low: bool,
}

impl Alarm {
    fn sounds(&mut self, receivable: Msat, least: Msat) -> bool {
        let enough = Msat::new(least.msat().saturating_add(least.msat() / 10));
        if receivable >= enough {
            self.is_low = false;
        }
        let sounds = receivable < least && !self.is_low;
        self.is_low |= sounds;
        sounds
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    use l402::{Network, PaymentHash};
    use l402_host::{BoxFuture, BoxStream};
    use l402_lightning::{
        Error, ErrorKind, InvoiceRequest, InvoiceState, NewInvoice, Settlement, SettlementIndex,
    };

    use super::*;

    /// Tells this many satoshi, and an error for none.
    #[derive(Debug, Default)]
    struct Channels {
        sat: AtomicU64,
        questions: AtomicUsize,
    }

    impl Receive for Channels {
        fn network(&self) -> Network {
            Network::Regtest
        }

        fn preimage_is_proof(&self) -> bool {
            true
        }

        fn create_invoice(&self, _: InvoiceRequest) -> BoxFuture<'_, Result<NewInvoice, Error>> {
            unreachable!("nobody asks")
        }

        fn lookup(&self, _: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>> {
            unreachable!("nobody asks")
        }

        fn liquidity(&self) -> BoxFuture<'_, Result<Option<Liquidity>, Error>> {
            self.questions.fetch_add(1, Ordering::SeqCst);
            let told = match self.sat.load(Ordering::SeqCst) {
                0 => Err(Error::new(ErrorKind::Unavailable, "away")),
                sat => Ok(Some(Liquidity::new(Msat::from_sat(sat)))),
            };
            Box::pin(core::future::ready(told))
        }

        fn settlements(&self, _: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>> {
            unreachable!("nobody asks")
        }
    }

    #[tokio::test(start_paused = true)]
    async fn low_liquidity_is_told_once_until_it_has_recovered() {
        let node = Arc::new(Channels::default());
        let (known, notices) = (KnownLiquidity::default(), Notices::default());
        let mut listener = notices.listen();
        tokio::spawn(known.watch(node.clone(), notices));
        tokio::time::sleep(LOOK * 3).await;
        assert_eq!(
            node.questions.load(Ordering::SeqCst),
            0,
            "nobody wants to know"
        );
        known.want(Some(Msat::from_sat(100)));
        let mut told = Vec::new();
        for sat in [150, 99, 98, 0, 105, 97, 110, 96] {
            node.sat.store(sat, Ordering::SeqCst);
            tokio::time::sleep(LOOK).await;
            while let Ok(Notice::LowLiquidity { receivable, .. }) = listener.try_recv() {
                told.push(receivable.ceil_sat());
            }
        }
        assert_eq!(told, [99, 96]);
        assert_eq!(known.last(), Some(Liquidity::new(Msat::from_sat(96))));
        known.want(None);
        assert_eq!(known.last(), None);
    }
}
