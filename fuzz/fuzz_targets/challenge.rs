//! Any bytes as header lines, one to a line of input: nothing panics, and what can be paid is
//! written and read back with the same token and invoice.
#![no_main]

use l402::{Challenge, Challenges};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(found) = Challenges::parse(data.split(|byte| *byte == b'\n')) else {
        return;
    };
    for challenge in found.iter() {
        for (name, value) in challenge.params() {
            assert_eq!(challenge.param(name), Some(value));
        }
    }
    for challenge in found.payable().into_iter().flatten() {
        goes_both_ways(&challenge);
    }
});

fn goes_both_ways(challenge: &Challenge) {
    let (token, invoice) = (challenge.token(), challenge.invoice());
    let Ok(ours) = Challenge::new(token, invoice) else {
        return;
    };
    for line in [ours.to_header(), ours.to_lsat_header()] {
        let read = Challenges::parse([line.as_bytes()]).expect("our own line");
        let read = read.payable().expect("our own challenge");
        let same = |other: &Challenge| other.token() == token && other.invoice() == invoice;
        assert!(read.len() == 1 && read.iter().all(same), "{line}");
    }
}
