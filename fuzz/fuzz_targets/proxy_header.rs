//! Any bytes at the begin of a connection from a proxy: no panic, and what is read does not depend on
//! how they are cut, or on what follows.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| l402_gateway::fuzzing::proxy_header(data));
