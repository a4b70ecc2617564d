//! The certificate of a handshake: chosen by the name that the client asks for.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The protocol of a handshake by which an authority makes sure that a name leads here (RFC 8737).
pub(crate) const ACME_TLS: &[u8] = b"acme-tls/1";

/// The certificates of TLS towards clients.
#[derive(Debug)]
pub(super) struct Certificates {
    /// Those of the configuration, in its order.
    files: Vec<Arc<CertifiedKey>>,
    /// The first certificate of each name, in lower case. A wildcard begins with `*.`.
    names: HashMap<String, usize>,
    issued: Option<Arc<Issued>>,
}

impl Certificates {
    /// Reads the names that the certificates say of themselves.
    pub(super) fn new(files: Vec<Arc<CertifiedKey>>, issued: Option<Arc<Issued>>) -> Self {
        let mut names = HashMap::new();
        for (index, certified) in files.iter().enumerate() {
            for name in names_of(certified) {
                names.entry(name).or_insert(index);
            }
        }
        Self {
            files,
            names,
            issued,
        }
    }

    /// Returns the certificate for a name in lower case, or for a client that names none.
    fn choose(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let file = |name: &str| {
            self.names
                .get(name)
                .and_then(|index| self.files.get(*index))
        };
        let exact = name.and_then(file).cloned();
        let issued = || self.issued.as_ref().filter(|issued| issued.is_for(name));
        let wildcard = || {
            let (_, parent) = name?.split_once('.')?;
            file(&format!("*.{parent}")).cloned()
        };
        let first = || self.files.first().cloned();
        let chosen = exact.or_else(|| issued()?.certificate());
        let chosen = chosen.or_else(wildcard).or_else(first);
        chosen.or_else(|| self.issued.as_ref()?.certificate())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        let mut protocols = hello.alpn().into_iter().flatten();
        // The authority offers this protocol alone, and must not see the certificate of clients.
        if protocols.next() == Some(ACME_TLS) {
            return self.issued.as_ref()?.challenge(&name?);
        }
        self.choose(name.as_deref())
    }
}

/// Returns the names of a certificate, in lower case; none if it names none or cannot be read.
fn names_of(certified: &CertifiedKey) -> Vec<String> {
    let end = certified.end_entity_cert().ok();
    let parsed = end.and_then(|der| webpki::EndEntityCert::try_from(der).ok());
    let names = parsed.iter().flat_map(|parsed| parsed.valid_dns_names());
    names.map(str::to_ascii_lowercase).collect()
}

/// The certificate that an authority has issued, and the proofs that it asks for. Both change while
/// the gateway serves.
#[derive(Debug)]
pub(crate) struct Issued {
    /// In lower case.
    domains: Vec<String>,
    certificate: ArcSwapOption<CertifiedKey>,
    /// By domain.
    challenges: ArcSwap<HashMap<String, Arc<CertifiedKey>>>,
}

impl Issued {
    /// Begins without a certificate.
    pub(crate) fn new(domains: Vec<String>) -> Self {
        Self {
            domains,
            certificate: ArcSwapOption::empty(),
            challenges: ArcSwap::default(),
        }
    }

    fn is_for(&self, name: Option<&str>) -> bool {
        name.is_some_and(|name| self.domains.iter().any(|domain| domain == name))
    }

    fn certificate(&self) -> Option<Arc<CertifiedKey>> {
        self.certificate.load_full()
    }

    fn challenge(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        self.challenges.load().get(name).cloned()
    }

    /// Serves another certificate from the next handshake on.
    #[cfg_attr(
        not(feature = "acme"),
        expect(dead_code, reason = "there is no client")
    )]
    pub(crate) fn set_certificate(&self, certificate: Arc<CertifiedKey>) {
        self.certificate.store(Some(certificate));
    }

    /// Shows the authority these proofs from now on, by domain, and no others.
    #[cfg_attr(
        not(feature = "acme"),
        expect(dead_code, reason = "there is no client")
    )]
    pub(crate) fn set_challenges(&self, challenges: HashMap<String, Arc<CertifiedKey>>) {
        self.challenges.store(Arc::new(challenges));
    }
}
