//! The words that two processes of an upgrade say to each other: lines of JSON, and sockets beside them.

use std::io::{
    self, BufRead as _, BufReader, BufWriter, IoSlice, IoSliceMut, Read as _, Write as _,
};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::cmsg_space;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version of what is said. A running gateway of another one refuses.
pub(super) const PROTOCOL: u32 = 1;

/// The longest line in bytes.
const LINE_MAX: usize = 64 * 1024;

/// The first line of the new process.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) protocol: u32,
    /// The version of the program, for the log.
    pub(super) version: String,
    /// The name of its node.
    #[serde(default)]
    pub(super) node: Option<String>,
}

/// The answer of the running one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reply {
    /// The reason why there is no upgrade.
    pub(super) refused: Option<String>,
    pub(super) version: String,
    pub(super) addresses: Vec<Described>,
}

/// Sockets that are handed over, in this order: each listener, then the lock of the address.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Described {
    pub(super) purpose: String,
    /// As the configuration of the running process writes it.
    pub(super) named: SocketAddr,
    pub(super) address: SocketAddr,
    pub(super) listeners: usize,
}

/// Each further step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    Ready,
    Sockets,
    Serving,
    Draining,
}

/// A connection between the two processes, both of the same user.
#[derive(Debug)]
pub(super) struct Wire {
    stream: UnixStream,
    /// The process at the other end.
    pub(super) pid: i32,
}

impl Wire {
    /// Connects to a running gateway.
    pub(super) fn connect(path: &Path) -> io::Result<Self> {
        Self::new(UnixStream::connect(path)?)
    }

    /// Takes a connection, unless another user is at its other end.
    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        let peer = rustix::net::sockopt::socket_peercred(&stream)?;
        if peer.uid != rustix::process::geteuid() {
            let text = "the process at the other end belongs to another user";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        // The kernel says 0 for a process of another namespace, which has no number here.
        let pid = peer.pid.as_raw_nonzero().get();
        Ok(Self { stream, pid })
    }

    /// Sends a line.
    pub(super) fn send(&mut self, line: &impl Serialize, within: Duration) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.stream.set_write_timeout(Some(within))?;
        self.stream.write_all(&text)
    }

    /// Receives a line. The time is that between two bytes of it.
    pub(super) fn receive<T: DeserializeOwned>(&mut self, within: Duration) -> io::Result<T> {
        self.stream.set_read_timeout(Some(within))?;
        let mut line = Vec::new();
        let mut byte = [0];
        // Byte by byte: one more than the line may carry a socket, which a plain read would lose.
        loop {
            self.stream.read_exact(&mut byte)?;
            match byte {
                [b'\n'] => return Ok(serde_json::from_slice(&line)?),
                _ if line.len() == LINE_MAX => return Err(io::ErrorKind::InvalidData.into()),
                [byte] => line.push(byte),
            }
        }
    }

    /// Receives the step that has to come next.
    pub(super) fn expect(&mut self, step: Step, within: Duration) -> io::Result<()> {
        let found: Step = self.receive(within)?;
        if found == step {
            return Ok(());
        }
        let text = format!("{found:?} came in place of {step:?}");
        Err(io::Error::new(io::ErrorKind::InvalidData, text))
    }

    /// Sends lines, of which no other step follows.
    pub(super) fn send_last<T: Serialize>(
        &self,
        lines: impl Iterator<Item = T>,
        within: Duration,
    ) -> io::Result<()> {
        self.stream.set_write_timeout(Some(within))?;
        let mut out = BufWriter::new(&self.stream);
        for line in lines {
            serde_json::to_writer(&mut out, &line)?;
            out.write_all(b"\n")?;
        }
        out.flush()
    }

    /// Receives lines until the other process ends the connection.
    pub(super) fn receive_last<T: DeserializeOwned>(
        &self,
        within: Duration,
        mut take: impl FnMut(T),
    ) -> io::Result<()> {
        self.stream.set_read_timeout(Some(within))?;
        for line in BufReader::new(&self.stream).lines() {
            take(serde_json::from_str(&line?)?);
        }
        Ok(())
    }

    /// Sends one socket, with one byte.
    pub(super) fn send_socket(&mut self, socket: BorrowedFd<'_>) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let sockets = [socket];
        // The space is for one.
        let _ = control.push(SendAncillaryMessage::ScmRights(&sockets));
        let byte = [IoSlice::new(b"s")];
        match sendmsg(&self.stream, &byte, &mut control, SendFlags::NOSIGNAL)? {
            1 => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }

    /// Receives one socket, with its byte.
    pub(super) fn receive_socket(&mut self) -> io::Result<OwnedFd> {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let mut bytes = [IoSliceMut::new(&mut byte)];
        recvmsg(
            &self.stream,
            &mut bytes,
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        let sockets = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut sockets) => sockets.next(),
            _ => None,
        });
        sockets.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}
