//! A bound on HTTP/2 frames that carry nothing.
//!
//! Frames such as PING, SETTINGS and PRIORITY cost a client a few bytes and the gateway work, and the
//! HTTP/2 library takes any number of them (ATTACKS D-07). So they are counted here, before it reads
//! them: by the headers of the frames, nothing else is parsed. The client may send some of them for
//! what it is sent: it acknowledges DATA with WINDOW_UPDATE, and gRPC measures the line with PING. So
//! the bytes that are written pay for frames, except those that only answer such a frame.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

/// The length of a frame's header (RFC 9113, section 4.1).
const HEADER: usize = 9;

/// The largest number of unpaid frames in a second.
const UNPAID_MAX: u32 = 1000;
const SECOND: Duration = Duration::from_secs(1);

/// The bytes written that pay for one frame. A DATA frame takes ten at least, and may be answered
/// with two of WINDOW_UPDATE.
const PRICE: usize = 5;

/// The frames that a client has sent on one connection.
#[derive(Debug)]
pub(super) struct Frames {
    header: [u8; HEADER],
    /// The bytes of the present header that have come.
    has: usize,
    /// The bytes that follow before the next header.
    skip: usize,
    unpaid: u32,
    /// The bytes of answers to frames, which are still to be written and pay for nothing.
    owed: usize,
    /// The moment at which there were too many the last time.
    since: Option<Instant>,
}

impl Frames {
    /// Begins after so many bytes, those of the connection preface.
    pub(super) fn after(preface: usize) -> Self {
        Self {
            header: [0; HEADER],
            has: 0,
            skip: preface,
            unpaid: 0,
            owed: 0,
            since: None,
        }
    }

    /// Counts the frames in bytes that were read.
    ///
    /// # Errors
    /// There were too many that carry nothing.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let taken = (HEADER - self.has).min(bytes.len());
            self.header[self.has..self.has + taken].copy_from_slice(&bytes[..taken]);
            self.has += taken;
            bytes = &bytes[taken..];
            if self.has == HEADER {
                self.has = 0;
                self.count()?;
            }
        }
        Ok(())
    }

    /// Counts the frame whose header is complete.
    fn count(&mut self) -> io::Result<()> {
        let [high, mid, low, kind, flags, ..] = self.header;
        self.skip = usize::from(high) << 16 | usize::from(mid) << 8 | usize::from(low);
        let flag = flags & 1 != 0;
        let carries = match kind {
            // DATA, whose flag is the end of its stream.
            0 => self.skip > 0 || flag,
            // CONTINUATION.
            9 => self.skip > 0,
            // HEADERS: those that are given up are counted by the library.
            1 => true,
            // SETTINGS and PING are answered, unless they are answers themselves.
            4 | 6 => {
                if !flag {
                    self.owed += HEADER + if kind == 6 { 8 } else { 0 };
                }
                false
            }
            _ => false,
        };
        self.unpaid += u32::from(!carries);
        if self.unpaid > UNPAID_MAX {
            // The clock is read only here.
            let now = Instant::now();
            if self.since.is_some_and(|since| now - since < SECOND) {
                return Err(io::Error::other(
                    "too many HTTP/2 frames that carry nothing",
                ));
            }
            (self.since, self.unpaid) = (Some(now), 0);
        }
        Ok(())
    }

    /// Notes bytes that were written to the client.
    pub(super) fn wrote(&mut self, count: usize) {
        let owed = self.owed.min(count);
        self.owed -= owed;
        let paid = (count - owed) / PRICE;
        self.unpaid = self
            .unpaid
            .saturating_sub(u32::try_from(paid).unwrap_or(u32::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: u8 = 0;
    const PRIORITY: u8 = 2;
    const PING: u8 = 6;
    const WINDOW_UPDATE: u8 = 8;

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
        frame.resize(HEADER + usize::from(length), 0xff);
        frame
    }

    /// Reads so many frames, in pieces of this size, and returns the number of those taken.
    fn taken(frames: &mut Frames, frame: &[u8], times: usize, piece: usize) -> usize {
        (0..times)
            .take_while(|_| frame.chunks(piece).all(|bytes| frames.read(bytes).is_ok()))
            .count()
    }

    #[tokio::test(start_paused = true)]
    async fn frames_that_carry_nothing_are_bounded_in_a_second() {
        let kinds = [
            (PING, 0, 8),
            (PING, 1, 8),
            (4, 0, 6),
            (PRIORITY, 0, 5),
            (3, 0, 4),
            (WINDOW_UPDATE, 0, 4),
            (DATA, 0, 0),
            (0x10, 0, 3),
        ];
        for (kind, flags, length) in kinds {
            for piece in [1, 4, 100] {
                let mut frames = Frames::after(0);
                let one = frame(kind, flags, length);
                assert_eq!(taken(&mut frames, &one, 9999, piece), 2001, "{kind}");
                let mut slow = Frames::after(0);
                for _ in 0..20 {
                    assert_eq!(taken(&mut slow, &one, 900, piece), 900, "{kind}");
                    tokio::time::advance(SECOND).await;
                }
            }
        }
    }

    #[test]
    fn what_carries_something_is_not_counted() {
        let mut frames = Frames::after(24);
        assert_eq!(taken(&mut frames, &[PING; 24], 1, 7), 1);
        for (kind, flags, length) in [(DATA, 0, 1), (DATA, 1, 0), (1, 4, 9), (9, 0, 200)] {
            let one = frame(kind, flags, length);
            assert_eq!(taken(&mut frames, &one, 5000, 11), 5000, "{kind}");
        }
        assert_eq!(frames.unpaid, 0);
    }

    #[test]
    fn an_answer_pays_for_frames_and_the_answer_to_a_frame_does_not() {
        let mut frames = Frames::after(0);
        let update = frame(WINDOW_UPDATE, 0, 4);
        for _ in 0..10_000 {
            frames.wrote(10);
            assert_eq!(taken(&mut frames, &update, 2, 100), 2);
        }
        let (ping, mut taken_of_all) = (frame(PING, 0, 8), 0);
        while frames.read(&ping).is_ok() && taken_of_all < 9999 {
            frames.wrote(17);
            taken_of_all += 1;
        }
        assert!(taken_of_all < 2100, "{taken_of_all}");
    }
}
