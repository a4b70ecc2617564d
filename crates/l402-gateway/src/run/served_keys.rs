//! The keys that a running gateway serves with.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use l402::KeyRing;

use crate::exchange::GatewayState;

/// The keys that are served with, and the place where requests find them. Whoever exchanges keys or
/// routes holds it meanwhile: of two at the same time, the later one finds what the earlier one left.
#[derive(Debug)]
pub(super) struct ServedKeys(Mutex<Served>);

/// What is served with, while it is held.
#[derive(Debug)]
pub(super) struct Served {
    ring: KeyRing,
    state: Weak<GatewayState>,
}

impl ServedKeys {
    /// Begins with these keys, which no request sees yet.
    pub(super) fn new(ring: KeyRing) -> Self {
        let state = Weak::new();
        Self(Mutex::new(Served { ring, state }))
    }

    /// Returns the keys of this moment, for a table that is about to be made.
    pub(super) fn hold(&self) -> MutexGuard<'_, Served> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves requests of this gateway with the keys, from now on.
    pub(super) fn attach(&self, state: &Arc<GatewayState>) {
        let mut served = self.hold();
        served.state = Arc::downgrade(state);
        // They may have been exchanged since the table was made.
        served.show();
    }

    /// Serves with other keys from the next request on. A request that has begun ends with the old ones.
    pub(super) fn exchange(&self, ring: KeyRing) {
        let mut served = self.hold();
        served.ring = ring;
        served.show();
    }
}

impl Served {
    /// The keys.
    pub(super) const fn ring(&self) -> &KeyRing {
        &self.ring
    }

    fn show(&self) {
        let Some(state) = self.state.upgrade() else {
            return;
        };
        let table = state.table.load_full().with_keys(self.ring.clone());
        state.table.store(Arc::new(table));
    }
}
