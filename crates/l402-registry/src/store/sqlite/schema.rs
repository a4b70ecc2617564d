//! The layout of the file.

use std::time::Duration;

use l402_host::sqlite::{Schema, application_id};

/// The longest wait for a transaction of another process.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// `listings` has what filters and orders look at, a short row each; `details` has the long texts of
/// the same row: the words as JSON, and of what was seen the part that nothing is found by.
///
/// The columns `by_…` hold the keys of the orders, all of them ascending, with the greatest integer for a
/// listing that has no value: the time of adding, negative; the observed price; 1000 less the uptime of 30
/// days; the latency. A cursor names such a key and the listing's id, so each order has an index of the two.
/// `listings_by_facet` has all that a filter asks for but host and node, so that a filter which few listings
/// pass reads this index from end to end, and no row in vain. An index serves alone only if it has every
/// column that a question names, so `shown` leads all of them: 0 for hidden listings, else 1.
///
/// Times are Unix seconds, prices millisatoshi. `forms` has a bit for each form, `clients` a line for each.
/// `owner_said` has a bit for the method and one for `no_probe_said`, each set once the owner has changed it.
///
/// `days` has a row for each listing and day, with 24 slots of six bytes; see `slots.rs`. `probes` counts
/// all probes of an hour. `found` is the index of words: it keeps none of the texts.
pub(super) const SCHEMA: Schema = Schema {
    name: "registry",
    application_id: application_id(*b"l4rg"),
    create: "
        CREATE TABLE listings (
            n INTEGER PRIMARY KEY,
            id BLOB NOT NULL UNIQUE CHECK (length(id) = 8),
            url TEXT NOT NULL UNIQUE,
            host TEXT NOT NULL,
            method TEXT NOT NULL,
            shown INTEGER NOT NULL DEFAULT 1,
            state TEXT NOT NULL,
            category TEXT,
            network TEXT,
            forms INTEGER NOT NULL DEFAULT 0,
            node BLOB,
            up_day INTEGER,
            up_week INTEGER,
            paid_works INTEGER,
            owner_proof TEXT,
            by_newest INTEGER NOT NULL,
            by_price INTEGER NOT NULL DEFAULT 9223372036854775807,
            by_uptime INTEGER NOT NULL DEFAULT 9223372036854775807,
            by_latency INTEGER NOT NULL DEFAULT 9223372036854775807,
            clients TEXT NOT NULL DEFAULT '',
            words_from TEXT NOT NULL,
            changed INTEGER NOT NULL,
            no_probe_said INTEGER NOT NULL DEFAULT 0,
            no_probe_seen INTEGER NOT NULL DEFAULT 0,
            since INTEGER NOT NULL,
            failures INTEGER NOT NULL DEFAULT 0,
            last_probe INTEGER,
            next_probe INTEGER,
            seen_at INTEGER,
            paid_at INTEGER,
            paid_msat INTEGER,
            paid_latency INTEGER,
            owner_key TEXT,
            owner_node TEXT,
            owner_since INTEGER,
            owner_checked INTEGER,
            owner_failed INTEGER,
            owner_said INTEGER NOT NULL DEFAULT 0,
            review_count INTEGER NOT NULL DEFAULT 0,
            review_stars INTEGER NOT NULL DEFAULT 0,
            hidden_reason TEXT,
            merged_into TEXT,
            hidden_by_ban INTEGER NOT NULL DEFAULT 0,
            reason TEXT,
            paid_reason TEXT
        ) STRICT;
        CREATE INDEX listings_by_newest ON listings (shown, by_newest, id, state);
        CREATE INDEX listings_by_price ON listings (shown, by_price, id, state);
        CREATE INDEX listings_by_uptime ON listings (shown, by_uptime, id, state);
        CREATE INDEX listings_by_latency ON listings (shown, by_latency, id, state);
        CREATE INDEX listings_by_facet ON listings (
            shown, state, by_price, category, network, forms, owner_proof, paid_works, by_newest,
            by_uptime, by_latency, id, clients
        );
        CREATE INDEX listings_by_category ON listings (shown, category);
        CREATE INDEX listings_by_host ON listings (host);
        CREATE INDEX listings_by_node ON listings (node) WHERE node IS NOT NULL;
        CREATE INDEX listings_by_owner ON listings (owner_checked) WHERE owner_key IS NOT NULL;
        CREATE INDEX listings_by_due ON listings (next_probe)
            WHERE shown = 1 AND no_probe_said = 0 AND next_probe IS NOT NULL;
        CREATE TABLE details (
            n INTEGER PRIMARY KEY REFERENCES listings (n),
            words TEXT NOT NULL,
            seen TEXT
        ) STRICT;
        CREATE VIRTUAL TABLE found USING fts5 (
            name, tags, provider, path, description,
            content = '', contentless_delete = 1, prefix = '2 3',
            tokenize = 'unicode61 remove_diacritics 2'
        );
        CREATE TABLE points (
            point INTEGER PRIMARY KEY,
            n INTEGER NOT NULL,
            at INTEGER NOT NULL,
            state TEXT NOT NULL,
            price INTEGER,
            node BLOB,
            reason TEXT
        ) STRICT;
        CREATE INDEX points_of ON points (n, point);
        CREATE TABLE days (
            n INTEGER NOT NULL,
            day INTEGER NOT NULL,
            slots BLOB NOT NULL CHECK (length(slots) = 144),
            hour INTEGER NOT NULL,
            samples BLOB NOT NULL,
            PRIMARY KEY (n, day)
        ) WITHOUT ROWID, STRICT;
        CREATE INDEX days_by_day ON days (day);
        CREATE TABLE probes (
            hour INTEGER PRIMARY KEY,
            probes INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE paid (
            n INTEGER NOT NULL,
            at INTEGER NOT NULL,
            works INTEGER NOT NULL,
            paid INTEGER NOT NULL,
            latency INTEGER NOT NULL,
            reason TEXT,
            PRIMARY KEY (n, at)
        ) WITHOUT ROWID, STRICT;
        CREATE TABLE claims (
            nonce TEXT PRIMARY KEY,
            n INTEGER NOT NULL,
            proof TEXT NOT NULL,
            key_hash TEXT NOT NULL,
            until INTEGER NOT NULL
        ) WITHOUT ROWID, STRICT;
        CREATE INDEX claims_of ON claims (n);
        CREATE TABLE reviews (
            payment_hash BLOB PRIMARY KEY CHECK (length(payment_hash) = 32),
            n INTEGER NOT NULL,
            at INTEGER NOT NULL,
            invoice_at INTEGER NOT NULL,
            paid INTEGER NOT NULL,
            stars INTEGER NOT NULL CHECK (stars BETWEEN 1 AND 5),
            text TEXT NOT NULL,
            answer TEXT,
            abuse INTEGER NOT NULL,
            counts INTEGER NOT NULL,
            hidden INTEGER NOT NULL
        ) WITHOUT ROWID, STRICT;
        CREATE INDEX reviews_of ON reviews (n, at);
        CREATE TABLE bans (
            host TEXT PRIMARY KEY,
            reason TEXT NOT NULL
        ) WITHOUT ROWID, STRICT;
    ",
    upgrades: &[],
    tables: &["listings"],
    busy_timeout: BUSY,
    checkpoint_pages: 4096,
};
