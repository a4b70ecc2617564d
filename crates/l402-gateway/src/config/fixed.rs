//! The settings that a gateway takes at its start alone.

use std::net::SocketAddr;

use l402_lightning::Node;

use super::{
    AdminSettings, BooksSettings, FixedTls, KeyEntry, LedgerPlace, LogSettings, ProxyListeners,
    TraceSettings,
};

/// The settings that a running gateway cannot change: sockets, threads, keys, node, and how the
/// paywall was put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fixed {
    pub(crate) listen: Vec<SocketAddr>,
    /// The listeners whose connections begin with a PROXY header.
    pub(crate) proxy_protocol: ProxyListeners,
    pub(crate) tls: FixedTls,
    /// 0 means one a core.
    pub(crate) workers: usize,
    /// Goes into every key: tokens of one deployment mean nothing to another.
    pub(crate) deployment: String,
    pub(crate) node: Node,
    /// Sell also with a credential that could spend.
    pub(crate) danger_spending_node: bool,
    /// Answer a bad credential with 402 instead of 401.
    pub(crate) invalid_credential_402: bool,
    pub(crate) lsat_line: bool,
    /// The master keys in the order of their numbers, at least one.
    pub(crate) keys: Vec<KeyEntry>,
    /// The ledger of uses, and with it revocations, key states and books.
    pub(crate) ledger: LedgerPlace,
    pub(crate) books: BooksSettings,
    /// Begin a new ledger, if the one that is there does not go with the keys. Not in the file.
    pub(crate) new_ledger: bool,
    /// Invoices kept ready for each price.
    pub(crate) invoices_ahead: usize,
    pub(crate) log: LogSettings,
    pub(crate) admin: AdminSettings,
    pub(crate) trace: TraceSettings,
}

impl Default for Fixed {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8402))],
            proxy_protocol: ProxyListeners::None,
            tls: FixedTls::default(),
            workers: 0,
            deployment: "default".to_owned(),
            node: Node::Sandbox,
            danger_spending_node: false,
            invalid_credential_402: false,
            lsat_line: false,
            keys: vec![KeyEntry::DEFAULT],
            ledger: LedgerPlace::Home,
            books: BooksSettings::default(),
            new_ledger: false,
            invoices_ahead: 0,
            log: LogSettings::default(),
            admin: AdminSettings::default(),
            trace: TraceSettings::default(),
        }
    }
}

impl Fixed {
    /// The number of worker threads.
    pub(crate) fn worker_count(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count,
        }
    }

    /// Returns the keys, as the file writes them, whose values differ in `new`.
    pub(crate) fn changed_keys(&self, new: &Self) -> Vec<&'static str> {
        // Every field by its name and no `..`: one that is added does not compile until it has a
        // key below.
        let Self {
            listen,
            proxy_protocol,
            tls,
            workers,
            deployment,
            node,
            danger_spending_node,
            invalid_credential_402,
            lsat_line,
            keys: master_keys,
            ledger,
            books,
            // Of one start alone.
            new_ledger: _,
            invoices_ahead,
            log,
            admin,
            trace,
        } = new;
        let keys = [
            ("listen", self.listen != *listen),
            ("proxy_protocol", self.proxy_protocol != *proxy_protocol),
            (
                "tls.redirect_from",
                self.tls.redirect_from != tls.redirect_from,
            ),
            ("tls.acme", self.tls.acme != tls.acme),
            ("log", self.log != *log),
            ("admin", self.admin != *admin),
            ("trace", self.trace != *trace),
            ("workers", self.workers != *workers),
            ("deployment", self.deployment != *deployment),
            ("node", self.node != *node),
            (
                "danger_spending_node",
                self.danger_spending_node != *danger_spending_node,
            ),
            (
                "invalid_credential",
                self.invalid_credential_402 != *invalid_credential_402,
            ),
            ("lsat_line", self.lsat_line != *lsat_line),
            ("keys", self.keys != *master_keys),
            ("ledger", self.ledger != *ledger),
            ("books", self.books != *books),
            (
                "challenges.invoices_ahead",
                self.invoices_ahead != *invoices_ahead,
            ),
        ];
        let changed = keys.into_iter().filter(|(_, changed)| *changed);
        changed.map(|(key, _)| key).collect()
    }
}
