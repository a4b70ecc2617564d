//! One connection, and what the server tells on it unasked.

use std::future::poll_fn;

use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, NoTls};

use super::target::{Encryption, Target};
use super::{PostgresError, PostgresErrorKind, tls};

/// The payloads of notifications to this connection. Ends with the connection.
#[derive(Debug)]
pub struct Notifications(mpsc::UnboundedReceiver<String>);

impl Notifications {
    /// Waits for the next payload; `None` once the connection has ended.
    pub async fn next(&mut self) -> Option<String> {
        self.0.recv().await
    }

    /// Takes what has arrived, without waiting. Returns true if there was something.
    pub fn take(&mut self) -> bool {
        let mut any = false;
        while self.0.try_recv().is_ok() {
            any = true;
        }
        any
    }
}

/// Connects. A task on the current runtime carries the connection, and ends with the client.
///
/// # Errors
/// [`PostgresErrorKind::Refused`] or [`PostgresErrorKind::Denied`] if there is none, at the latest after
/// the time to connect that the address says (5 s a host).
pub async fn connect(target: &Target) -> Result<(Client, Notifications), PostgresError> {
    let limit = target.connect_timeout();
    // The driver's own limit ends with TCP, and a server that stands still takes that much from anybody.
    let connected = tokio::time::timeout(limit, connect_unbounded(target)).await;
    connected.unwrap_or_else(|_| {
        let text = format!("the server does not answer within {} s", limit.as_secs());
        Err(PostgresError::new(PostgresErrorKind::Refused, text))
    })
}

async fn connect_unbounded(target: &Target) -> Result<(Client, Notifications), PostgresError> {
    let (told, notifications) = mpsc::unbounded_channel();
    let failed = |error: tokio_postgres::Error| PostgresError::of_connecting(&error);
    let client = if target.encryption == Encryption::Disable {
        let (client, connection) = target.config.connect(NoTls).await.map_err(failed)?;
        tokio::spawn(carry(connection, told));
        client
    } else {
        let connector = tls::connector(target)?;
        let (client, connection) = target.config.connect(connector).await.map_err(failed)?;
        tokio::spawn(carry(connection, told));
        client
    };
    Ok((client, Notifications(notifications)))
}

/// Moves the messages of a connection until it ends.
async fn carry<S, T>(
    mut connection: tokio_postgres::Connection<S, T>,
    told: mpsc::UnboundedSender<String>,
) where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
        if let AsyncMessage::Notification(notification) = message {
            // A client that listens to nothing has dropped the other end.
            let _ = told.send(notification.payload().to_owned());
        }
    }
}
