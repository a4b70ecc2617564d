//! The form of a kept answer on disk.
//!
//! ```text
//!   "l402vlt1" │ 19 random bytes │ piece 0 │ piece 1 │ … │ last piece
//!   piece: at most 64 KiB and 16 bytes that prove it
//! ```
//!
//! Each piece is sealed by XChaCha20-Poly1305 under a nonce of the random bytes, its number, and a mark
//! of the last one: the STREAM construction. So a piece that was changed, left out, moved or cut off is
//! found, and so is one from another file. The length and the JSON of the head stand before the body.

use std::io::{self, Read, Write};

use chacha20poly1305::aead::Payload;
use chacha20poly1305::aead::generic_array::GenericArray;
use chacha20poly1305::aead::stream::{DecryptorBE32, EncryptorBE32};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use zeroize::Zeroizing;

const MAGIC: &[u8; 8] = b"l402vlt1";

/// The length of a piece before it is sealed, in bytes.
const PIECE: usize = 64 * 1024;

/// The length of the proof of a piece, in bytes.
const TAG: usize = 16;

/// The random part of a nonce; the number of a piece and its mark are the other 5 bytes.
const NONCE: usize = 19;

/// The key of the vault.
pub(super) type Key = Zeroizing<[u8; 32]>;

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(GenericArray::from_slice(key.as_slice()))
}

/// The error of a file that was changed.
fn damaged() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// A file that is being written.
pub(super) struct Sealer<W> {
    out: W,
    pieces: EncryptorBE32<XChaCha20Poly1305>,
    bound_to: Vec<u8>,
    buffer: Vec<u8>,
}

impl<W: Write> Sealer<W> {
    pub(super) fn new(mut out: W, key: &Key, bound_to: Vec<u8>) -> io::Result<Self> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| io::Error::other(error.to_string()))?;
        out.write_all(MAGIC)?;
        out.write_all(&nonce)?;
        Ok(Self {
            out,
            pieces: EncryptorBE32::from_aead(cipher(key), GenericArray::from_slice(&nonce)),
            bound_to,
            buffer: Vec::with_capacity(PIECE),
        })
    }

    pub(super) fn add(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            // A full buffer waits for one byte more: it may be the last piece.
            if self.buffer.len() == PIECE {
                let payload = Payload {
                    msg: &self.buffer,
                    aad: &self.bound_to,
                };
                let sealed = self.pieces.encrypt_next(payload).map_err(|_| damaged())?;
                self.out.write_all(&sealed)?;
                self.buffer.clear();
            }
            let room = (PIECE - self.buffer.len()).min(bytes.len());
            let (now, later) = bytes.split_at(room);
            self.buffer.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Writes the last piece, and returns the file.
    pub(super) fn finish(mut self) -> io::Result<W> {
        let payload = Payload {
            msg: &self.buffer,
            aad: &self.bound_to,
        };
        let sealed = self.pieces.encrypt_last(payload).map_err(|_| damaged())?;
        self.out.write_all(&sealed)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// A file that is being read.
pub(super) struct Opener<R> {
    file: R,
    /// `None` behind the last piece.
    pieces: Option<DecryptorBE32<XChaCha20Poly1305>>,
    bound_to: Vec<u8>,
    /// Sealed bytes: a piece, and one byte of what is behind it.
    ahead: Vec<u8>,
}

impl<R: Read> Opener<R> {
    pub(super) fn new(mut file: R, key: &Key, bound_to: Vec<u8>) -> io::Result<Self> {
        let (mut magic, mut nonce) = ([0; MAGIC.len()], [0; NONCE]);
        file.read_exact(&mut magic).map_err(cut_off)?;
        file.read_exact(&mut nonce).map_err(cut_off)?;
        if &magic != MAGIC {
            return Err(damaged());
        }
        let nonce = GenericArray::from_slice(&nonce);
        Ok(Self {
            file,
            pieces: Some(DecryptorBE32::from_aead(cipher(key), nonce)),
            bound_to,
            ahead: Vec::with_capacity(PIECE + TAG + 1),
        })
    }

    /// Returns the next piece, or `None` behind the last one.
    ///
    /// # Errors
    /// `InvalidData` for a piece that is not the one that was written there.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(mut pieces) = self.pieces.take() else {
            return Ok(None);
        };
        let wanted = (PIECE + TAG + 1 - self.ahead.len()) as u64;
        self.file
            .by_ref()
            .take(wanted)
            .read_to_end(&mut self.ahead)?;
        // Without a byte behind it, this is the last piece, or the file is cut off: the mark tells.
        let is_last = self.ahead.len() <= PIECE + TAG;
        let behind = (!is_last).then(|| self.ahead.split_off(PIECE + TAG));
        let payload = Payload {
            msg: &self.ahead,
            aad: &self.bound_to,
        };
        let piece = match behind {
            None => pieces.decrypt_last(payload).map_err(|_| damaged())?,
            Some(behind) => {
                let piece = pieces.decrypt_next(payload).map_err(|_| damaged())?;
                self.ahead = behind;
                self.pieces = Some(pieces);
                piece
            }
        };
        Ok(Some(piece))
    }
}

fn cut_off(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged(),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Key {
        Zeroizing::new([byte; 32])
    }

    fn sealed(pieces: &[&[u8]]) -> Vec<u8> {
        let mut sealer = Sealer::new(Vec::new(), &key(1), b"id".to_vec()).unwrap();
        for piece in pieces {
            sealer.add(piece).unwrap();
        }
        sealer.finish().unwrap()
    }

    fn opened(file: &[u8], key: &Key, bound_to: &[u8]) -> io::Result<Vec<u8>> {
        let mut opener = Opener::new(file, key, bound_to.to_vec())?;
        let mut all = Vec::new();
        while let Some(piece) = opener.next()? {
            all.extend(piece);
        }
        Ok(all)
    }

    #[test]
    fn what_was_sealed_is_opened_at_every_length() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 7] {
            let text: Vec<u8> = (0..=250).cycle().take(length).collect();
            let (begin, end) = text.split_at(length / 3);
            let file = sealed(&[begin, end]);
            assert_eq!(opened(&file, &key(1), b"id").unwrap(), text, "{length}");
            assert!(opened(&file, &key(2), b"id").is_err(), "another key");
            assert!(opened(&file, &key(1), b"di").is_err(), "another answer");
        }
    }

    #[test]
    fn no_changed_byte_is_overlooked() {
        let file = sealed(&[b"a paid answer"]);
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(opened(&changed, &key(1), b"id").is_err(), "{at}");
            assert!(opened(&file[..at], &key(1), b"id").is_err(), "cut at {at}");
        }
        let longer = [&file[..], b"x"].concat();
        assert!(opened(&longer, &key(1), b"id").is_err());
    }

    /// Pieces that are whole in themselves, in another order or number.
    #[test]
    fn pieces_that_are_moved_left_out_or_cut_off_are_found() {
        let file = sealed(&[&vec![7; 3 * PIECE]]);
        let head = MAGIC.len() + NONCE;
        let piece = |at: usize| &file[head + at * (PIECE + TAG)..head + (at + 1) * (PIECE + TAG)];
        let whole = [&file[..head], piece(0), piece(1), piece(2)].concat();
        assert_eq!(opened(&whole, &key(1), b"id").unwrap().len(), 3 * PIECE);
        for order in [
            &[1, 0, 2][..],
            &[0, 2],
            &[0, 1],
            &[0, 1, 1],
            &[0, 0, 1, 2],
            &[],
        ] {
            let pieces = order.iter().map(|&at| piece(at)).collect::<Vec<_>>();
            let moved = [&[&file[..head]][..], &pieces].concat().concat();
            assert!(opened(&moved, &key(1), b"id").is_err(), "{order:?}");
        }
    }
}
