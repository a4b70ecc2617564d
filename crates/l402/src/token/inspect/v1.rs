//! V1 macaroons: packets of four hexadecimal digits (the whole length), a name, a space, data, a
//! newline.

use core::str;

use super::inspection::{Caveat, Format, Inspection, MAX_CAVEATS, macaroon};

/// Reads the packets of a macaroon: location, identifier, caveats (`cid`, and for a third party
/// also `vid` and `cl`), signature. Iterates rather than recurses, since a packet costs an attacker
/// only six bytes (ATTACKS T-14).
pub(super) fn read(bytes: &[u8]) -> Option<Inspection> {
    let mut rest = bytes;
    let (mut location, mut identifier, mut caveats) = (None, None, Vec::new());
    loop {
        let (name, data);
        (name, data, rest) = packet(rest)?;
        match name {
            b"location" if location.is_none() && identifier.is_none() => location = Some(data),
            b"identifier" if identifier.is_none() => identifier = Some(data),
            b"cid" if identifier.is_some() && caveats.len() < MAX_CAVEATS => {
                caveats.push(Caveat::new(data, false));
            }
            // `vid` and `cl` belong to the caveat before them. Without one the token is malformed.
            b"vid" => caveats.last_mut()?.third_party = true,
            b"cl" if caveats.last()?.third_party => {}
            b"signature" if data.len() == 32 => {
                let location = location.unwrap_or_default();
                return Some(macaroon(Format::V1, location, identifier?, caveats, data));
            }
            _ => return None,
        }
    }
}

/// Reads one packet. Returns its name, its data, and the bytes that follow it.
fn packet(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (digits, _) = bytes.split_at_checked(4)?;
    // `from_str_radix` would also take a sign, as in `+006`.
    let lower = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    let digits = str::from_utf8(digits)
        .ok()
        .filter(|_| digits.iter().all(lower))?;
    let len = usize::from(u16::from_str_radix(digits, 16).ok()?);
    let (packet, rest) = bytes.split_at_checked(len)?;
    let body = packet.get(4..)?.strip_suffix(b"\n")?;
    let space = body.iter().position(|byte| *byte == b' ')?;
    let (name, data) = body.split_at(space);
    Some((name, data.strip_prefix(b" ")?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(packets: &[(&str, &[u8])]) -> Vec<u8> {
        let one = |(name, data): &(&str, &[u8])| {
            let head = format!("{:04x}{name} ", data.len() + name.len() + 6);
            [head.as_bytes(), data, b"\n"].concat()
        };
        packets.iter().flat_map(one).collect()
    }

    #[test]
    fn shows_caveats_of_both_kinds() {
        let signature: (&str, &[u8]) = ("signature", &[0xab; 32]);
        let bytes = packets(&[
            ("location", b"L402"),
            ("identifier", b"id\n with = newline"),
            ("cid", b"RequestMethod = GET"),
            ("cid", b"user"),
            ("vid", b"\x00\x01"),
            ("cl", b"https://auth.example/"),
            signature,
        ]);
        let seen = read(&bytes).unwrap();
        assert_eq!((seen.format, seen.location.as_str()), (Format::V1, "L402"));
        assert_eq!(seen.identifier_hex, hex::encode("id\n with = newline"));
        let caveats: Vec<_> = seen
            .caveats
            .iter()
            .map(|c| (&*c.text, c.third_party))
            .collect();
        assert_eq!(caveats, [("RequestMethod = GET", false), ("user", true)]);
        assert_eq!(seen.signature_hex, Some("ab".repeat(32)));
        for bad in [
            packets(&[("location", b"L402"), signature]),
            packets(&[("identifier", b"id"), ("signature", &[0; 31])]),
            packets(&[("identifier", b"id"), ("cl", b"x"), signature]),
            packets(&[("cid", b"x"), ("identifier", b"id"), signature]),
            packets(&[("identifier", b"id")]),
            b"0000".to_vec(),
            b"0004".to_vec(),
            b"0005\n".to_vec(),
            b"+006 \n".to_vec(),
            b"ffff \n".to_vec(),
        ] {
            assert_eq!(read(&bad), None, "{bad:02x?}");
        }
    }
}
