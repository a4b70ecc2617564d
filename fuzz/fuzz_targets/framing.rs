//! Any bytes as requests on one connection: the verdict on their framing does not depend on how they
//! are cut, and an accepted head has one framing at most.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| l402_gateway::fuzzing::framing(data));
