//! LDK's log, as events of `tracing` under the target `ldk_node`.

use ldk_node::logger::{LogLevel, LogRecord, LogWriter};

/// Passes on the records that are of use to an operator. LDK's finer levels describe every message
/// of every peer, and are dropped.
pub(super) struct Log;

impl LogWriter for Log {
    fn log(&self, record: LogRecord<'_>) {
        let (text, module) = (record.args, record.module_path);
        match record.level {
            LogLevel::Gossip | LogLevel::Trace | LogLevel::Debug => {}
            LogLevel::Info => tracing::debug!(target: "ldk_node", module, "{text}"),
            LogLevel::Warn | LogLevel::Error => {
                tracing::warn!(target: "ldk_node", module, "{text}");
            }
        }
    }
}
