//! The connection between two nodes, which a test can hold or cut.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A forwarder of connections to a node whose address may change.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    state: watch::Sender<State>,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    /// The number of times that all connections were cut.
    cuts: u64,
    held: bool,
    target: SocketAddr,
}

impl Wire {
    /// Starts to forward to `target`, from a free port.
    ///
    /// # Panics
    /// If no loopback port is free.
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let held = false;
        let state = watch::Sender::new(State {
            cuts: 0,
            held,
            target,
        });
        let task = tokio::spawn(serve(listener, state.clone()));
        Self {
            address,
            state,
            task,
        }
    }

    /// Returns the address to connect to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Holds back all bytes in both directions, without ending a connection.
    pub fn hold(&self) {
        self.state.send_modify(|state| state.held = true);
    }

    /// Ends all connections, and forwards new ones to `target`.
    pub fn cut(&self, target: SocketAddr) {
        self.state.send_modify(|state| {
            state.cuts += 1;
            state.held = false;
            state.target = target;
        });
    }

    /// Returns the address to which connections are forwarded.
    #[must_use]
    pub fn target(&self) -> SocketAddr {
        self.state.borrow().target
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, state: watch::Sender<State>) {
    while let Ok((near, _)) = listener.accept().await {
        tokio::spawn(forward(near, state.subscribe()));
    }
}

async fn forward(near: TcpStream, mut state: watch::Receiver<State>) -> io::Result<()> {
    let State { cuts, target, .. } = *state.borrow();
    let far = TcpStream::connect(target).await?;
    let (from_near, to_near) = near.into_split();
    let (from_far, to_far) = far.into_split();
    let (out, back) = (state.clone(), state.clone());
    tokio::select! {
        _ = state.wait_for(|state| state.cuts != cuts) => Ok(()),
        ended = carry(from_near, to_far, out) => ended,
        ended = carry(from_far, to_near, back) => ended,
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        // Held after the read, so that bytes on their way are held, too.
        let open = state.wait_for(|state| !state.held).await;
        drop(open.map_err(|_| io::ErrorKind::BrokenPipe)?);
        to.write_all(&buffer[..read]).await?;
    }
}
