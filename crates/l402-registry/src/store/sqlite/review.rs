//! Reviews of listings.

use l402::PaymentHash;
use rusqlite::{Connection, Row, params};

use super::listings::existing;
use super::row::{amount, msat, secs, time};
use crate::listing::ListingId;
use crate::store::{Review, ReviewFate, StoreError};

/// The reviews of a listing that count within a day.
const COUNTED_A_DAY: u32 = 3;

/// The seconds of a day.
const DAY: i64 = 24 * 60 * 60;

/// The reviews of a listing that are returned.
const REVIEWS_MAX: u32 = 100;

/// Adds a review. It counts if fewer than three do of the 24 hours before it.
pub(super) fn add(connection: &Connection, review: &Review) -> Result<(), StoreError> {
    let n = existing(connection, review.listing)?.n;
    let at = secs(review.at);
    let counted: u32 = connection
        .prepare_cached("SELECT count(*) FROM reviews WHERE n = ? AND at > ? AND counts")?
        .query_row([n, at.saturating_sub(DAY)], |row| row.get(0))?;
    let added = connection
        .prepare_cached(
            "INSERT INTO reviews VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT (payment_hash) DO NOTHING",
        )?
        .execute(params![
            review.payment_hash.as_bytes(),
            n,
            at,
            secs(review.invoice_at),
            amount(review.paid),
            review.stars,
            review.text,
            review.answer,
            review.abuse,
            counted < COUNTED_A_DAY,
            review.hidden
        ])?;
    // The payment hash is the key of the table, over all listings.
    if added == 0 {
        return Err(StoreError::Taken);
    }
    recount(connection, n)
}

/// Writes the count of a listing's reviews to its row.
fn recount(connection: &Connection, n: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE listings SET (review_count, review_stars) = \
             (SELECT count(*), coalesce(sum(stars), 0) FROM reviews \
             WHERE n = ?1 AND counts AND NOT hidden) WHERE n = ?1",
        )?
        .execute([n])?;
    Ok(())
}

/// Returns the reviews of a listing, those that count first, and of each kind the newest. A flood of others
/// would hide them.
pub(super) fn of(
    connection: &Connection,
    id: ListingId,
    all: bool,
) -> Result<Vec<Review>, StoreError> {
    let n = existing(connection, id)?.n;
    let mut query = connection.prepare_cached(
        "SELECT * FROM reviews WHERE n = ? AND (? OR NOT hidden) \
         ORDER BY counts DESC, at DESC, payment_hash LIMIT ?",
    )?;
    let rows = query.query_map(params![n, all, REVIEWS_MAX], |row| review(id, row))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn review(listing: ListingId, row: &Row<'_>) -> rusqlite::Result<Review> {
    Ok(Review {
        payment_hash: PaymentHash::from_bytes(row.get("payment_hash")?),
        listing,
        at: time(row.get("at")?),
        invoice_at: time(row.get("invoice_at")?),
        paid: msat(row.get("paid")?),
        stars: row.get("stars")?,
        text: row.get("text")?,
        answer: row.get("answer")?,
        abuse: row.get("abuse")?,
        counts: row.get("counts")?,
        hidden: row.get("hidden")?,
    })
}

/// Changes a review of this listing.
pub(super) fn judge(
    connection: &Connection,
    id: ListingId,
    payment_hash: &PaymentHash,
    fate: &ReviewFate,
) -> Result<(), StoreError> {
    // Each change names the listing too: the owner of another one must not reach this review.
    let n = existing(connection, id)?.n;
    let hash = payment_hash.as_bytes();
    let changed = match fate {
        ReviewFate::Abuse => connection
            .prepare_cached(
                // No more than fits into the `u32` by which the count is read.
                "UPDATE reviews SET abuse = min(abuse + 1, 4294967295) \
                 WHERE n = ? AND payment_hash = ?",
            )?
            .execute(params![n, hash])?,
        ReviewFate::Answer(answer) => connection
            .prepare_cached("UPDATE reviews SET answer = ? WHERE n = ? AND payment_hash = ?")?
            .execute(params![answer, n, hash])?,
        ReviewFate::Hidden(hidden) => connection
            .prepare_cached("UPDATE reviews SET hidden = ? WHERE n = ? AND payment_hash = ?")?
            .execute(params![hidden, n, hash])?,
    };
    if changed == 0 {
        return Err(StoreError::NotFound);
    }
    // Hidden reviews are left out of the average, so it may have changed.
    recount(connection, n)
}
