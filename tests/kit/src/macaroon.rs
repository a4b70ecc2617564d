//! Macaroons of lnd, for tests that read their permissions.

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("short");
    assert!(length < 0x80);
    [&[number << 3 | 2, length], content].concat()
}

/// Returns a macaroon as lnd writes it: version 2, its location, its permissions, a signature. Each
/// permission is an entity and its actions.
///
/// # Panics
/// If the permissions take more than 255 bytes.
#[must_use]
pub fn macaroon(ops: &[(&str, &[&str])]) -> Vec<u8> {
    let mut identifier = [vec![3], field(1, &[7; 16]), field(2, b"0")].concat();
    for (entity, actions) in ops {
        let mut op = field(1, entity.as_bytes());
        actions
            .iter()
            .for_each(|action| op.extend(field(2, action.as_bytes())));
        identifier.extend(field(3, &op));
    }
    let length = u8::try_from(identifier.len()).expect("short");
    let length = if length < 0x80 {
        vec![length]
    } else {
        vec![length, 1]
    };
    [
        &[2, 1, 3],
        &b"lnd"[..],
        &[2],
        &length,
        &identifier,
        &[0, 0, 6, 32],
        &[9; 32],
    ]
    .concat()
}
