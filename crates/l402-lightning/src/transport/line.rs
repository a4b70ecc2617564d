//! A streamed answer with one JSON value per line.

use reqwest::Response;
use serde::de::DeserializeOwned;

use super::call::{Call, extend};
use super::failure::Failure;
use super::peer::Peer;
use crate::Error;

/// A streamed answer that is read line by line, without a deadline of its own.
pub(crate) struct Lines<P> {
    peer: P,
    read: Vec<u8>,
    response: Response,
}

impl<P: Peer> Call<'_, P> {
    /// Sends the request and opens its streamed answer. Waits for the head of the answer without a
    /// deadline, because a node may send none before the first line.
    pub(crate) async fn lines(self) -> Result<Lines<P>, Failure> {
        let peer = self.peer.clone();
        Ok(Lines {
            peer,
            read: Vec::new(),
            response: self.send().await?,
        })
    }
}

impl<P: Peer> Lines<P> {
    /// Returns the next value; `None` at the end of the stream.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Error> {
        loop {
            // Bytes that were read earlier come first: one chunk may hold several lines, and the
            // end of the stream must not swallow them.
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return self.value(&line).map(Some);
            }
            let chunk = self.response.chunk().await;
            match chunk.map_err(|error| self.peer.cut_short(&error))? {
                Some(chunk) => extend(&mut self.read, &chunk, &self.peer)?,
                None if self.read.trim_ascii().is_empty() => return Ok(None),
                // The last line may lack its end.
                None => {
                    let line = core::mem::take(&mut self.read);
                    return self.value(&line).map(Some);
                }
            }
        }
    }

    fn value<T: DeserializeOwned>(&self, line: &[u8]) -> Result<T, Error> {
        let value = serde_json::from_slice(line);
        value.map_err(|_| self.peer.garbled("not the expected JSON in a stream"))
    }
}
