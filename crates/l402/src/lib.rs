//! The L402 protocol: an HTTP server answers `402 Payment Required` with a token and a Lightning
//! invoice, the client pays the invoice, and sends the token back with the proof of payment.
//!
//! # What this crate does not do
//!
//! No socket, no file, no clock, no randomness, no async. It opens no connection, pays nothing
//! and stores nothing. You hand it header values, the current time and fresh random bytes; it
//! hands back values and verdicts. Hosts for it are the crates `l402-server` (a tower layer),
//! `l402-gateway` (a reverse proxy) and `l402-client`.
//!
//! Uses are not counted either. A token that is good for one answer only *states* so
//! ([`Authorized::policy`]). Enforcing the count takes a ledger, which the server keeps.
//!
//! # The handshake
//!
//! ```text
//!  client                                             server
//!    |  GET /joke                                        |
//!    |-------------------------------------------------->|  invoice from the Lightning node
//!    |                                                   |  mint(keys, terms, payment hash)
//!    |  402  WWW-Authenticate: L402 macaroon=…,invoice=… |
//!    |<--------------------------------------------------|  Challenge::to_header
//!    |  Challenges::parse                                |
//!    |  pays the invoice, learns the preimage            |
//!    |  GET /joke  Authorization: L402 <token>:<preimage>|
//!    |-------------------------------------------------->|  Credential::from_headers
//!    |                                                   |  prove: hash and signature
//!    |  200                                              |  authorize: every caveat
//!    |<--------------------------------------------------|  => Authorized
//! ```
//!
//! A token is a [`Macaroon`]. Its caveats state what was sold. It is signed by a key that is
//! derived from one master key and the identifier of the token, so that a server stores nothing for
//! clients that never pay. A holder can append caveats and hand on a narrower token. No appended
//! caveat can widen it.
//!
//! # The shortest whole sale
//!
//! ```
//! use l402::{
//!     Credential, KeyNumber, KeyRing, MasterKey, Msat, Network, Policy,
//!     Preimage, Target, Terms, UnixTime, mint, verify,
//! };
//!
//! let key = "5b1fd1bf0c29f3fa9a5fcd9bfc0cf0d4ae0b2c1cd2f7e3ac0c6e1a2f9b3c7d58";
//! let keys = KeyRing::new("my-api", KeyNumber(1), MasterKey::from_hex(key)?);
//! let now = UnixTime::from_secs(1_790_000_000);
//! let terms = Terms {
//!     service: "joke".parse()?,
//!     tier: 0,
//!     capabilities: vec![],
//!     price: Msat::from_sat(50),
//!     policy: Policy::Request,
//!     network: Network::Regtest,
//!     valid_until: UnixTime::from_secs(1_790_086_400),
//!     lookup: None,
//! };
//!
//! // The Lightning node makes the preimage, and the payer of the invoice learns it.
//! let preimage = Preimage::from_bytes([0x2f; 32]);
//! let token = mint(&keys, &terms, preimage.payment_hash(), [7; 30], now)?;
//!
//! // What the buyer sends, and what the server reads.
//! let header = Credential::new(token, preimage).to_header();
//! let headers = [("authorization", header.as_bytes())];
//! let credential = Credential::from_headers(headers)?.expect("there is one");
//!
//! let target = Target::new(&terms.service, Network::Regtest, now);
//! let authorized = verify(&credential, &keys, &target)?;
//! assert_eq!(authorized.price(), Some(Msat::from_sat(50)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! - `bolt11` (default): reading BOLT 11 invoices, in the type `Invoice`. Needs libsecp256k1, and
//!   so a C compiler for the target. Without it the crate builds for `wasm32-unknown-unknown`.
// Nothing that a peer sends may cause a panic, so arithmetic and indexing must be checked here.
// Tests choose their own input.
#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::cast_sign_loss
    )
)]

mod amount;
mod header;
#[cfg(feature = "bolt11")]
mod invoice;
pub mod mpp;
mod network;
mod preimage;
pub mod text;
mod time;
mod token;

pub use amount::{AmountError, Msat};
pub use header::{
    AuthChallenge, Challenge, ChallengeError, Challenges, Credential, CredentialError, HOP_BY_HOP,
    Problem, RetryWith, Scheme, verify,
};
#[cfg(feature = "bolt11")]
pub use invoice::{Invoice, InvoiceError, InvoiceTerms};
pub use network::{Network, NetworkError};
pub use preimage::{HexError, PaymentHash, Preimage};
pub use time::{TimeError, UnixTime};
pub use token::{
    Authorized, Capability, Condition, Conditions, GenuineToken, Identifier, IdentifierError,
    KeyError, KeyNumber, KeyRing, Macaroon, MacaroonError, MasterKey, MintError, PassKey, Policy,
    PolicyError, Proven, RootKey, Service, ServiceError, SettledPayment, Target, Terms, TokenId,
    UnknownCaveats, VerifyError, inspect, mint,
};
