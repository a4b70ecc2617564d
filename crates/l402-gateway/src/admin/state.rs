//! The parts that all requests of operators share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::change::AuditLog;
use super::ledger_probe::LedgerProbe;
use super::page::PageState;
use super::program::Program;
use super::threads::Threads;
use super::token::{AdminToken, Shown};
use crate::Gateway;
use crate::config::AdminSettings;
use crate::run::Home;

/// The gateway and the program, for operators.
pub(crate) struct Admin {
    gateway: Arc<Gateway>,
    program: Arc<dyn Program>,
    settings: AdminSettings,
    token: AdminToken,
    audit: AuditLog,
    /// Held by the caller who changes something.
    changing: Mutex<()>,
    /// True once an operator has asked for the end.
    draining: AtomicBool,
    page: PageState,
    threads: Threads,
    ledger_probe: LedgerProbe,
}

impl Admin {
    pub(super) fn new(
        gateway: Arc<Gateway>,
        program: Arc<dyn Program>,
        settings: AdminSettings,
        token: AdminToken,
        home: &Home,
    ) -> Self {
        let audit = AuditLog::at(home.audit_log(), Arc::clone(gateway.clock()));
        Self {
            gateway,
            program,
            settings,
            token,
            audit,
            changing: Mutex::default(),
            draining: AtomicBool::new(false),
            page: PageState::default(),
            threads: Threads::default(),
            ledger_probe: LedgerProbe::default(),
        }
    }

    pub(crate) fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    pub(super) fn program(&self) -> &dyn Program {
        &*self.program
    }

    pub(super) fn settings(&self) -> &AdminSettings {
        &self.settings
    }

    pub(crate) fn audit(&self) -> &AuditLog {
        &self.audit
    }

    pub(super) fn changing(&self) -> &Mutex<()> {
        &self.changing
    }

    /// What the dashboard keeps: sessions and what is cached.
    pub(crate) fn page(&self) -> &PageState {
        &self.page
    }

    /// The threads for what blocks.
    pub(crate) fn threads(&self) -> &Threads {
        &self.threads
    }

    pub(super) fn ledger_probe(&self) -> &LedgerProbe {
        &self.ledger_probe
    }

    /// Returns true if operators come by TLS, so that cookies may be `Secure`.
    pub(crate) fn is_tls(&self) -> bool {
        self.settings.tls.is_some()
    }

    /// Judges a token that somebody shows. Wrong ones are counted, and too many refused.
    pub(crate) fn judge_token(&self, shown: &[u8]) -> Shown {
        self.token.judge(shown)
    }

    pub(super) fn token(&self) -> &AdminToken {
        &self.token
    }

    /// Returns true if the gateway stops, or has been asked to.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed) || self.gateway.is_draining()
    }

    pub(super) fn begin_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}
