//! The side of a socket that answers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use l402_host::BoxFuture;
use serde_json::Value;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use super::bind::bind;
use super::line::{Lines, REQUEST_MAX};
use super::wire::Answer;
use crate::Error;

/// The number of connections at once; further ones wait.
const CONNECTIONS: usize = 256;

/// The time for which a connection may be silent between two requests.
const IDLE: Duration = Duration::from_secs(10);

/// The time after which an answer that nobody reads ends its connection.
const WRITE: Duration = Duration::from_secs(10);

/// The pause after a connection that could not be accepted, as without free descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// The answering side of one socket.
pub(in super::super) trait Service: Send + Sync + 'static {
    /// Answers one request. An error ends the connection.
    fn serve<'a>(
        &'a self,
        request: &'a [u8],
        connection: &'a mut Connection,
    ) -> BoxFuture<'a, io::Result<()>>;
}

/// A connection of a client.
pub(in super::super) struct Connection(Lines);

impl Connection {
    pub(super) async fn answer(&mut self, done: Result<Value, Error>) -> io::Result<()> {
        let answer = Answer::from(done);
        let written = tokio::time::timeout(WRITE, self.0.write(&answer)).await;
        written.map_err(io::Error::from)?
    }

    /// Waits until the client is gone.
    pub(super) async fn closed(&mut self) {
        self.0.closed().await;
    }
}

/// A socket that is served until this value is dropped.
#[derive(Debug)]
pub(in super::super) struct Listening {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Listening {
    /// Serves a socket at `path`, whose file belongs to `group`, too. Must be called in a tokio
    /// runtime.
    pub(in super::super) fn start(
        path: &Path,
        group: Option<&str>,
        service: Arc<dyn Service>,
    ) -> Result<Self, Error> {
        let listener = bind(path, group)?;
        Ok(Self {
            path: path.to_owned(),
            task: tokio::spawn(accept(listener, service)),
        })
    }

    #[cfg(feature = "pay")]
    pub(in super::super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
        // A file that stays is taken for what it is: a socket that nobody serves.
        let _ = fs::remove_file(&self.path);
    }
}

async fn accept(listener: UnixListener, service: Arc<dyn Service>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // Ends all connections together with this task.
    let mut connections = JoinSet::new();
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let service = Arc::clone(&service);
                connections.spawn(async move {
                    let _place = place;
                    // The client sees the end of its connection; there is nobody else to tell.
                    let _ = talk(stream, &*service).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the node's socket was lost");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn talk(stream: UnixStream, service: &dyn Service) -> io::Result<()> {
    let mut connection = Connection(Lines::new(stream));
    loop {
        let request = tokio::time::timeout(IDLE, connection.0.read(REQUEST_MAX)).await;
        let Some(request) = request.map_err(io::Error::from)?? else {
            return Ok(());
        };
        service.serve(&request, &mut connection).await?;
    }
}
