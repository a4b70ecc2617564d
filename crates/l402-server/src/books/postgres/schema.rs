//! The tables.

/// The steps of [`migrate`](l402_host::postgres::migrate) for the part "books": one a version.
///
/// They are those of the file, column by column: `l402_books_entries` has a row for each entry,
/// `l402_books_writers` the first and the last one of each writer.
pub(super) const STEPS: &[&str] = &["
    CREATE TABLE l402_books_entries (
        writer bigint NOT NULL,
        number bigint NOT NULL,
        kind bigint NOT NULL,
        time bigint NOT NULL,
        payment_hash bytea,
        token_id bytea,
        service text,
        route text,
        price bigint,
        units bigint,
        ends bigint,
        msat bigint,
        spent bigint NOT NULL,
        fault bigint NOT NULL,
        node text,
        place bigint,
        seal bytea NOT NULL,
        PRIMARY KEY (writer, number)
    );
    CREATE UNIQUE INDEX l402_books_payments ON l402_books_entries (payment_hash) WHERE kind = 2;
    CREATE INDEX l402_books_accounts ON l402_books_entries (payment_hash)
        WHERE payment_hash IS NOT NULL;
    CREATE INDEX l402_books_places ON l402_books_entries (node, place) WHERE node IS NOT NULL;
    CREATE TABLE l402_books_writers (
        writer bigint PRIMARY KEY,
        base bigint NOT NULL,
        base_seal bytea NOT NULL,
        newest bigint NOT NULL,
        newest_seal bytea NOT NULL
    );
"];
