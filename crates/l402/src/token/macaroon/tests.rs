use super::*;
use crate::token::RootKey;

fn sample() -> Macaroon {
    let key = RootKey::from_root(b"a root key of these tests");
    let macaroon = Macaroon::new(&key, "l402", b"identifier");
    macaroon
        .with_caveat(b"services=api:0")
        .unwrap()
        .with_caveat(b"")
        .unwrap()
}

fn malformed(bytes: &[u8]) {
    assert_eq!(
        Macaroon::from_bytes(bytes).err(),
        Some(MacaroonError::Malformed),
        "{bytes:02x?}"
    );
}

/// The bytes of `sample` with `from` replaced once by `to`.
fn replaced(from: &[u8], to: &[u8]) -> Vec<u8> {
    let bytes = sample().to_bytes();
    let at = bytes
        .windows(from.len())
        .position(|window| window == from)
        .unwrap();
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

#[test]
fn bytes_base64_and_hex_go_both_ways() {
    let macaroon = sample();
    let bytes = macaroon.to_bytes();
    assert_eq!(bytes.len(), macaroon.encoded_len());
    assert_eq!(Macaroon::from_bytes(&bytes), Ok(macaroon.clone()));
    assert_eq!(
        Macaroon::from_base64(&macaroon.to_base64()),
        Ok(macaroon.clone())
    );
    assert_eq!(
        Macaroon::from_hex(&hex::encode_upper(&bytes)),
        Ok(macaroon.clone())
    );
    assert_eq!(Macaroon::from_hex("0"), Err(MacaroonError::Hex));
    assert_eq!(Macaroon::from_base64("A"), Err(MacaroonError::Base64));
    assert_eq!(
        macaroon.caveats().collect::<Vec<_>>(),
        [b"services=api:0".as_slice(), b""]
    );
}

/// ATTACKS T-17.
#[test]
fn reads_only_the_canonical_form() {
    let bytes = sample().to_bytes();
    (0..bytes.len()).for_each(|end| malformed(&bytes[..end]));
    malformed(&[&bytes[..], &[0]].concat());
    malformed(&[&bytes[..], &bytes[..]].concat());
    malformed(&replaced(b"\x02\x0aidentifier", b"\x02\x8a\x00identifier"));
    malformed(&replaced(b"\x02\x0aidentifier", b"\x02\x00"));
    malformed(&replaced(
        b"\x02\x0aidentifier",
        b"\x02\x0aidentifier\x02\x0aidentifier",
    ));
    malformed(&replaced(b"\x01\x04l402", b"\x01\x04l402\x01\x04l402"));
    malformed(&replaced(
        b"\x01\x04l402\x02\x0aidentifier",
        b"\x02\x0aidentifier\x01\x04l402",
    ));
    malformed(&replaced(
        b"\x02\x0aidentifier",
        b"\x02\x0aidentifier\x04\x01v",
    ));
    malformed(&replaced(b"\x02\x0eserv", b"\x01\x01x\x02\x0eserv"));
    malformed(&replaced(b"\x02\x0eserv", b"\x07\x01x\x02\x0eserv"));
    malformed(&replaced(b"\x06\x20", b"\x06\x1f"));
    malformed(&replaced(b"\x06\x20", b"\x06\x21"));
    for huge in [
        b"\x02\x02\xff\xff\xff\xff\x07".as_slice(),
        &[2, 2, 255, 255, 255, 255, 255, 1],
    ] {
        malformed(huge);
    }
}

#[test]
fn a_location_of_length_zero_is_no_location() {
    let key = RootKey::from_root(b"key");
    let plain = Macaroon::new(&key, "", b"id");
    let bytes = plain.to_bytes();
    let zero = [&bytes[..1], &[1, 0], &bytes[1..]].concat();
    let read = Macaroon::from_bytes(&zero).unwrap();
    assert_eq!(read, plain);
    assert_eq!(read.to_bytes(), bytes);
}

/// ATTACKS T-18.
#[test]
fn refuses_any_caveat_for_a_third_party() {
    for vid in [
        b"\x02\x00\x04\x01v\x00".as_slice(),
        b"\x01\x01x\x02\x00\x04\x01v\x00",
        b"\x02\x00\x04\x00\x00",
    ] {
        let bytes = replaced(b"\x02\x00\x00", vid);
        assert_eq!(
            Macaroon::from_bytes(&bytes).err(),
            Some(MacaroonError::ThirdParty)
        );
    }
}

/// ATTACKS T-16.
#[test]
fn holds_64_caveats_and_no_more() {
    let mut macaroon = Macaroon::new(&RootKey::from_root(b"key"), "", b"id");
    for _ in 0..Macaroon::MAX_CAVEATS {
        macaroon = macaroon.with_caveat(b"a=b").unwrap();
    }
    let bytes = macaroon.to_bytes();
    assert_eq!(Macaroon::from_bytes(&bytes).as_ref(), Ok(&macaroon));
    let signature = bytes.len() - 35;
    let more = [&bytes[..signature], b"\x02\x03a=b\x00", &bytes[signature..]].concat();
    assert_eq!(
        Macaroon::from_bytes(&more),
        Err(MacaroonError::TooManyCaveats)
    );
    assert_eq!(
        macaroon.with_caveat(b"a=b"),
        Err(MacaroonError::TooManyCaveats)
    );
}

/// ATTACKS T-15, T-16.
#[test]
fn holds_4096_bytes_and_no_more() {
    let empty = Macaroon::new(&RootKey::from_root(b"key"), "", b"id");
    let room = Macaroon::MAX_LEN - empty.to_bytes().len() - 4;
    let full = empty.clone().with_caveat(&vec![b'x'; room]).unwrap();
    assert_eq!(full.to_bytes().len(), Macaroon::MAX_LEN);
    assert_eq!(Macaroon::from_base64(&full.to_base64()).as_ref(), Ok(&full));
    assert_eq!(
        Macaroon::from_hex(&hex::encode(full.to_bytes())).as_ref(),
        Ok(&full)
    );
    assert_eq!(
        empty.with_caveat(&vec![b'x'; room + 1]),
        Err(MacaroonError::TooLarge)
    );
    let large = vec![2; Macaroon::MAX_LEN + 1];
    assert_eq!(Macaroon::from_bytes(&large), Err(MacaroonError::TooLarge));
    assert_eq!(
        Macaroon::from_hex(&hex::encode(&large)),
        Err(MacaroonError::TooLarge)
    );
    assert_eq!(
        Macaroon::from_base64(&"A".repeat(1 << 20)),
        Err(MacaroonError::TooLarge)
    );
}

#[test]
fn its_length_is_counted_as_it_is_written() {
    for len in [0, 1, 127, 128, 300, 3000] {
        let macaroon = sample().with_caveat(&vec![b'x'; len]).unwrap();
        assert_eq!(macaroon.to_bytes().len(), macaroon.encoded_len(), "{len}");
        let read = Macaroon::from_bytes(&macaroon.to_bytes()).unwrap();
        assert_eq!(read.location(), b"l402");
        assert_eq!(read.identifier_bytes(), b"identifier");
        assert_eq!(read.caveats().last().unwrap().len(), len);
    }
}

#[test]
fn debug_shows_neither_identifier_nor_caveat_nor_signature() {
    let macaroon = sample();
    let shown = format!("{macaroon:?}");
    let id = hex::encode(macaroon.identifier_bytes());
    for secret in [
        hex::encode(macaroon.signature()),
        id,
        "services".into(),
        "identifier\"".into(),
    ] {
        assert!(!shown.contains(&secret), "{shown}");
    }
}
