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
                let text = text.to_string();
                // Said of every payment of a stateless invoice, which has no record by choice.
                if is_about_missing_record(&text) {
                    tracing::debug!(target: "ldk_node", module, "{text}");
                } else {
                    tracing::warn!(target: "ldk_node", module, "{text}");
                }
            }
        }
    }
}

fn is_about_missing_record(text: &str) -> bool {
    text.starts_with("Claimed payment with ID") && text.ends_with("couldn't be found in store")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_warning_alone_is_expected() {
        let expected = "Claimed payment with ID c526 couldn't be found in store";
        assert!(is_about_missing_record(expected));
        assert!(!is_about_missing_record(
            "Failed to find the payment in the store"
        ));
    }
}
