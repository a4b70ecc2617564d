//! A connection for code that may block: commands, and threads of their own.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_postgres::Client;

use super::{Notifications, PostgresError, PostgresErrorKind, Target, connect};

/// The longest wait for the rollback of what has failed.
const LAST_WORD: Duration = Duration::from_secs(1);

/// A connection, made when it is first needed and again after it broke. Not for a thread of a runtime.
#[derive(Debug)]
pub struct Blocking {
    target: Target,
    /// `None` while it is dropped alone.
    runtime: Option<Runtime>,
    open: Option<(Client, Notifications)>,
}

impl Blocking {
    /// Takes note of a target. Connects to nothing.
    ///
    /// # Errors
    /// [`PostgresErrorKind::Refused`] if the system has no thread or socket for it.
    pub fn new(target: Target) -> Result<Self, PostgresError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            PostgresError::new(PostgresErrorKind::Refused, format!("no runtime: {error}"))
        })?;
        Ok(Self {
            target,
            runtime: Some(runtime),
            open: None,
        })
    }

    /// Runs work on the connection, and connects first if there is none. Blocks. After an error that
    /// says that the connection is lost, the next call connects anew.
    ///
    /// # Errors
    /// Those of connecting, and those of the work. After [`PostgresErrorKind::Lost`] nobody knows if
    /// what was under way was done.
    pub fn run<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Client, &mut Notifications) -> Result<T, PostgresError>,
    ) -> Result<T, PostgresError> {
        let (target, open) = (&self.target, &mut self.open);
        let Some(runtime) = &self.runtime else {
            return Err(no_connection());
        };
        let done = runtime.block_on(async {
            if open.as_ref().is_none_or(|(client, _)| client.is_closed()) {
                *open = Some(connect(target).await?);
            }
            match open {
                Some((client, notifications)) => {
                    let done = work(client, notifications).await;
                    if done.is_err() {
                        drive(client).await;
                    }
                    done
                }
                None => Err(no_connection()),
            }
        });
        if done
            .as_ref()
            .is_err_and(|error| error.kind() == PostgresErrorKind::Lost)
        {
            self.open = None;
        }
        done
    }
    /// Runs work on the connection of the last call, such as within its transaction. Never connects anew. Blocks.
    ///
    /// # Errors
    /// [`PostgresErrorKind::Lost`] if that connection has ended, and those of the work.
    pub fn go_on<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Client, &mut Notifications) -> Result<T, PostgresError>,
    ) -> Result<T, PostgresError> {
        // Nothing moves between two calls, so that `run` finds the same.
        if self
            .open
            .as_ref()
            .is_none_or(|(client, _)| client.is_closed())
        {
            return Err(no_connection());
        }
        self.run(work)
    }
}

impl Drop for Blocking {
    fn drop(&mut self) {
        // The last owner may be a task, which must not wait for threads.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn no_connection() -> PostgresError {
    PostgresError::new(PostgresErrorKind::Lost, "the connection has ended")
}

/// Lets the server have what a transaction that was given up has left in the queue: its rollback. Without it the
/// locks would stay until the next call, since the connection works only while something waits for it.
async fn drive(client: &Client) {
    // One that does not answer is given up or asked again by its caller.
    let _ = timeout(LAST_WORD, client.batch_execute("")).await;
}
