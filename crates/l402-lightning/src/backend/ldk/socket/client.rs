//! The side of a socket that asks.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::line::{ANSWER_MAX, Lines};
use super::wire::{Answer, Status, garbled};
use crate::{Error, ErrorKind};

/// The time limit of a request that moves no money.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(10);

/// A socket of a node, as its clients know it. Each request has a connection of its own.
#[derive(Clone, Debug)]
pub(in super::super) struct Socket {
    path: PathBuf,
}

/// A request without an answer.
#[derive(Debug)]
pub(in super::super) struct Failure {
    pub(in super::super) error: Error,
    /// False if the node certainly never saw the request.
    #[cfg_attr(not(feature = "pay"), expect(dead_code, reason = "only payments ask"))]
    pub(in super::super) sent: bool,
}

impl Socket {
    pub(in super::super) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Asks, and returns the answer if it comes in time.
    pub(in super::super) async fn ask<T: DeserializeOwned>(
        &self,
        request: &impl Serialize,
        within: Duration,
    ) -> Result<T, Failure> {
        let asked = async {
            let mut answers = self.begin(request).await?;
            answers.next().await
        };
        let answer = tokio::time::timeout(within, asked).await;
        answer.unwrap_or_else(|_| {
            let text = format!("the node did not answer within {} s", within.as_secs());
            Err(Failure {
                error: Error::new(ErrorKind::Timeout, text),
                sent: true,
            })
        })
    }

    /// Sends a request whose answers come one by one.
    pub(super) async fn begin(&self, request: &impl Serialize) -> Result<Answers, Failure> {
        let stream = UnixStream::connect(&self.path).await;
        let stream = stream.map_err(|error| Failure {
            error: unreachable(&self.path, &error),
            sent: false,
        })?;
        let mut lines = Lines::new(stream);
        let written = lines.write(request).await;
        written.map_err(|error| Failure::lost(&error))?;
        Ok(Answers(lines))
    }

    /// Asks the node behind a socket who it is, by the request for its status. `None` if nobody serves
    /// the socket.
    pub(super) async fn open(
        path: PathBuf,
        status: &impl Serialize,
    ) -> Result<Option<(Self, Status)>, Error> {
        let socket = Self::at(path);
        if !socket.is_served().await? {
            return Ok(None);
        }
        let status = socket.ask(status, TIME_LIMIT).await?;
        Ok(Some((socket, status)))
    }

    /// Returns false if nobody serves the socket.
    pub(in super::super) async fn is_served(&self) -> Result<bool, Error> {
        match UnixStream::connect(&self.path).await {
            Ok(_) => Ok(true),
            Err(error) if is_nobody(&error) => Ok(false),
            Err(error) => Err(unreachable(&self.path, &error)),
        }
    }
}

/// The answers to one request.
#[derive(Debug)]
pub(super) struct Answers(Lines);

impl Answers {
    pub(super) async fn next<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let line = self.0.read(ANSWER_MAX).await;
        let line = line.and_then(|line| line.ok_or(io::ErrorKind::UnexpectedEof.into()));
        let line = line.map_err(|error| Failure::lost(&error))?;
        let answer = serde_json::from_slice(&line).map_err(|_| Failure::garbled())?;
        match answer {
            Answer::Ok(value) => serde_json::from_value(value).map_err(|_| Failure::garbled()),
            Answer::Failed(failed) => Err(Failure {
                error: failed.into(),
                sent: true,
            }),
        }
    }
}

impl Failure {
    fn lost(error: &io::Error) -> Self {
        let text = format!("the connection to the node was lost: {error}");
        Self {
            error: Error::new(ErrorKind::Unavailable, text),
            sent: true,
        }
    }

    fn garbled() -> Self {
        Self {
            error: garbled(),
            sent: true,
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

fn is_nobody(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

fn unreachable(path: &Path, error: &io::Error) -> Error {
    let path = path.display();
    let text = match error.kind() {
        _ if is_nobody(error) => format!("no node serves {path} any more"),
        io::ErrorKind::PermissionDenied => format!(
            "cannot use {path}: {error}; receive_group in node.toml names the group that may"
        ),
        _ => format!("cannot use {path}: {error}"),
    };
    Error::new(ErrorKind::Unavailable, text)
}
