//! A server that answers with any bytes, and writes down what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

type Answer = Arc<dyn Fn(&str) -> Vec<u8> + Send + Sync>;

/// A server on a port of its own, which runs until the test's runtime ends.
#[derive(Clone)]
pub(crate) struct RawServer {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl RawServer {
    /// Starts a server on 127.0.0.1 that makes its answer from the text of a request.
    pub(crate) async fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let any = "127.0.0.1:0".parse().expect("an address");
        Self::start_at(any, answer).await.expect("a port")
    }

    /// Starts a server on this address, if it is free.
    pub(crate) async fn start_at(
        address: SocketAddr,
        answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
    ) -> Option<Self> {
        Self::listen(address, None, Arc::new(answer)).await
    }

    /// Starts a server of https for a name. Returns it with the certificate of the authority.
    pub(crate) async fn start_tls(
        name: &str,
        days: i64,
        answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
    ) -> (Self, Vec<u8>) {
        let any = "127.0.0.1:0".parse().expect("an address");
        Self::start_tls_at(any, name, days, answer).await
    }

    /// Starts a server of https at this address, which must be free.
    pub(crate) async fn start_tls_at(
        address: SocketAddr,
        name: &str,
        days: i64,
        answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
    ) -> (Self, Vec<u8>) {
        let (acceptor, root) = acceptor(name, days);
        let server = Self::listen(address, Some(acceptor), Arc::new(answer)).await;
        (server.expect("a port"), root)
    }

    async fn listen(address: SocketAddr, tls: Option<TlsAcceptor>, answer: Answer) -> Option<Self> {
        let listener = TcpListener::bind(address).await.ok()?;
        let server = Self {
            address: listener.local_addr().expect("an address"),
            requests: Arc::default(),
        };
        let requests = Arc::clone(&server.requests);
        tokio::spawn(async move {
            while let Ok((socket, _peer)) = listener.accept().await {
                let (answer, requests, tls) = (answer.clone(), requests.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(socket, &answer, &requests).await,
                        Some(tls) => match tls.accept(socket).await {
                            Ok(socket) => serve(socket, &answer, &requests).await,
                            Err(_) => requests.lock().expect("a lock").push("no TLS".to_owned()),
                        },
                    }
                });
            }
        });
        Some(server)
    }

    /// Returns the URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns the requests so far, a connection without one included.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("a lock").clone()
    }
}

async fn serve(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    answer: &Answer,
    requests: &Mutex<Vec<String>>,
) {
    let mut head = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = socket.read(&mut piece).await {
        head.extend_from_slice(&piece[..read]);
        if head.windows(4).any(|four| four == b"\r\n\r\n") {
            break;
        }
    }
    let request = String::from_utf8_lossy(&head).into_owned();
    requests.lock().expect("a lock").push(request.clone());
    // Who asks may have gone.
    let _gone = socket.write_all(&answer(&request)).await;
    let _gone = socket.shutdown().await;
}

/// Returns the bytes of an answer.
pub(crate) fn answer(status: u16, head: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{head}\r\n{body}").into_bytes()
}

/// Returns the path of a request.
pub(crate) fn path(request: &str) -> &str {
    request.split(' ').nth(1).unwrap_or_default()
}

fn acceptor(name: &str, days: i64) -> (TlsAcceptor, Vec<u8>) {
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new([]).expect("parameters");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = authority.self_signed(&authority_key).expect("a root");
    let issuer = rcgen::Issuer::from_params(&authority, &authority_key);
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new([name.to_owned()]).expect("parameters");
    let now = time::OffsetDateTime::now_utc();
    params.not_before = now - time::Duration::days(2);
    params.not_after = now + time::Duration::days(days);
    let certificate = params.signed_by(&key, &issuer).expect("a certificate");
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
        );
    let acceptor = TlsAcceptor::from(Arc::new(config.expect("a configuration")));
    (acceptor, root.der().to_vec())
}
