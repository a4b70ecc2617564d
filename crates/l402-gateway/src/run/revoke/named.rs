//! The texts that name what is revoked.

use l402::{Identifier, PaymentHash, TokenId};

/// Reads the id of a token, or the identifier that holds it.
///
/// # Errors
/// A text for people, if it is neither.
pub fn token_id_of(text: &str) -> Result<TokenId, String> {
    if text.len() == 2 * Identifier::LEN {
        let identifier = Identifier::from_bytes(&bytes::<{ Identifier::LEN }>(text)?);
        return Ok(identifier.map_err(|error| error.to_string())?.token_id);
    }
    let bytes: [u8; 32] = bytes(text).map_err(|error| {
        format!(
            "{error}; the access log shows the first digits of an id alone, by which a stranger's token \
             could be hit: `l402 token inspect` shows all"
        )
    })?;
    Ok(TokenId::from_bytes(bytes))
}

/// Reads the hash of a payment.
///
/// # Errors
/// A text for people, if it is none.
pub fn payment_hash_of(text: &str) -> Result<PaymentHash, String> {
    bytes(text).map(PaymentHash::from_bytes)
}

fn bytes<const N: usize>(text: &str) -> Result<[u8; N], String> {
    let wrong = || format!("{} hex digits were expected, not {text:?}", 2 * N);
    if text.len() != 2 * N || !text.is_ascii() {
        return Err(wrong());
    }
    let mut bytes = [0; N];
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        let digits = text.get(at..at + 2).ok_or_else(wrong)?;
        // `from_str_radix` takes a sign, which is no digit.
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        *byte = u8::from_str_radix(digits, 16)
            .ok()
            .filter(|_| is_hex)
            .ok_or_else(wrong)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use l402::KeyNumber;

    use super::*;

    #[test]
    fn an_id_is_read_whole_or_not_at_all() {
        let id = "00".to_owned() + "07" + &"a5".repeat(30);
        let read = token_id_of(&id).unwrap();
        assert_eq!(read, TokenId::new(KeyNumber(7), [0xa5; 30]));
        let identifier = format!("0000{}{}", "1f".repeat(32), id.to_uppercase());
        assert_eq!(token_id_of(&identifier), Ok(read));
        let other_version = format!("0001{}{id}", "1f".repeat(32));
        for wrong in [&id[..16], &id[1..], &other_version, &id.replace('a', "+")] {
            assert!(token_id_of(wrong).is_err(), "{wrong}");
        }
        let told = token_id_of(&id[..16]).unwrap_err();
        assert!(told.contains("token inspect"), "{told}");
        assert!(payment_hash_of(&"é".repeat(32)).is_err());
    }
}
