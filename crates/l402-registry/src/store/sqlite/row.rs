//! A listing as a row, and back.

use l402::{Msat, Network, PaymentHash, UnixTime};
use rusqlite::Row;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::listing::{
    CanonicalUrl, Evidence, Form, Health, Hidden, Listing, ListingId, Observed, Owner, OwnerProof,
    PaidProbe, Reason, ReviewCount, State, Uptime, Words, WordsFrom,
};
use crate::store::StoreError;

/// The columns of a whole listing, for `FROM listings JOIN details USING (n)`.
pub(super) const LISTING: &str = "SELECT listings.*, details.words, details.seen \
    FROM listings JOIN details USING (n)";

/// The part of [`Observed`] that nothing is found or sorted by.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct SeenText {
    pub(super) expiry_secs: Option<u64>,
    pub(super) payment_hash: Option<String>,
    pub(super) hash_matches: Option<bool>,
    pub(super) tls_until: Option<u64>,
    pub(super) evidence: Evidence,
}

/// Reads a whole listing.
pub(super) fn listing(row: &Row<'_>) -> Result<Listing, StoreError> {
    Ok(Listing {
        id: ListingId::from_bytes(row.get("id")?),
        url: url(row)?,
        method: row.get("method")?,
        words: json::<Words>(&row.get::<_, String>("words")?)?,
        words_from: words_from(row.get("words_from")?)?,
        owner: owner(row)?,
        // Negative in the file, so that the newest comes first in the ascending order of the index.
        added: time(-row.get::<_, i64>("by_newest")?),
        changed: time(row.get("changed")?),
        hidden: hidden(row)?,
        no_probe: row.get::<_, bool>("no_probe_said")? || row.get::<_, bool>("no_probe_seen")?,
        health: health(row)?,
        observed: observed(row)?,
        uptime: Uptime {
            day: row.get("up_day")?,
            week: row.get("up_week")?,
            month: key(row, "by_uptime")?.and_then(|down| u16::try_from(1000 - down).ok()),
        },
        paid: paid(row)?,
        reviews: ReviewCount {
            count: row.get("review_count")?,
            stars: row.get("review_stars")?,
        },
    })
}

/// Reads the address.
pub(super) fn url(row: &Row<'_>) -> Result<CanonicalUrl, StoreError> {
    let text: String = row.get("url")?;
    text.parse().map_err(|_| damaged("url"))
}

/// Reads state and schedule.
pub(super) fn health(row: &Row<'_>) -> Result<Health, StoreError> {
    let reason: Option<String> = row.get("reason")?;
    Ok(Health {
        state: state(row.get("state")?)?,
        reason: reason.map(|text| json::<Reason>(&text)).transpose()?,
        since: time(row.get("since")?),
        failures: row.get("failures")?,
        last_probe: row.get::<_, Option<i64>>("last_probe")?.map(time),
        next_probe: row.get::<_, Option<i64>>("next_probe")?.map(time),
    })
}

fn owner(row: &Row<'_>) -> Result<Option<Owner>, StoreError> {
    let Some(key_hash) = row.get::<_, Option<String>>("owner_key")? else {
        return Ok(None);
    };
    Ok(Some(Owner {
        proof: proof(row.get("owner_proof")?)?,
        key_hash,
        node: row.get("owner_node")?,
        since: time(row.get("owner_since")?),
        checked: time(row.get("owner_checked")?),
        failed: row.get("owner_failed")?,
    }))
}

fn hidden(row: &Row<'_>) -> Result<Option<Hidden>, StoreError> {
    let Some(reason) = row.get("hidden_reason")? else {
        return Ok(None);
    };
    let merged_into = row.get("merged_into")?;
    Ok(Some(Hidden {
        reason,
        merged_into,
    }))
}

fn observed(row: &Row<'_>) -> Result<Option<Observed>, StoreError> {
    let Some(seen) = row.get::<_, Option<String>>("seen")? else {
        return Ok(None);
    };
    let seen: SeenText = json(&seen)?;
    let network: Option<String> = row.get("network")?;
    let hash = seen.payment_hash.as_deref().map(str::parse::<PaymentHash>);
    Ok(Some(Observed {
        at: time(row.get("seen_at")?),
        price: key(row, "by_price")?.map(msat),
        network: network.as_deref().map(self::network).transpose()?,
        expiry_secs: seen.expiry_secs,
        node: row.get("node")?,
        payment_hash: hash.transpose().map_err(|_| damaged("payment hash"))?,
        hash_matches: seen.hash_matches,
        forms: forms(row.get("forms")?),
        // Written as lines between line feeds: the first piece is empty.
        clients: row
            .get::<_, String>("clients")?
            .split_terminator('\n')
            .skip(1)
            .map(str::to_owned)
            .collect(),
        latency_ms: key(row, "by_latency")?
            .and_then(|ms| u32::try_from(ms).ok())
            .unwrap_or_default(),
        tls_until: seen.tls_until.map(UnixTime::from_secs),
        evidence: seen.evidence,
    }))
}

fn paid(row: &Row<'_>) -> Result<Option<PaidProbe>, StoreError> {
    let Some(works) = row.get("paid_works")? else {
        return Ok(None);
    };
    Ok(Some(PaidProbe {
        at: time(row.get("paid_at")?),
        works,
        paid: msat(row.get("paid_msat")?),
        latency_ms: row.get("paid_latency")?,
        reason: row.get("paid_reason")?,
    }))
}

/// The key of an order for a listing that has no value in it: the last of all.
pub(super) const NO_VALUE: i64 = i64::MAX;

/// Reads the key of an order.
pub(super) fn key(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<i64>> {
    let key: i64 = row.get(column)?;
    Ok((key != NO_VALUE).then_some(key))
}

/// Reads a value of JSON that this store has written.
pub(super) fn json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| damaged("JSON"))
}

/// Writes a value as JSON.
pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Failed(error.to_string()))
}

/// Reads a state.
pub(super) fn state(name: String) -> Result<State, StoreError> {
    named(&name, &State::ALL, State::name)
}

/// Reads the proof of an owner.
pub(super) fn proof(name: String) -> Result<OwnerProof, StoreError> {
    named(&name, &OwnerProof::ALL, OwnerProof::name)
}

/// Reads the source of words.
pub(super) fn words_from(name: String) -> Result<WordsFrom, StoreError> {
    named(&name, &WordsFrom::ALL, WordsFrom::name)
}

/// Returns the value of this name.
fn named<T: Copy>(
    name: &str,
    all: &[T],
    name_of: impl Fn(T) -> &'static str,
) -> Result<T, StoreError> {
    let found = all.iter().find(|one| name_of(**one) == name);
    found.copied().ok_or_else(|| damaged("word"))
}

/// Returns the bits of these forms.
pub(super) fn form_bits(forms: &[Form]) -> i64 {
    forms.iter().fold(0, |bits, form| bits | form_bit(*form))
}

const fn form_bit(form: Form) -> i64 {
    match form {
        Form::L402 => 1,
        Form::Lsat => 2,
        Form::Payment => 4,
        Form::Body => 8,
        Form::X402 => 16,
    }
}

fn forms(bits: i64) -> Vec<Form> {
    let is_set = |form: &Form| bits & form_bit(*form) != 0;
    Form::ALL.into_iter().filter(is_set).collect()
}

fn network(name: &str) -> Result<Network, StoreError> {
    name.parse().map_err(|_| damaged("network"))
}

/// Reads a time.
pub(super) fn time(secs: i64) -> UnixTime {
    UnixTime::from_secs(u64::try_from(secs).unwrap_or(0))
}

/// Writes a time; one that is too far for the file becomes the last that it can hold.
pub(super) fn secs(time: UnixTime) -> i64 {
    i64::try_from(time.secs()).unwrap_or(i64::MAX)
}

/// Reads an amount.
pub(super) fn msat(amount: i64) -> Msat {
    Msat::new(u64::try_from(amount).unwrap_or(0))
}

/// Writes an amount, which is never [`NO_VALUE`].
pub(super) fn amount(amount: Msat) -> i64 {
    i64::try_from(amount.msat()).map_or(NO_VALUE - 1, |msat| msat.min(NO_VALUE - 1))
}

/// Makes the error for a value that no version writes.
fn damaged(part: &str) -> StoreError {
    StoreError::Failed(format!("the file is damaged: not a {part} of this program"))
}
