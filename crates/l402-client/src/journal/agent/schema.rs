//! The tables of agents.

/// Makes the tables of agents: in a new file, and in one of layout 4.
///
/// - `agent`: a budget whose owner is a program. `hosts` is a JSON array of texts, or null for all.
///   `approve_above_msat` null means the default.
/// - `mandate`: a standing approval, in a rolling day, for some hosts, until a time.
/// - `approval`: one payment that a person is asked about. `arguments` is the digest of the call.
/// - `consent`: what allowed a payment: a mandate or an approval.
/// - `operator`: the hash of the passphrase of the person who decides, and the attempts that were
///   wrong since the last right one.
/// - `tool_call`: what a call with this key, or these arguments, has paid.
macro_rules! agent_tables {
    () => {
        "
    CREATE TABLE agent (
        name TEXT PRIMARY KEY,
        hosts TEXT,
        invoices INTEGER NOT NULL CHECK (invoices IN (0, 1)),
        approve_above_msat INTEGER,
        created INTEGER NOT NULL,
        removed INTEGER
    ) STRICT;
    CREATE TABLE mandate (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        agent TEXT NOT NULL,
        up_to_msat INTEGER NOT NULL CHECK (up_to_msat >= 0),
        hosts TEXT,
        until INTEGER,
        created INTEGER NOT NULL,
        ended INTEGER
    ) STRICT;
    CREATE TABLE approval (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        agent TEXT NOT NULL,
        tool TEXT NOT NULL,
        arguments BLOB NOT NULL CHECK (length(arguments) = 32),
        amount_msat INTEGER NOT NULL CHECK (amount_msat >= 0),
        fee_limit_msat INTEGER NOT NULL CHECK (fee_limit_msat >= 0),
        payee TEXT NOT NULL,
        origin TEXT,
        payment_hash BLOB CHECK (payment_hash IS NULL OR length(payment_hash) = 32),
        created INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'denied', 'used')),
        decided INTEGER
    ) STRICT;
    CREATE INDEX approval_call ON approval (agent, tool, arguments, state);
    CREATE TABLE consent (
        payment_hash BLOB PRIMARY KEY CHECK (length(payment_hash) = 32),
        mandate INTEGER,
        approval INTEGER
    ) STRICT;
    CREATE INDEX consent_mandate ON consent (mandate);
    CREATE TABLE operator (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        hash TEXT NOT NULL,
        since INTEGER NOT NULL,
        wrong INTEGER NOT NULL DEFAULT 0,
        wrong_at INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE tool_call (
        agent TEXT NOT NULL,
        tool TEXT NOT NULL,
        key TEXT NOT NULL,
        arguments BLOB NOT NULL CHECK (length(arguments) = 32),
        created INTEGER NOT NULL,
        payment_hash BLOB CHECK (payment_hash IS NULL OR length(payment_hash) = 32),
        PRIMARY KEY (agent, tool, key)
    ) STRICT;
"
    };
}

pub(in crate::journal) use agent_tables;
