//! Small pieces that are written together as one.
//!
//! A head and a short body in two pieces cost the kernel more than the copy that joins them.

use core::cell::RefCell;
use std::io::IoSlice;

/// The most bytes that are joined. More are cheaper to hand over where they lie.
const MOST: usize = 4096;

thread_local! {
    /// The room in which pieces are joined, one for all connections of a worker.
    static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Calls `write` with all pieces as one if they are several and small, and returns what it returns;
/// `None` otherwise.
pub(super) fn joined<T>(pieces: &[IoSlice<'_>], write: impl FnOnce(&[u8]) -> T) -> Option<T> {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    if pieces.len() < 2 || length > MOST {
        return None;
    }
    ROOM.with(|room| {
        // Taken only by a write within this one, of which there is none.
        let mut room = room.try_borrow_mut().ok()?;
        room.clear();
        pieces
            .iter()
            .for_each(|piece| room.extend_from_slice(piece));
        Some(write(&room))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_small_pieces_become_one_and_nothing_else_does() {
        let of = |pieces: &[&[u8]]| {
            let pieces: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
            joined(&pieces, <[u8]>::to_vec)
        };
        assert_eq!(of(&[b"head", b"", b"body"]), Some(b"headbody".to_vec()));
        assert_eq!(of(&[b"a", b"b"]), Some(b"ab".to_vec()));
        assert_eq!(of(&[b"alone"]), None);
        assert_eq!(of(&[]), None);
        assert_eq!(
            of(&[&[b'x'; MOST - 1], b"y"]).map(|all| all.len()),
            Some(MOST)
        );
        assert_eq!(of(&[&[b'x'; MOST], b"y"]), None);
    }
}
