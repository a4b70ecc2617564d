//! The keys of listings that are owned, and claims that wait for their proof, in the home folder.
//!
//! ```text
//!   registry-owner/<host of the registry>/<name of the listing>.key     64 hex digits
//!                                         <name of the listing>.claim   the open claim, with its key
//! ```

use std::path::PathBuf;

use l402_host::{FileError, FileFault, private};
use l402_registry::ListingId;
use serde_json::{Value, json};

use super::client::RegistryClient;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;

/// The key by which a registry knows an owner. Never shown by `Debug`.
pub(crate) struct OwnerKey(String);

impl std::fmt::Debug for OwnerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OwnerKey(..)")
    }
}

impl OwnerKey {
    /// Reads a key from its text.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_key = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_key.then(|| Self(text.to_ascii_lowercase()))
    }

    /// Returns the 64 hex digits.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

/// A claim that waits for its proof.
#[derive(Debug)]
pub(super) struct OpenClaim {
    /// The name of the claim.
    pub(super) nonce: String,
    /// The key that becomes the owner's.
    pub(super) key: OwnerKey,
    /// `file`, `dns` or `node`.
    pub(super) proof: String,
}

/// The place of the keys of one listing.
pub(super) struct KeyPlace {
    folder: PathBuf,
    name: String,
}

impl KeyPlace {
    /// Returns the place for a listing of this registry.
    pub(super) fn of(client: &RegistryClient, id: ListingId, context: &Context) -> Self {
        let host = client.authority().replace([':', '[', ']'], "_");
        let folder = context.home.path().join("registry-owner").join(host);
        let name = id.to_string();
        Self { folder, name }
    }

    /// Returns the file of the key.
    pub(super) fn key_file(&self) -> PathBuf {
        self.folder.join(format!("{}.key", self.name))
    }

    fn claim_file(&self) -> PathBuf {
        self.folder.join(format!("{}.claim", self.name))
    }

    fn create(&self, context: &Context) -> Result<(), CliError> {
        let above = context.home.create()?.join("registry-owner");
        private::create_folder(&above).map_err(|error| failed(&error))?;
        private::create_folder(&self.folder).map_err(|error| failed(&error))
    }

    /// Keeps a key.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn keep(&self, key: &OwnerKey, context: &Context) -> Result<(), CliError> {
        self.create(context)?;
        let text = format!("{}\n", key.reveal());
        private::replace(&self.key_file(), text.as_bytes()).map_err(|error| failed(&error))
    }

    /// Returns the key of the owner.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub(super) fn key(&self) -> Result<OwnerKey, CliError> {
        let file = self.key_file();
        let bytes = match private::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if is_missing(&error) => {
                let text = "this home does not own the listing: there is no key for it";
                return Err(
                    CliError::new(exit_code::REGISTRY_REFUSED, "not_owner", text).with_hint(
                        "`l402 registry claim URL` makes you the owner, and `l402 registry own URL \
                         --key-file FILE` takes over a key",
                    ),
                );
            }
            Err(error) => return Err(failed(&error)),
        };
        let key = std::str::from_utf8(&bytes).ok().and_then(OwnerKey::read);
        key.ok_or_else(|| CliError::local_io(format!("{} holds no key", file.display())))
    }

    /// Forgets the key.
    ///
    /// # Errors
    /// If the file cannot be removed.
    pub(super) fn forget(&self) -> Result<(), CliError> {
        match std::fs::remove_file(self.key_file()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let file = self.key_file();
                let text = format!("{} cannot be removed: {error}", file.display());
                Err(CliError::local_io(text))
            }
            _ => Ok(()),
        }
    }

    /// Keeps an open claim.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn keep_claim(&self, claim: &OpenClaim, context: &Context) -> Result<(), CliError> {
        self.create(context)?;
        let value = json!({
            "nonce": claim.nonce, "key": claim.key.reveal(), "proof": claim.proof,
        });
        let text = format!("{value}\n");
        private::replace(&self.claim_file(), text.as_bytes()).map_err(|error| failed(&error))
    }

    /// Returns the open claim.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub(super) fn claim(&self) -> Result<OpenClaim, CliError> {
        let bytes = match private::read(&self.claim_file()) {
            Ok(bytes) => bytes,
            Err(error) if is_missing(&error) => {
                let text = "this home has begun no claim of this listing at this registry";
                return Err(CliError::usage(text)
                    .with_hint("begin one without --finish: `l402 registry claim URL`"));
            }
            Err(error) => return Err(failed(&error)),
        };
        let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let read = || {
            Some(OpenClaim {
                nonce: text("nonce")?,
                key: OwnerKey::read(&text("key")?)?,
                proof: text("proof")?,
            })
        };
        let file = self.claim_file();
        read().ok_or_else(|| CliError::local_io(format!("{} holds no claim", file.display())))
    }

    /// Makes the key of an open claim the owner's.
    ///
    /// # Errors
    /// If the key cannot be written.
    pub(super) fn claimed(&self, claim: &OpenClaim, context: &Context) -> Result<(), CliError> {
        self.keep(&claim.key, context)?;
        // One that stays is void at the registry.
        let _ = std::fs::remove_file(self.claim_file());
        Ok(())
    }
}

fn is_missing(error: &FileError) -> bool {
    matches!(error.fault(), FileFault::System(error) if error.kind() == std::io::ErrorKind::NotFound)
}

fn failed(error: &FileError) -> CliError {
    let (exit, code) = exit_code::of_file(error.fault());
    CliError::new(exit, code, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::HomeFolder;

    #[test]
    fn a_claim_becomes_a_key_that_nobody_else_can_read() {
        let folder = tempfile::tempdir().unwrap();
        let home = HomeFolder::choose(Some(folder.path().join("home"))).unwrap();
        let context = Context::new("l402".to_owned(), home);
        let client = RegistryClient::open(&"http://127.0.0.1:8406".parse().unwrap()).unwrap();
        let id = "0123456789abcdef".parse().unwrap();
        let place = KeyPlace::of(&client, id, &context);
        assert!(place.key().is_err() && place.claim().is_err());
        let claim = OpenClaim {
            nonce: "127.0.0.1:8406:00".to_owned(),
            key: OwnerKey::read(&"AB".repeat(32)).unwrap(),
            proof: "file".to_owned(),
        };
        place.keep_claim(&claim, &context).unwrap();
        let read = place.claim().unwrap();
        assert_eq!((&read.nonce, &read.proof), (&claim.nonce, &claim.proof));
        assert!(!format!("{read:?}").contains("abab"));
        place.claimed(&read, &context).unwrap();
        assert_eq!(place.key().unwrap().reveal(), "ab".repeat(32));
        assert!(place.claim().is_err());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(place.key_file()).unwrap().permissions();
            assert_eq!(mode.mode() & 0o777, 0o600);
        }
        place.forget().unwrap();
        assert!(place.key().is_err());
    }
}
