//! A connection of the load generator.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::error::{Result, While};
use crate::response::Reader;

/// Where load goes.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }
}

/// An open connection that does not block, and the answer that comes over it.
#[derive(Debug)]
pub(crate) struct Connection {
    transport: Transport,
    pub(crate) reader: Reader,
    /// When the request under way was sent, on the generator's clock.
    pub(crate) sent_at: Duration,
}

#[derive(Debug)]
enum Transport {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Connection {
    /// Connects, hands shaken.
    ///
    /// # Errors
    /// Where the server does not accept it.
    pub(crate) fn open(endpoint: &Endpoint) -> Result<Self> {
        let address = endpoint.address;
        let stream = TcpStream::connect(address).while_doing(address)?;
        stream.set_nodelay(true).while_doing(address)?;
        let transport = match &endpoint.tls {
            None => Transport::Plain(stream),
            Some(config) => {
                let name = ServerName::from(address.ip());
                let session = ClientConnection::new(Arc::clone(config), name);
                let mut stream = StreamOwned::new(session.while_doing("TLS")?, stream);
                let (session, socket) = (&mut stream.conn, &mut stream.sock);
                session.complete_io(socket).while_doing("TLS")?;
                Transport::Tls(Box::new(stream))
            }
        };
        let connection = Self {
            transport,
            reader: Reader::default(),
            sent_at: Duration::ZERO,
        };
        connection
            .socket()
            .set_nonblocking(true)
            .while_doing(address)?;
        Ok(connection)
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        match &self.transport {
            Transport::Plain(stream) => stream,
            Transport::Tls(stream) => &stream.sock,
        }
    }

    /// Writes a whole request. One is so short that it never waits for room.
    ///
    /// # Errors
    /// Those of the connection.
    pub(crate) fn send(&mut self, request: &[u8]) -> io::Result<()> {
        match &mut self.transport {
            Transport::Plain(stream) => stream.write_all(request),
            Transport::Tls(stream) => {
                stream.write_all(request)?;
                stream.flush()
            }
        }
    }

    /// Reads what is there, until the answer is whole; true when it is.
    ///
    /// # Errors
    /// Those of the connection, its end, and what is no HTTP.
    pub(crate) fn receive(&mut self) -> Result<bool, String> {
        loop {
            let reader = &mut self.reader;
            let (read, drained) = match &mut self.transport {
                // What comes after a short read is told by another event.
                Transport::Plain(stream) => (reader.read_from(stream), !reader.is_full()),
                // More may lie decrypted already, of which the socket says nothing.
                Transport::Tls(stream) => (reader.read_from(stream), false),
            };
            match read {
                Ok(0) => return Err("the server closed the connection".to_owned()),
                Ok(_) if reader.answer()?.is_some() => return Ok(true),
                Ok(_) if drained => return Ok(false),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

/// Asks once over a connection of its own and waits for the answer: `use_it` sees it.
///
/// # Errors
/// Those of the connection, and what is no HTTP.
pub(crate) fn ask_once<T>(
    address: SocketAddr,
    request: &[u8],
    use_it: impl FnOnce(&crate::response::Answer<'_>) -> T,
) -> Result<T> {
    let mut stream = TcpStream::connect(address).while_doing(address)?;
    ask(&mut stream, request, use_it)
}

/// Asks over a blocking connection.
///
/// # Errors
/// As [`ask_once`].
pub(crate) fn ask<T>(
    stream: &mut (impl Read + Write),
    request: &[u8],
    use_it: impl FnOnce(&crate::response::Answer<'_>) -> T,
) -> Result<T> {
    stream.write_all(request).while_doing("sending")?;
    let mut reader = Reader::default();
    loop {
        if reader.read_from(stream).while_doing("reading")? == 0 {
            return Err(crate::error::BenchError::new("no answer"));
        }
        if let Some(answer) = reader.answer().while_doing("reading")? {
            return Ok(use_it(&answer));
        }
    }
}
