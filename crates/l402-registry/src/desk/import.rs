//! Import and export of listings, and the feed of the newest.

use std::io::{self, Read};

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::Registry;
use super::error::DeskError;
use crate::listing::{
    ExportFormat, Imported, ListingId, NewListing, imported, read_services, write_atom, write_csv,
    write_csv_head, write_json, write_json_end, write_json_head,
};
use crate::search::{Query, Sort};
use crate::store::Added;

/// The listings of one transaction of an import.
const BATCH: usize = 500;

/// The listings of one piece of an export.
const PIECE: u32 = 500;

/// The listings of the feed.
const FEED: u32 = 50;

impl Registry {
    /// Lists the services of 402index's, of satring's or of our own JSON, and probes them in time. One entry
    /// and two batches of 500 are in memory, however long it is.
    ///
    /// # Errors
    /// `BadInput` if there is no service in it; `Internal`.
    pub async fn import(&self, from: impl Read + Send + 'static) -> Result<Imported, DeskError> {
        let (batches, mut arriving) = mpsc::channel(1);
        let reading = spawn_blocking(move || read_batches(from, &batches));
        let (mut new, mut known) = (0, 0);
        // The next batch is read while this one is stored.
        while let Some(batch) = arriving.recv().await {
            let added = self.0.store.add(batch, self.0.clock.wall()).await?;
            let of_batch = added.iter().filter(|it| matches!(it, Added::New(_)));
            let of_batch = of_batch.count() as u64;
            new += of_batch;
            known += added.len() as u64 - of_batch;
        }
        let report = reading.await;
        let report = report.map_err(|error| DeskError::Internal(error.to_string()))?;
        self.wake_probes();
        match report.fault {
            Some(text) if report.read == 0 => Err(DeskError::BadInput {
                field: "services",
                text,
            }),
            fault => Ok(Imported {
                new,
                known,
                fault,
                ..report
            }),
        }
    }

    /// Begins an export of every listing that is shown.
    #[must_use]
    pub fn export(&self, format: ExportFormat) -> Export {
        Export {
            registry: self.clone(),
            format,
            after: None,
            stage: Stage::Begin,
        }
    }

    /// Returns the Atom feed of the 50 newest listings.
    ///
    /// # Errors
    /// `Internal`.
    pub async fn feed(&self) -> Result<String, DeskError> {
        let query = Query {
            sort: Sort::Newest,
            limit: FEED,
            ..Query::default()
        };
        let found = self.0.store.search(query).await?;
        let (public_url, now) = (&self.0.options.public_url, self.0.clock.wall());
        write_atom(&found.listings, public_url, now).map_err(|error| failed(&error))
    }
}

/// An export that is under way. Listings that are added meanwhile may be in it or not.
#[derive(Clone)]
pub struct Export {
    registry: Registry,
    format: ExportFormat,
    after: Option<ListingId>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begin,
    Listings,
    Done,
}

impl Export {
    /// Returns the next piece, of at most 500 listings; `None` at the end.
    ///
    /// # Errors
    /// `Internal`. The export is broken then.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, DeskError> {
        if self.stage == Stage::Done {
            return Ok(None);
        }
        let store = self.registry.store();
        let listings = store.page(self.after, PIECE).await?;
        let is_first = self.stage == Stage::Begin;
        let is_last = listings.is_empty();
        let mut out = Vec::new();
        let written = match self.format {
            ExportFormat::Json => write_json_piece(&mut out, &listings, is_first, is_last),
            ExportFormat::Csv if is_first => {
                write_csv_head(&mut out).and_then(|()| write_csv(&mut out, &listings))
            }
            ExportFormat::Csv => write_csv(&mut out, &listings),
        };
        written.map_err(|error| failed(&error))?;
        self.after = listings.last().map(|listing| listing.id);
        self.stage = if is_last {
            Stage::Done
        } else {
            Stage::Listings
        };
        Ok(Some(out))
    }
}

fn write_json_piece(
    out: &mut Vec<u8>,
    listings: &[crate::listing::Listing],
    is_first: bool,
    is_last: bool,
) -> io::Result<()> {
    if is_first {
        write_json_head(out)?;
    }
    write_json(out, listings, is_first)?;
    if is_last {
        write_json_end(out)?;
    }
    Ok(())
}

/// Reads services, and sends them on by the batch. The report lacks what became of them.
fn read_batches(from: impl Read, batches: &mpsc::Sender<Vec<NewListing>>) -> Imported {
    let mut report = Imported::default();
    let mut batch = Vec::with_capacity(BATCH);
    let read = read_services(from, |service| {
        report.read += 1;
        match imported(&service) {
            Ok(new) => batch.push(new),
            Err(skipped) => report.skip(skipped),
        }
        if batch.len() < BATCH {
            return true;
        }
        // Nobody takes it if the store has failed.
        let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
        batches.blocking_send(full).is_ok()
    });
    report.fault = read.err();
    if !batch.is_empty() {
        // As above: the store's error is the one that is told.
        let _ = batches.blocking_send(batch);
    }
    report
}

fn failed(error: &io::Error) -> DeskError {
    DeskError::Internal(error.to_string())
}
