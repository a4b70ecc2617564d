//! Randomness for token ids, read from the system in blocks.
//!
//! A call of the system costs more than the bytes that it brings. What is left of a block stays in the
//! memory of one thread, and no byte is given out twice.

use core::cell::RefCell;

/// The length of a block in bytes: enough for 34 tokens.
const BLOCK: usize = 1024;

/// The length of the random part of a token's id, in bytes.
const PART: usize = 30;

thread_local! {
    static REST: RefCell<Rest> = const { RefCell::new(Rest { bytes: [0; BLOCK], used: BLOCK }) };
}

/// A block, of which the first `used` bytes have been given out.
struct Rest {
    bytes: [u8; BLOCK],
    used: usize,
}

/// Returns the random part of a token's id.
///
/// # Errors
/// If the system has no randomness. Nothing may be minted then.
pub(super) fn token_part() -> Result<[u8; PART], getrandom::Error> {
    REST.with_borrow_mut(|rest| rest.take(getrandom::fill))
}

impl Rest {
    /// Takes the next bytes, out of a block that `fill` makes if too few are left.
    fn take<E>(&mut self, fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<[u8; PART], E> {
        if self.used + PART > BLOCK {
            // A block that could not be filled is not begun.
            self.used = BLOCK;
            fill(&mut self.bytes)?;
            self.used = 0;
        }
        let mut part = [0; PART];
        let given = &mut self.bytes[self.used..self.used + PART];
        part.copy_from_slice(given);
        // It stands in a token from now on, and nowhere else.
        given.fill(0);
        self.used += PART;
        Ok(part)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_part_is_given_twice() {
        let parts: HashSet<_> = (0..1000).map(|_| token_part().unwrap()).collect();
        assert_eq!(parts.len(), 1000);
    }

    #[test]
    fn every_byte_is_fresh_and_a_failure_leaves_none() {
        let mut rest = Rest {
            bytes: [0; BLOCK],
            used: BLOCK,
        };
        let mut blocks = 0;
        for _ in 0..3 * (BLOCK / PART) {
            let part = rest.take(|block| {
                blocks += 1;
                block.fill(7);
                Ok::<_, ()>(())
            });
            assert_eq!(part, Ok([7; PART]));
        }
        assert_eq!(blocks, 3);
        for _ in 0..2 {
            assert_eq!(rest.take(|_| Err("none")), Err("none"));
        }
    }
}
