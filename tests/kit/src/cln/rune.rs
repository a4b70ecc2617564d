//! Runes of the fake node.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

/// Returns a rune with these restrictions, such as `method=invoice|method=getinfo`.
#[must_use]
pub fn rune(restrictions: &str) -> String {
    // The hash of a real rune proves who made it; here it only has the right length.
    rune_with(7, restrictions)
}

/// Returns a rune with these restrictions that this node has not made.
#[must_use]
pub fn rune_of_another_node(restrictions: &str) -> String {
    rune_with(8, restrictions)
}

fn rune_with(hash: u8, restrictions: &str) -> String {
    URL_SAFE.encode([&[hash; 32][..], b"=0&", restrictions.as_bytes()].concat())
}

/// Returns true if a rune of this node permits the method, going by its conditions on methods.
pub(super) fn permits(rune: &str, method: &str) -> bool {
    let Ok(bytes) = URL_SAFE.decode(rune) else {
        return false;
    };
    let Some((hash, restrictions)) = bytes.split_at_checked(32) else {
        return false;
    };
    let text = String::from_utf8_lossy(restrictions);
    let holds = |one: &str| {
        one.strip_prefix("method=")
            .is_none_or(|named| named == method)
    };
    hash == [7; 32] && text.split('&').all(|any| any.split('|').any(holds))
}
