//! Any bytes as a macaroon: nothing panics, what reads is written the same, and what was read
//! takes a caveat and reads again.
#![no_main]

use l402::inspect::inspect;
use l402::{Macaroon, RootKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(macaroon) = Macaroon::from_bytes(data) {
        let bytes = macaroon.to_bytes();
        assert!(bytes == data || is_without_empty_location(&bytes, data));
        goes_both_ways(&macaroon);
        grows(macaroon);
    }
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    for macaroon in [Macaroon::from_base64(text), Macaroon::from_hex(text)]
        .into_iter()
        .flatten()
    {
        goes_both_ways(&macaroon);
        assert!(inspect(text).is_ok(), "what opens doors can be shown");
    }
    if let Ok(seen) = inspect(text) {
        let shown = seen.caveats.iter().map(|caveat| caveat.text.as_str());
        let plain = |text: &str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        assert!(shown.chain([seen.location.as_str()]).all(plain));
    }
});

/// A location of length zero is the one thing that is read and not written.
fn is_without_empty_location(written: &[u8], read: &[u8]) -> bool {
    read.get(1..3) == Some(&[1, 0]) && read.get(3..) == written.get(1..)
}

fn goes_both_ways(macaroon: &Macaroon) {
    assert!(macaroon.to_bytes().len() <= Macaroon::MAX_LEN);
    assert!(macaroon.caveats().len() <= Macaroon::MAX_CAVEATS);
    assert_eq!(
        Macaroon::from_bytes(&macaroon.to_bytes()).as_ref(),
        Ok(macaroon)
    );
    assert_eq!(
        Macaroon::from_base64(&macaroon.to_base64()).as_ref(),
        Ok(macaroon)
    );
    assert!(!macaroon.is_signed_by(&RootKey::from_root(b"a key that signed none of this")));
}

fn grows(macaroon: Macaroon) {
    let count = macaroon.caveats().len();
    if let Ok(child) = macaroon.with_caveat(b"services=api:0") {
        assert_eq!(child.caveats().len(), count + 1);
        goes_both_ways(&child);
    }
}
