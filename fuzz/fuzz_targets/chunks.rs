//! Any bytes as a body in chunks: what is read does not depend on how it is cut, and is read the same
//! when it is written again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| l402_gateway::fuzzing::chunks(data));
