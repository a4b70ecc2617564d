//! The checks of upstreams, on the control runtime: one task for each upstream, however many workers
//! and routes it has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::AbortHandle;

use super::control::Control;
use crate::table::RouteTable;

/// The tasks that check upstreams, by the number of their upstream. They end with the control runtime
/// at the latest.
#[derive(Debug, Default)]
pub(super) struct UpstreamChecks(Mutex<HashMap<u64, AbortHandle>>);

impl UpstreamChecks {
    /// Checks the upstreams of this table from now on, and no others. One that was checked before goes
    /// on in its rhythm.
    pub(super) fn follow(&self, table: &RouteTable, control: &Control) {
        let Some(control) = control.handle() else {
            return;
        };
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = core::mem::take(&mut *tasks);
        for upstream in table.upstreams() {
            if !upstream.has_checks() {
                continue;
            }
            let number = upstream.number();
            let task = before.remove(&number);
            let task = task.unwrap_or_else(|| {
                let checking = Arc::clone(&upstream).keep_checking();
                control.spawn(checking).abort_handle()
            });
            tasks.insert(number, task);
        }
        before.values().for_each(AbortHandle::abort);
    }
}
