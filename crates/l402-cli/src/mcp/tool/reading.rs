//! The answer to a request, read to its end: its first part is kept to be shown.

use std::time::Duration;

use http::HeaderMap;
use l402_client::{Error, Receipt, ReplayError, ReplayedAnswer, Response};
use url::Url;

use super::showing::{BLOB_MAX, SECRET_MAX};
use crate::mcp::purse::CallProgress;

/// The most of a body that is held in memory to be shown.
const HELD_MAX: usize = BLOB_MAX + SECRET_MAX;

/// The most of a body that is held if it is kept nowhere else and nobody may be there to read it.
const UNKEPT_MAX: usize = 16 * 1024 * 1024;

/// The most of a body that is read at all.
const READ_MAX: u64 = 64 * 1024 * 1024;

/// The longest time that the body of an answer may take.
const READ_TIME: Duration = Duration::from_secs(10 * 60);

/// An answer, and the first part of its body.
#[derive(Debug)]
pub(super) struct ReadAnswer {
    pub(super) status: u16,
    /// The URL that answered.
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    /// The part of the body that is held.
    pub(super) body: Vec<u8>,
    /// The length of the body, as far as it was read.
    pub(super) size: u64,
    pub(super) receipt: Option<Receipt>,
}

/// Reads an answer. If nobody waits for it any more, and answers are not kept as they are read, it is kept
/// for the next call of the same request.
///
/// # Errors
/// Those of [`Response::chunk`].
pub(super) async fn read(
    mut response: Response,
    progress: &CallProgress,
    is_kept: bool,
) -> Result<ReadAnswer, Error> {
    let mut read = ReadAnswer {
        status: response.status().as_u16(),
        url: response.url().clone(),
        headers: response.headers().clone(),
        body: Vec::new(),
        size: 0,
        receipt: response.receipt().cloned(),
    };
    let held = if is_kept || read.receipt.is_none() {
        HELD_MAX
    } else {
        UNKEPT_MAX
    };
    let end = tokio::time::Instant::now() + READ_TIME;
    while read.size < READ_MAX {
        let is_whole = read.size == read.body.len() as u64;
        if !is_kept && progress.is_left() && is_whole {
            response.keep_rest(std::mem::take(&mut read.body)).await;
            return Ok(read);
        }
        // Nobody will see it, and nothing was paid for it.
        if progress.is_left() && read.receipt.is_none() {
            break;
        }
        // An answer without an end is shown as far as it came; its purchase stays paid.
        let Ok(piece) = tokio::time::timeout_at(end, response.chunk()).await else {
            break;
        };
        let Some(piece) = piece? else {
            break;
        };
        read.size += piece.len() as u64;
        let room = held.saturating_sub(read.body.len());
        read.body
            .extend_from_slice(piece.get(..room).unwrap_or(&piece));
    }
    Ok(read)
}

/// Reads a kept answer. Blocks.
///
/// # Errors
/// Those of [`ReplayedAnswer::chunk`].
pub(super) fn read_kept(mut answer: ReplayedAnswer) -> Result<ReadAnswer, ReplayError> {
    let mut read = ReadAnswer {
        status: answer.status.as_u16(),
        url: answer.url.clone(),
        headers: answer.headers.clone(),
        body: Vec::new(),
        size: 0,
        receipt: None,
    };
    while let Some(piece) = answer.chunk()? {
        read.size += piece.len() as u64;
        let room = HELD_MAX.saturating_sub(read.body.len());
        read.body
            .extend_from_slice(piece.get(..room).unwrap_or(&piece));
    }
    Ok(read)
}
