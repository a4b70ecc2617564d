//! The hash of the passphrase: argon2id, in the form of a PHC string.

#[cfg(feature = "mcp")]
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
#[cfg(feature = "mcp")]
use argon2::{Algorithm, Argon2, Params, Version};

use crate::error::CliError;

/// The memory of one hash in KiB, the passes over it, and the lanes. It is asked for rarely, and a program
/// of the same user can read the hash and guess without being counted: memory and passes are those that
/// RFC 9106 names for machines with little memory, in one lane.
#[cfg(feature = "mcp")]
const COST: (u32, u32, u32) = (65_536, 3, 1);

/// Returns the hash of a passphrase with a new salt. Takes a tenth of a second.
///
/// # Errors
/// If the system has no randomness.
#[cfg(feature = "mcp")]
pub(super) fn of(passphrase: &str) -> Result<String, CliError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(CliError::internal)?;
    let salt = SaltString::encode_b64(&salt).map_err(CliError::internal)?;
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).map_err(CliError::internal)?;
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = hasher.hash_password(passphrase.as_bytes(), &salt);
    Ok(hash.map_err(CliError::internal)?.to_string())
}

/// Returns true if a passphrase has this hash. Takes a tenth of a second.
///
/// # Errors
/// If the hash is none.
#[cfg(feature = "mcp")]
pub(super) fn verifies(hash: &str, passphrase: &str) -> Result<bool, CliError> {
    let hash = PasswordHash::new(hash)
        .map_err(|error| CliError::local_io(format!("the hash of the passphrase: {error}")))?;
    let verified = Argon2::default().verify_password(passphrase.as_bytes(), &hash);
    Ok(verified.is_ok())
}

/// Refuses every passphrase: this build cannot check one.
#[cfg(not(feature = "mcp"))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "the same shape as with the feature"
)]
pub(super) fn verifies(_hash: &str, _passphrase: &str) -> Result<bool, CliError> {
    Ok(false)
}

#[cfg(all(test, feature = "mcp"))]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_its_passphrase_and_never_the_same_twice() {
        let hash = of("correct horse").unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=65536,t=3,p=1$"),
            "{hash}"
        );
        assert!(!hash.contains("horse"));
        assert!(verifies(&hash, "correct horse").unwrap());
        for wrong in ["", "correct horse ", "Correct horse"] {
            assert!(!verifies(&hash, wrong).unwrap(), "{wrong}");
        }
        assert_ne!(of("correct horse").unwrap(), hash);
        assert!(verifies("plain", "plain").is_err());
    }
}
