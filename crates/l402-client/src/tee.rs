//! A paid answer on its way into the vault while its caller reads it.

use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use crate::journal::Keeping;

/// The pieces that may wait for the disk, so that memory stays bounded and a short stall costs nothing.
const WAITING: usize = 16;

/// The way of an answer into the vault. Dropped before the end, it leaves nothing there.
pub(crate) struct Tee {
    pieces: Sender<Option<Bytes>>,
    written: JoinHandle<()>,
}

impl Tee {
    /// Starts a thread that writes.
    pub(crate) fn start(keeping: Keeping) -> Self {
        let (pieces, received) = channel(WAITING);
        Self {
            pieces,
            written: tokio::task::spawn_blocking(|| write(keeping, received)),
        }
    }

    /// Adds a piece of the body. Returns false if no more is written.
    pub(crate) async fn add(&self, piece: &Bytes) -> bool {
        self.pieces.send(Some(piece.clone())).await.is_ok()
    }

    /// Waits until the whole answer is at its place.
    pub(crate) async fn finish(self) {
        // If the writer has given up, it has said so.
        let _ = self.pieces.send(None).await;
        let _ = self.written.await;
    }
}

fn write(mut keeping: Keeping, mut pieces: Receiver<Option<Bytes>>) {
    let mut kept = Ok(());
    while let Some(piece) = pieces.blocking_recv() {
        kept = match piece {
            Some(piece) => keeping.add(&piece),
            None => {
                kept = keeping.finish();
                break;
            }
        };
        if kept.is_err() {
            break;
        }
    }
    // The answer itself is delivered all the same.
    if let Err(error) = kept {
        tracing::debug!(%error, "a paid answer is not kept");
    }
}
