//! The V2 binary layout: sections of fields, each field a tag, a varint and its bytes.
//!
//! ```text
//! 2  [1 location]  2 identifier  0        header section
//!    [1 location]  2 identifier  [4 vid]  0   one for each caveat, vid for a third party
//! 0                                       end of the caveats
//! 6 signature
//! ```
//!
//! The reader borrows from the input, does not recurse, and never allocates by a length in the
//! input.

use core::ops::Range;

use super::MacaroonError;

const VERSION: u8 = 2;
const END: u8 = 0;
pub(crate) const LOCATION: u8 = 1;
pub(crate) const IDENTIFIER: u8 = 2;
pub(crate) const VERIFICATION_ID: u8 = 4;
pub(crate) const SIGNATURE: u8 = 6;

/// The length of the end mark of a section, in bytes.
const END_LEN: usize = 1;

/// The bytes behind the sections: end of the caveats, signature.
pub(crate) const TAIL_LEN: usize = 1 + 34;

/// The fields of a macaroon as they stand in the input.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    /// The location, empty if there is none.
    pub(crate) location: &'a [u8],
    pub(crate) identifier: &'a [u8],
    pub(crate) caveats: Vec<Section<'a>>,
    pub(crate) signature: &'a [u8; 32],
}

/// A caveat. A verification id marks it as one for a third party.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    pub(crate) location: Option<&'a [u8]>,
    pub(crate) identifier: &'a [u8],
    pub(crate) verification_id: Option<&'a [u8]>,
}

/// A macaroon without its caveats, which [`walk`] hands over one by one.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    /// The location; `None` if there is none, empty if one of length zero is written.
    pub(crate) location: Option<&'a [u8]>,
    pub(crate) identifier: &'a [u8],
    /// The sections of the caveats, without the mark of their end.
    pub(crate) sections: &'a [u8],
    pub(crate) signature: &'a [u8; 32],
    /// The bytes behind the macaroon.
    pub(crate) rest: &'a [u8],
}

/// Reads one macaroon. Returns it with the bytes that follow it.
pub(crate) fn read(bytes: &[u8], max_caveats: usize) -> Result<(Fields<'_>, &[u8]), MacaroonError> {
    let mut caveats = Vec::new();
    let frame = walk(bytes, max_caveats, |caveat| caveats.push(caveat))?;
    let fields = Fields {
        location: frame.location.unwrap_or_default(),
        identifier: frame.identifier,
        caveats,
        signature: frame.signature,
    };
    Ok((fields, frame.rest))
}

/// Reads one macaroon, and hands over its caveats in order. Allocates nothing.
pub(crate) fn walk<'a>(
    bytes: &'a [u8],
    max_caveats: usize,
    mut caveat: impl FnMut(Section<'a>),
) -> Result<Frame<'a>, MacaroonError> {
    let mut reader = Reader(bytes);
    let header = reader.header().ok_or(MacaroonError::Malformed)?;
    let sections = reader.0;
    let mut count = 0_usize;
    while !reader.take_tag(END) {
        // Checked while reading, so that thousands of caveats are neither kept nor hashed (ATTACKS
        // T-16).
        if count >= max_caveats {
            return Err(MacaroonError::TooManyCaveats);
        }
        caveat(reader.caveat().ok_or(MacaroonError::Malformed)?);
        count = count.saturating_add(1);
    }
    let length = sections.len().saturating_sub(reader.0.len());
    let (sections, _) = sections.split_at(length.saturating_sub(END_LEN));
    Ok(Frame {
        location: header.location,
        identifier: header.identifier,
        sections,
        signature: reader.signature().ok_or(MacaroonError::Malformed)?,
        rest: reader.0,
    })
}

/// The identifiers of sections that have been read before, or were written here.
#[derive(Clone, Debug)]
pub(crate) struct Identifiers<'a> {
    reader: Reader<'a>,
    left: usize,
}

/// Returns the identifiers of sections that [`walk`] has read, of which there are `count`.
pub(crate) fn identifiers(sections: &[u8], count: usize) -> Identifiers<'_> {
    Identifiers {
        reader: Reader(sections),
        left: count,
    }
}

impl<'a> Iterator for Identifiers<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let section = self.reader.section()?;
        self.left = self.left.saturating_sub(1);
        Some(section.identifier)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Identifiers<'_> {}

/// The unread part of the input. Every method returns `None` if the input breaks the layout.
#[derive(Clone, Debug)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads version, location and identifier.
    fn header(&mut self) -> Option<Section<'a>> {
        if !self.take_tag(VERSION) {
            return None;
        }
        let section = self.section()?;
        let valid = section.verification_id.is_none() && !section.identifier.is_empty();
        valid.then_some(section)
    }

    /// Reads a caveat. Only one for a third party may have a location.
    fn caveat(&mut self) -> Option<Section<'a>> {
        let section = self.section()?;
        let valid = section.location.is_none() || section.verification_id.is_some();
        valid.then_some(section)
    }

    /// Reads a section. The order of its fields is fixed, so no field can occur twice.
    fn section(&mut self) -> Option<Section<'a>> {
        let location = self.optional(LOCATION)?;
        let identifier = self.optional(IDENTIFIER)??;
        let verification_id = self.optional(VERIFICATION_ID)?;
        let section = Section {
            location,
            identifier,
            verification_id,
        };
        self.take_tag(END).then_some(section)
    }

    /// Reads the signature, which must be 32 bytes long.
    fn signature(&mut self) -> Option<&'a [u8; 32]> {
        self.optional(SIGNATURE)??.try_into().ok()
    }

    /// Reads the next field if it has this tag. The inner `None` means that it has another.
    fn optional(&mut self, tag: u8) -> Option<Option<&'a [u8]>> {
        if self.take_tag(tag) {
            self.data().map(Some)
        } else {
            Some(None)
        }
    }

    /// Skips the next byte if it is this tag.
    fn take_tag(&mut self, tag: u8) -> bool {
        let found = self.0.first() == Some(&tag);
        if found {
            self.byte();
        }
        found
    }

    /// Reads a length and that many bytes.
    fn data(&mut self) -> Option<&'a [u8]> {
        let len = self.varint()?;
        // The length comes from the sender: it is compared with the input, and nothing is allocated
        // by it (ATTACKS T-17).
        let (data, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(data)
    }

    /// Reads a LEB128 number in its shortest form, of at most four bytes. Larger numbers cannot be
    /// the length of anything that is read here.
    fn varint(&mut self) -> Option<usize> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            value |= usize::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                // A number in a longer form would give the macaroon a second spelling (ATTACKS
                // T-17).
                let overlong = byte == 0 && shift > 0;
                return (!overlong).then_some(value);
            }
        }
        None
    }

    /// Reads one byte.
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }
}

/// A writer of the layout.
#[derive(Debug)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    /// Starts with the version. The capacity is in bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let mut out = Vec::with_capacity(capacity);
        out.push(VERSION);
        Self(out)
    }

    /// Goes on where another writer has stopped.
    pub(crate) fn going_on(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Writes a field: tag, length, data. Returns the place of the data.
    pub(crate) fn field(&mut self, tag: u8, data: &[u8]) -> Range<usize> {
        self.0.push(tag);
        let mut len = data.len();
        while len > 0x7f {
            self.0.push(low_bits(len) | 0x80);
            len >>= 7;
        }
        self.0.push(low_bits(len));
        let start = self.0.len();
        self.0.extend_from_slice(data);
        start..self.0.len()
    }

    /// Ends a section, or the list of caveats.
    pub(crate) fn end(&mut self) {
        self.0.push(END);
    }

    /// Returns the bytes written.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Returns the place of a part within the bytes of which it is a part.
pub(crate) fn place(bytes: &[u8], part: &[u8]) -> Range<usize> {
    // By their addresses, for a part is a slice of the same memory. Anything else has no place.
    let start = part.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr());
    match start.checked_add(part.len()) {
        Some(end) if end <= bytes.len() => start..end,
        _ => 0..0,
    }
}

/// Returns the lowest seven bits.
fn low_bits(value: usize) -> u8 {
    u8::try_from(value & 0x7f).unwrap_or_default()
}
