//! Any bytes as request headers, `name: value` to a line of input: nothing panics, and a
//! credential that is found is found again in the header that it writes.
#![no_main]

use l402::{Credential, RootKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let headers: Vec<_> = data
        .split(|byte| *byte == b'\n')
        .filter_map(header)
        .collect();
    let Ok(Some(found)) = Credential::from_headers(headers.iter().copied()) else {
        return;
    };
    let written = found.to_header();
    assert!(written.len() <= Credential::MAX_LEN);
    let again = Credential::from_headers([("authorization", written.as_bytes())]);
    assert_eq!(again, Ok(Some(found.clone())));
    let twice = headers.iter().chain(&headers).copied();
    assert_eq!(Credential::from_headers(twice), Ok(Some(found.clone())));
    let stranger = RootKey::from_root(b"a key that signed none of this");
    assert!(found.prove_with(&stranger).is_err());
    assert!(!format!("{found:?}").contains(&found.preimage().to_hex()));
});

/// A line `name: value`; one without a name counts as an `authorization`.
fn header(line: &[u8]) -> Option<(&str, &[u8])> {
    for name in Credential::HEADERS {
        let value = line
            .strip_prefix(name.as_bytes())
            .and_then(|rest| rest.strip_prefix(b": "));
        if let Some(value) = value {
            return Some((name, value));
        }
    }
    (!line.is_empty()).then_some(("authorization", line))
}
