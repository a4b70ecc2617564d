//! The text form of a node's signatures: z-base-32, five bits a character.

/// The characters, by their value.
const ALPHABET: &[u8; 32] = b"ybndrfg8ejkmcpqxot1uwisza345h769";

/// Returns the text of these bytes. Bits that are missing in the last character are zero.
#[cfg(any(feature = "ldk", feature = "sandbox", test))]
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    // The bits that no character holds yet, the last one lowest.
    let (mut waiting, mut count) = (0_u32, 0_u32);
    for byte in bytes {
        waiting = (waiting << 8) | u32::from(*byte);
        count = count.saturating_add(8);
        while count >= 5 {
            count = count.saturating_sub(5);
            text.push(character(waiting >> count));
        }
    }
    if count > 0 {
        text.push(character(waiting << 5_u32.saturating_sub(count)));
    }
    text
}

/// Returns the bytes of a text that fills `N` of them to the last bit, as 104 characters fill 65. `None`
/// for any other length, and for other characters.
pub(crate) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len().checked_mul(5)? != N.checked_mul(8)? {
        return None;
    }
    let mut bytes = [0; N];
    let mut places = bytes.iter_mut();
    let (mut waiting, mut count) = (0_u32, 0_u32);
    for character in text.bytes() {
        let value = ALPHABET.iter().position(|known| *known == character)?;
        waiting = (waiting << 5) | u32::try_from(value).ok()?;
        count = count.saturating_add(5);
        if count >= 8 {
            count = count.saturating_sub(8);
            *places.next()? = u8::try_from((waiting >> count) & 0xff).ok()?;
        }
    }
    Some(bytes)
}

/// Returns the character of the lowest five bits.
#[cfg(any(feature = "ldk", feature = "sandbox", test))]
fn character(bits: u32) -> char {
    let value = usize::try_from(bits & 31).unwrap_or_default();
    ALPHABET.get(value).copied().map_or('y', char::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_again() {
        for byte in 0..=255 {
            let bytes: [u8; 65] =
                core::array::from_fn(|at| byte ^ u8::try_from(at).unwrap().wrapping_mul(37));
            let text = encode(&bytes);
            assert_eq!(text.len(), 104);
            assert_eq!(decode(&text), Some(bytes));
        }
        assert_eq!(encode(&[]), "");
        assert_eq!(encode(&[0xff]), "9h");
    }

    #[test]
    fn another_length_or_character_is_no_text_of_it() {
        let good = encode(&[7; 65]);
        for bad in [
            "",
            &good[1..],
            &format!("{good}y"),
            &good.to_uppercase(),
            &good.replace('y', "l"),
            &format!("ü{}", &good[2..]),
        ] {
            assert_eq!(decode::<65>(bad), None, "{bad}");
        }
    }
}
