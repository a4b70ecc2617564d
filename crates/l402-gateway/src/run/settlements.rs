//! The reader of settlements: it tells the observer of each payment that reaches the node.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use l402_lightning::{Error, Receive, SettlementIndex};
use l402_server::Observe;

/// The pause after the first failure, and the longest one. It doubles with each failure in a row.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Reads for ever, from the newest settlement on: the place is kept nowhere, so what arrives while
/// no gateway runs is never told.
pub(super) async fn read(node: Arc<dyn Receive>, observer: Arc<dyn Observe>) {
    let mut from = SettlementIndex::NEWEST;
    let mut pause = FIRST_PAUSE;
    loop {
        let before = from;
        let ended = read_stream(&*node, &*observer, &mut from).await;
        // A stream that has told something has worked: the failure after it is the first one.
        if from != before {
            pause = FIRST_PAUSE;
        }
        match ended {
            Some(error) => tracing::warn!(%error, "the node tells of no payments; trying again"),
            None => tracing::warn!("the node tells of no more payments; trying again"),
        }
        tokio::time::sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// Reads one stream to its end, and moves `from` with it. Returns the error that ended it.
async fn read_stream(
    node: &dyn Receive,
    observer: &dyn Observe,
    from: &mut SettlementIndex,
) -> Option<Error> {
    let mut stream = node.settlements(*from);
    loop {
        match poll_fn(|cx| stream.as_mut().poll_next(cx)).await? {
            Ok(settlement) => {
                *from = settlement.index;
                observer.settlement(settlement.payment_hash, settlement.paid);
            }
            Err(error) => return Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use l402::{Msat, Network, PaymentHash};
    use l402_host::{BoxFuture, BoxStream};
    use l402_lightning::{ErrorKind, InvoiceRequest, InvoiceState, NewInvoice, Settlement};
    use tokio::time::Instant;

    use super::*;

    /// A node whose stream tells one settlement and breaks, every third time; else it breaks.
    #[derive(Debug, Default)]
    struct Breaking(Mutex<Vec<(SettlementIndex, Instant)>>);

    impl Receive for Breaking {
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

        fn settlements(&self, from: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>> {
            let mut asked = self.0.lock().unwrap();
            asked.push((from, Instant::now()));
            let number = asked.len() as u64;
            let told = number.is_multiple_of(3).then_some(Ok(Settlement {
                payment_hash: PaymentHash::from_bytes([7; 32]),
                paid: Msat::new(1500),
                index: SettlementIndex(number),
            }));
            let broken = Err(Error::new(ErrorKind::Unavailable, "away"));
            Box::pin(futures_util::stream::iter(told.into_iter().chain([broken])))
        }
    }

    #[derive(Debug, Default)]
    struct Told(Mutex<Vec<(PaymentHash, u64)>>);

    impl Observe for Told {
        fn settlement(&self, payment_hash: PaymentHash, amount: Msat) {
            self.0.lock().unwrap().push((payment_hash, amount.msat()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn begins_at_the_newest_goes_on_after_the_last_and_pauses_longer_each_time() {
        let (node, told) = (Arc::new(Breaking::default()), Arc::new(Told::default()));
        let start = Instant::now();
        let reading = read(node.clone(), told.clone());
        let _ = tokio::time::timeout(Duration::from_millis(8500), reading).await;
        let asked = node.0.lock().unwrap();
        let asked: Vec<_> = asked
            .iter()
            .map(|(from, at)| (from.0, (*at - start).as_secs()))
            .collect();
        let newest = SettlementIndex::NEWEST.0;
        // After the settlement of the third stream the pause is a second again.
        let expected = [(newest, 0), (newest, 1), (newest, 3), (3, 4), (3, 6)];
        assert_eq!(asked, expected);
        let hash = PaymentHash::from_bytes([7; 32]);
        assert_eq!(*told.0.lock().unwrap(), [(hash, 1500)]);
    }
}
