//! The table `[ledger]`: where uses are counted.

use l402_host::PostgresUrl;

use super::section::Section;

/// The store of the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum LedgerPlace {
    /// Files in the home folder.
    #[default]
    Home,
    /// A database, which several gateways may share.
    Postgres(PostgresUrl),
}

/// Reads the table.
pub(super) fn read(root: &Section<'_, '_>) -> LedgerPlace {
    let Some(section) = root.table("ledger") else {
        return LedgerPlace::Home;
    };
    let url = section.parsed("url");
    section.finish();
    url.map_or(LedgerPlace::Home, LedgerPlace::Postgres)
}
