//! Tokens: macaroons, the caveats in them, the keys that sign them, minting and verifying.

mod caveat;
mod genuine;
mod hmac;
mod identifier;
pub mod inspect;
mod key;
mod macaroon;
mod mint;
mod pass_key;
mod policy;
mod service;
mod verify;

pub use caveat::{Condition, Conditions};
pub use genuine::{GenuineToken, SettledPayment};
pub(crate) use hmac::hmac_sha256;
pub use identifier::{Identifier, IdentifierError, KeyNumber, TokenId};
pub use key::{KeyError, KeyRing, MasterKey, RootKey};
pub use macaroon::{Macaroon, MacaroonError};
pub use mint::{MintError, Terms, mint};
pub use pass_key::PassKey;
pub use policy::{Policy, PolicyError};
pub use service::{Service, ServiceError};
pub(crate) use verify::unknown_key;
pub use verify::{Authorized, Capability, Proven, Target, UnknownCaveats, VerifyError};
