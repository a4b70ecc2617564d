//! One order: an account, a proof for each name, and a certificate.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, Challenge, ChallengeType, Error, Identifier, NewAccount,
    NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use super::http::Http;
use super::store::{Kept, Store};
use crate::certificate::provider;
use crate::config::AcmeSettings;
use crate::listen::Issued;

/// The waits for the authority, which looks at each name from several places.
const WAITS: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(500))
    .backoff(1.5)
    .timeout(Duration::from_secs(180));

/// The error of an authority that has lost the account, as one for trials may.
const UNKNOWN_ACCOUNT: &str = "urn:ietf:params:acme:error:accountDoesNotExist";

/// The way to the authority.
#[derive(Debug)]
pub(super) struct Orders {
    settings: AcmeSettings,
    http: Http,
}

impl Orders {
    pub(super) fn new(settings: AcmeSettings, http: Http) -> Self {
        Self { settings, http }
    }

    /// The names that are ordered.
    pub(super) fn domains(&self) -> &[String] {
        &self.settings.domains
    }

    /// Orders a certificate, stores it if that is possible, and returns it. The proofs are shown by `issued` meanwhile.
    ///
    /// # Errors
    /// The reason, with what the authority says of it.
    pub(super) async fn order(&self, store: &Store, issued: &Issued) -> Result<Kept, String> {
        let mut ordered = self.order_as(&self.account(store).await?, issued).await;
        if ordered.as_ref().is_err_and(is_unknown_account) {
            // It was made at the same address, for an authority that begins anew now and then.
            store.forget_account();
            ordered = self.order_as(&self.account(store).await?, issued).await;
        }
        let pem = ordered.map_err(|error| error.to_string())?;
        keep(store, pem.as_bytes())
    }

    /// Returns the account at the authority, and makes it at the first order.
    async fn account(&self, store: &Store) -> Result<Account, String> {
        let builder = Account::builder_with_http(Box::new(self.http.clone()));
        if let Some(credentials) = store.account()? {
            let account = builder.from_credentials(credentials).await;
            return account.map_err(|error| error.to_string());
        }
        let mail = self.settings.email.iter();
        let contact: Vec<String> = mail.map(|email| format!("mailto:{email}")).collect();
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let new = NewAccount {
            contact: &contact,
            // The configuration is refused without `agree = true`.
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let directory = self.settings.directory.to_string();
        let made = builder.create(&new, directory, None).await;
        let (account, credentials) = made.map_err(|error| error.to_string())?;
        store.keep_account(&credentials)?;
        Ok(account)
    }

    /// Orders with an account, and shows no proof afterwards.
    async fn order_as(
        &self,
        account: &Account,
        issued: &Issued,
    ) -> Result<Zeroizing<String>, Error> {
        let ordered = self.order_by(account, issued).await;
        issued.set_challenges(HashMap::new());
        ordered
    }

    /// Returns the key and the chain (PEM).
    async fn order_by(
        &self,
        account: &Account,
        issued: &Issued,
    ) -> Result<Zeroizing<String>, Error> {
        let names = self.settings.domains.iter().cloned().map(Identifier::Dns);
        let names: Vec<Identifier> = names.collect();
        let mut new = NewOrder::new(&names);
        if let Some(profile) = &self.settings.profile {
            new = new.profile(profile);
        }
        let mut order = account.new_order(&new).await?;
        prove(&mut order, issued).await?;
        if order.poll_ready(&WAITS).await? != OrderStatus::Ready {
            return Err(refused(&mut order).await);
        }
        let mut pem = Zeroizing::new(order.finalize().await?);
        pem.push_str(&order.poll_certificate(&WAITS).await?);
        Ok(pem)
    }
}

/// Stores a certificate with its key (PEM), and returns it.
fn keep(store: &Store, pem: &[u8]) -> Result<Kept, String> {
    let kept = Kept::from_pem(pem)?;
    if let Err(error) = store.keep_certificate(pem) {
        // Another order would meet the same disk, and authorities allow few orders of the same names.
        tracing::error!(
            error,
            "the certificate is served, but could not be stored: after a restart another is ordered"
        );
    }
    Ok(kept)
}

fn is_unknown_account(error: &Error) -> bool {
    matches!(error, Error::Api(problem) if problem.r#type.as_deref() == Some(UNKNOWN_ACCOUNT))
}

/// Shows the authority a proof for each name that it has not seen one for.
async fn prove(order: &mut Order, issued: &Issued) -> Result<(), Error> {
    let mut proofs = HashMap::new();
    let mut all = order.authorizations();
    while let Some(authorization) = all.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let challenge = authorization.challenge(ChallengeType::TlsAlpn01);
        let mut challenge = challenge.ok_or(Error::Unsupported("proofs by TLS-ALPN-01"))?;
        let name = challenge.identifier().to_string().to_ascii_lowercase();
        let digest = challenge.key_authorization().digest();
        let proof = proof(&name, digest.as_ref());
        proofs.insert(name, proof.map_err(|error| Error::Other(error.into()))?);
        // Before the authority is told: it may look at once.
        issued.set_challenges(proofs.clone());
        challenge.set_ready().await?;
    }
    Ok(())
}

/// Makes the certificate that proves a name (RFC 8737 section 3).
fn proof(name: &str, digest: &[u8]) -> Result<Arc<CertifiedKey>, String> {
    let made = CertificateParams::new(vec![name.to_owned()]).and_then(|mut params| {
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        let key = KeyPair::generate()?;
        Ok((params.self_signed(&key)?, key))
    });
    let (certificate, key) = made.map_err(|error| error.to_string())?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let chain = vec![certificate.der().clone()];
    // Without a look at whether both belong together: it would stop at the extension, which is critical.
    let key = provider().key_provider.load_private_key(key);
    let key = key.map_err(|error| error.to_string())?;
    Ok(Arc::new(CertifiedKey::new(chain, key)))
}

/// Returns the reason why the authority has refused an order, which it tells of each name.
async fn refused(order: &mut Order) -> Error {
    let mut all = order.authorizations();
    while let Some(Ok(mut authorization)) = all.next().await {
        if authorization.refresh().await.is_err() {
            continue;
        }
        let name = authorization.identifier().to_string();
        let mut challenges = authorization.challenges.iter();
        let why = challenges.find_map(|challenge: &Challenge| challenge.error.as_ref());
        if let Some(why) = why {
            return Error::Other(format!("{name}: {why}").into());
        }
    }
    Error::Other("the order was refused without a reason".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_cannot_be_stored_is_served() {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["shop.example".to_owned()]).unwrap();
        let pem = key.serialize_pem() + &params.self_signed(&key).unwrap().pem();
        let settings = AcmeSettings {
            domains: vec!["shop.example".to_owned()],
            email: None,
            directory: "https://authority.example/".parse().unwrap(),
            profile: None,
            ca: None,
        };
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path(), &settings).unwrap();
        assert!(keep(&store, pem.as_bytes()).is_ok());
        assert!(store.certificate().is_some());
        // As with a disk that is full, or mounted to be read alone.
        let folder = home.path().join("acme");
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::write(&folder, "").unwrap();
        assert!(store.keep_certificate(pem.as_bytes()).is_err());
        assert!(keep(&store, pem.as_bytes()).is_ok());
        assert!(keep(&store, b"no certificate").is_err());
    }
}
