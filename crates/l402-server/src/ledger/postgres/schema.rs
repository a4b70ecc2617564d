//! The tables.

/// The steps of [`migrate`](l402_host::postgres::migrate) for the part "ledger": one a version.
///
/// `l402_payments` has a row a payment. `total` and `granted` are those of the last statement that reserved:
/// how many units the payment bought, and how many it got. No column that changes is in an index, and a page
/// has room left, so that a change stays in its page. All statements about payments are keyed by the
/// payment hash. `l402_gateways` has a row for each open ledger, alive until `lease_until`; times of leases
/// are the database's, all others Unix seconds. A reservation of 0 units says that one of this number was
/// never made, and never will be.
pub(in crate::ledger) const STEPS: &[&str] = &["
    CREATE TABLE l402_payments (
        payment_hash bytea PRIMARY KEY,
        used bigint NOT NULL,
        reserved bigint NOT NULL,
        attempts integer NOT NULL,
        failures integer NOT NULL,
        expires bigint NOT NULL,
        total bigint NOT NULL,
        size bigint NOT NULL,
        granted bigint NOT NULL,
        CHECK (used >= 0 AND reserved >= 0)
    ) WITH (fillfactor = 70);
    CREATE TABLE l402_reservations (
        payment_hash bytea NOT NULL,
        holder bigint NOT NULL,
        number bigint NOT NULL,
        units bigint NOT NULL,
        PRIMARY KEY (payment_hash, holder, number)
    );
    CREATE TABLE l402_gateways (
        holder bigint PRIMARY KEY,
        name text NOT NULL,
        lease_until timestamptz NOT NULL,
        ended boolean NOT NULL DEFAULT false,
        keys bytea NOT NULL DEFAULT ''
    );
    CREATE TABLE l402_ledger (
        single boolean PRIMARY KEY DEFAULT true CHECK (single),
        id bytea,
        epoch bigint NOT NULL,
        latest bigint NOT NULL,
        number integer,
        uses_from integer NOT NULL
    );
    INSERT INTO l402_ledger VALUES (true, NULL, 0, 0, NULL, 0);
    CREATE TABLE l402_keys (
        number integer PRIMARY KEY,
        fingerprint bytea NOT NULL,
        began bigint NOT NULL,
        until bigint,
        revoked boolean NOT NULL DEFAULT false,
        waits boolean NOT NULL DEFAULT false
    );
    CREATE TABLE l402_revocations (
        number bigserial PRIMARY KEY,
        kind integer NOT NULL,
        subject bytea NOT NULL,
        before bigint NOT NULL,
        revoked bigint NOT NULL,
        ends bigint,
        UNIQUE (kind, subject, before)
    );
"];
