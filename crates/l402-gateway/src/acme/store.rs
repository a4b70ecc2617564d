//! The files: the account's key, and the certificate with its key. Only their owner can read them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use instant_acme::AccountCredentials;
use l402_host::{FileError, private};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::certificate::provider;
use crate::config::AcmeSettings;

/// The folder of the home.
const FOLDER: &str = "acme";

/// The files of one authority and one set of names.
#[derive(Debug)]
pub(super) struct Store {
    account: PathBuf,
    certificate: PathBuf,
}

/// A certificate with its key, and its time.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) certified: Arc<CertifiedKey>,
    /// Seconds since 1970.
    pub(super) begins: u64,
    pub(super) ends: u64,
}

impl Store {
    /// Makes the folder, if it is missing.
    pub(super) fn open(home: &Path, settings: &AcmeSettings) -> Result<Self, FileError> {
        let folder = home.join(FOLDER);
        private::create_folder(&folder)?;
        let authority = settings.directory.as_str();
        // Other names, or another kind, are another certificate: what is stored must be all that is
        // wanted.
        let mut names = settings.domains.clone();
        names.sort();
        let profile = settings.profile.as_deref().unwrap_or_default();
        let all = [authority, profile, &names.join(",")];
        Ok(Self {
            account: folder.join(format!("account-{}.json", number(&[authority]))),
            certificate: folder.join(format!("certificate-{}.pem", number(&all))),
        })
    }

    /// Reads the account; `None` if there is none.
    ///
    /// # Errors
    /// It is there and cannot be used. The text names the file.
    pub(super) fn account(&self) -> Result<Option<AccountCredentials>, String> {
        if !self.account.exists() {
            return Ok(None);
        }
        let bytes = private::read(&self.account).map_err(|error| error.to_string())?;
        // The error of the parser may show what it has read.
        let read = serde_json::from_slice(&bytes).map_err(|_| {
            let path = self.account.display();
            format!("{path} is damaged; remove it, and another account is made")
        })?;
        Ok(Some(read))
    }

    pub(super) fn keep_account(&self, account: &AccountCredentials) -> Result<(), String> {
        let bytes = serde_json::to_vec(account).map(zeroize::Zeroizing::new);
        let bytes = bytes.map_err(|error| error.to_string())?;
        private::replace(&self.account, &bytes).map_err(|error| error.to_string())
    }

    /// Forgets an account that the authority does not know any more.
    pub(super) fn forget_account(&self) {
        let _ = std::fs::remove_file(&self.account);
    }

    /// Reads the certificate; `None` if there is none that can be used.
    pub(super) fn certificate(&self) -> Option<Kept> {
        if !self.certificate.exists() {
            return None;
        }
        let read = private::read(&self.certificate).map_err(|error| error.to_string());
        let read = read.and_then(|pem| Kept::from_pem(&pem));
        let path = self.certificate.display();
        read.inspect_err(|error| tracing::warn!(error, "cannot use {path}: another is ordered"))
            .ok()
    }

    /// Stores key and chain (PEM) in one file, so that they always belong together.
    pub(super) fn keep_certificate(&self, pem: &[u8]) -> Result<(), String> {
        private::replace(&self.certificate, pem).map_err(|error| error.to_string())
    }
}

impl Kept {
    /// Reads key and chain.
    pub(super) fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let chain = chain.map_err(|error| error.to_string())?;
        let first = chain.first().ok_or("no certificate is in it")?;
        let (_, parsed) = X509Certificate::from_der(first).map_err(|error| error.to_string())?;
        let time = |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp());
        let validity = parsed.validity();
        let (begins, ends) = (time(validity.not_before), time(validity.not_after));
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| error.to_string())?;
        let certified = CertifiedKey::from_der(chain, key, &provider());
        Ok(Self {
            certified: Arc::new(certified.map_err(|error| error.to_string())?),
            begins: begins.unwrap_or_default(),
            ends: ends.unwrap_or_default(),
        })
    }

    /// Returns the time at which it is to be renewed, in seconds since 1970: a third of its own is
    /// left then, for an authority that does not answer.
    pub(super) fn renewal(&self) -> u64 {
        let lasts = self.ends.saturating_sub(self.begins);
        self.begins.saturating_add(lasts - lasts / 3)
    }
}

/// Returns a short name for some texts.
fn number(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.as_bytes());
        hash.update([0]);
    }
    hex::encode(&hash.finalize()[..8])
}
