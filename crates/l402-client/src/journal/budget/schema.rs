//! The tables, indexes and triggers that budgets need in the journal's file.

/// Makes the tables of budgets. Both for a new file and for an upgrade, so that the two cannot differ.
///
/// `spent` holds what is settled, by budget and hour since 1970, and the sum of all hours as hour -1.
/// Triggers keep it, so that no writer of `purchase` can forget to. Rows that are pruned later stay in
/// it, and a limit on all that was ever spent counts them.
macro_rules! budget_tables {
    () => {
        "
    CREATE TABLE budget (
        name TEXT PRIMARY KEY,
        parent TEXT,
        per_request_msat INTEGER,
        per_origin_msat INTEGER,
        per_payee_msat INTEGER,
        per_hour_msat INTEGER,
        per_day_msat INTEGER,
        per_30_days_msat INTEGER,
        in_all_msat INTEGER,
        stopped INTEGER
    ) STRICT;
    CREATE INDEX budget_parent ON budget (parent);
    CREATE TABLE spent (
        budget TEXT NOT NULL,
        hour INTEGER NOT NULL,
        msat INTEGER NOT NULL,
        PRIMARY KEY (budget, hour)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX purchase_origin_paid ON purchase (origin, paid_at);
    CREATE INDEX purchase_payee_paid ON purchase (payee, paid_at);
    CREATE INDEX purchase_broken ON purchase (wallet, paid_at) WHERE fee_msat > fee_limit_msat
        OR paid_msat > (amount_msat + 999) / 1000 * 1000 OR state = 'paid_no_proof';
    CREATE TRIGGER purchase_settled_new AFTER INSERT ON purchase
        WHEN new.state IN ('paid', 'paid_no_proof', 'refused', 'served')
    BEGIN
        INSERT INTO spent SELECT coalesce(new.budget, 'default'), hours.hour,
            max(new.amount_msat, new.paid_msat) + new.fee_msat
            FROM (SELECT -1 AS hour UNION SELECT coalesce(new.paid_at, 0) / 3600) AS hours WHERE true
            ON CONFLICT (budget, hour)
            DO UPDATE SET msat = min(msat + excluded.msat, 9000000000000000000);
    END;
    CREATE TRIGGER purchase_settled AFTER UPDATE OF state, amount_msat, paid_msat, fee_msat, paid_at, budget
        ON purchase
        WHEN (old.state IN ('paid', 'paid_no_proof', 'refused', 'served'))
            <> (new.state IN ('paid', 'paid_no_proof', 'refused', 'served'))
            OR max(old.amount_msat, old.paid_msat) + old.fee_msat
            <> max(new.amount_msat, new.paid_msat) + new.fee_msat
            OR old.paid_at IS NOT new.paid_at OR old.budget IS NOT new.budget
    BEGIN
        UPDATE spent
            SET msat = max(msat - max(old.amount_msat, old.paid_msat) - old.fee_msat, 0)
            WHERE old.state IN ('paid', 'paid_no_proof', 'refused', 'served')
            AND budget = coalesce(old.budget, 'default')
            AND hour IN (-1, coalesce(old.paid_at, 0) / 3600);
        INSERT INTO spent SELECT coalesce(new.budget, 'default'), hours.hour,
            max(new.amount_msat, new.paid_msat) + new.fee_msat
            FROM (SELECT -1 AS hour UNION SELECT coalesce(new.paid_at, 0) / 3600) AS hours
            WHERE new.state IN ('paid', 'paid_no_proof', 'refused', 'served')
            ON CONFLICT (budget, hour)
            DO UPDATE SET msat = min(msat + excluded.msat, 9000000000000000000);
    END;
    "
    };
}

/// Sums up what an older file has settled. Comes after [`budget_tables`]. `total` and not `sum`, which
/// would end the upgrade if a sum were too large.
macro_rules! budget_upgrade {
    () => {
        "
    INSERT INTO spent SELECT 'default', paid_at / 3600,
        CAST(min(total(max(amount_msat, paid_msat) + fee_msat), 9000000000000000000) AS INTEGER)
        FROM purchase WHERE state IN ('paid', 'paid_no_proof', 'refused', 'served')
        AND paid_at IS NOT NULL GROUP BY paid_at / 3600;
    INSERT INTO spent SELECT 'default', -1, CAST(min(total(msat), 9000000000000000000) AS INTEGER)
        FROM spent HAVING count(*) > 0;
    "
    };
}

pub(in crate::journal) use {budget_tables, budget_upgrade};
