//! Connections to PostgreSQL: address, TLS, migrations, notifications.
