//! Ending tokens before their time: the question before it, and the words about it. The rules are the
//! gateway's.

mod question;
pub(crate) mod report;

pub(crate) use l402_gateway::{
    ToRevoke as What, TokensEnded as Done, all_revocations as all, payment_hash_of as payment_hash,
    revoke, token_id_of as token_id,
};
pub(crate) use question::{question, time};
