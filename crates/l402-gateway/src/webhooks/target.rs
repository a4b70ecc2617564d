//! A target with everything that a delivery to it takes.

use core::fmt;
use std::sync::Arc;

use l402_host::private;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::signature::Secret;
use crate::certificate::{certificates, provider};
use crate::config::{SecretPlace, WebhookTarget, WebhooksSettings};
use crate::{GatewayError, GatewayErrorKind};

/// A target whose secret has been read.
pub(crate) struct Target {
    pub(super) settings: WebhookTarget,
    pub(super) secret: Secret,
    /// The name in the file of deliveries and in the log. It does not show the path of the URL, which
    /// may be a secret.
    pub(super) name: String,
    pub(super) tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Target {
    /// Returns true if the two are served in the same way.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        // A certificate file may have been replaced, so one with a file is opened anew.
        self.settings.ca.is_none()
            && (&self.settings, &self.secret) == (&other.settings, &other.secret)
    }
}

/// Returns the name of a target: its origin, and a hash of the whole URL.
pub(super) fn name(settings: &WebhookTarget) -> String {
    let hash = Sha256::digest(settings.url.url().as_str().as_bytes());
    format!("{}#{}", settings.url, hex::encode(&hash[..6]))
}

/// Reads the secrets and certificates of all targets. Connects to nothing.
///
/// # Errors
/// The first secret or certificate that cannot be used, with its key and the fix.
pub(crate) fn open_targets(settings: &WebhooksSettings) -> Result<Vec<Arc<Target>>, GatewayError> {
    let all = settings.targets.iter().enumerate();
    all.map(|(index, settings)| open(index, settings).map(Arc::new))
        .collect()
}

/// Returns what is wrong with the secret or the certificate of each target.
pub(crate) fn faults(settings: &WebhooksSettings) -> Vec<String> {
    let all = settings.targets.iter().enumerate();
    all.filter_map(|(index, settings)| open(index, settings).err())
        .map(|error| error.to_string())
        .collect()
}

/// Opens one target, whose place in the configuration is `index`.
pub(super) fn open(index: usize, settings: &WebhookTarget) -> Result<Target, GatewayError> {
    let secret = secret(&settings.secret).map_err(|why| {
        let text = format!("webhook[{index}]: the secret in {} {why}", settings.secret);
        GatewayError::new(GatewayErrorKind::Configuration, text)
    })?;
    Ok(Target {
        secret,
        name: name(settings),
        tls: tls(index, settings)?,
        settings: settings.clone(),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the operator's own file names the variable"
)]
fn secret(place: &SecretPlace) -> Result<Secret, String> {
    let text = match place {
        SecretPlace::Environment(name) => Zeroizing::new(std::env::var(name).map_err(|_| {
            "is not there: set the variable, or name a file (secret_file)".to_owned()
        })?),
        SecretPlace::File(path) => {
            let bytes = private::read(path).map_err(|error| format!("cannot be read: {error}"))?;
            let text = core::str::from_utf8(&bytes);
            let text = text.map_err(|_| "is no text; it is one line: whsec_…".to_owned())?;
            Zeroizing::new(text.to_owned())
        }
    };
    Secret::read(&text).map_err(str::to_owned)
}

fn tls(
    index: usize,
    settings: &WebhookTarget,
) -> Result<Option<(TlsConnector, ServerName<'static>)>, GatewayError> {
    if !settings.url.is_https() {
        return Ok(None);
    }
    let unusable = |why: String| {
        let text = format!("webhook[{index}]: {why}");
        GatewayError::new(GatewayErrorKind::Configuration, text)
    };
    let mut roots = RootCertStore::empty();
    match &settings.ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            for certificate in certificates(path)? {
                roots
                    .add(certificate)
                    .map_err(|error| unusable(format!("ca: {error}")))?;
            }
        }
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let host = settings.url.url().host_str().unwrap_or_default();
    // An IPv6 address has brackets in a URL, and none in a certificate.
    let host = host.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host).map_err(|error| unusable(error.to_string()))?;
    Ok(Some((TlsConnector::from(Arc::new(config)), name)))
}
