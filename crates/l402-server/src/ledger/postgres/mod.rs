//! A ledger in a PostgreSQL database, which several gateways share.
