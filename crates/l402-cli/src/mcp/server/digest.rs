//! The digest of a call.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

pub(super) fn digest(tool: &str, arguments: &Map<String, Value>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(tool);
    hash.update([0]);
    hash.update(Value::Object(arguments.clone()).to_string());
    hash.finalize().into()
}
