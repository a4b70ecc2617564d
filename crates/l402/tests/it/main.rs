//! The public API against the shared vectors.

mod attenuation;
mod credential_forms;
mod vectors_challenge;
mod vectors_flow;
mod vectors_macaroon;
mod vectors_payment;
