//! The V2 binary layout: sections of fields, each a tag, a varint and its bytes.
//!
//! ```text
//! 2  [1 location]  2 identifier  0        header section
//!    [1 location]  2 identifier  [4 vid]  0   one for each caveat, vid for a third party
//! 0                                       end of the caveats
//! 6 signature
//! ```
//!
//! The reader borrows, never recurses, and allocates nothing by a length that it was told.

use super::MacaroonError;

const VERSION: u8 = 2;
const END: u8 = 0;
pub(crate) const LOCATION: u8 = 1;
pub(crate) const IDENTIFIER: u8 = 2;
pub(crate) const VERIFICATION_ID: u8 = 4;
pub(crate) const SIGNATURE: u8 = 6;

/// Length of the end mark of a section.
pub(crate) const END_LEN: usize = 1;

/// Length of all that every macaroon has: version, end of the caveats, signature field.
pub(crate) const FRAME_LEN: usize = 1 + 1 + 34;

/// The fields of a macaroon as they stand in the input.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    /// Empty where there is none.
    pub(crate) location: &'a [u8],
    pub(crate) identifier: &'a [u8],
    pub(crate) caveats: Vec<Section<'a>>,
    pub(crate) signature: &'a [u8; 32],
}

/// A caveat. One with a verification id is for a third party.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    pub(crate) location: Option<&'a [u8]>,
    pub(crate) identifier: &'a [u8],
    pub(crate) verification_id: Option<&'a [u8]>,
}

/// Reads one macaroon and gives what follows it.
pub(crate) fn read(bytes: &[u8], max_caveats: usize) -> Result<(Fields<'_>, &[u8]), MacaroonError> {
    let mut reader = Reader(bytes);
    let header = reader.header().ok_or(MacaroonError::Malformed)?;
    let mut caveats = Vec::new();
    while !reader.take_tag(END) {
        if caveats.len() >= max_caveats {
            return Err(MacaroonError::TooManyCaveats);
        }
        caveats.push(reader.caveat().ok_or(MacaroonError::Malformed)?);
    }
    let signature = reader.signature().ok_or(MacaroonError::Malformed)?;
    let location = header.location.unwrap_or_default();
    Ok((
        Fields {
            location,
            identifier: header.identifier,
            caveats,
            signature,
        },
        reader.0,
    ))
}

/// What is left of the input. Every step is `None` where the input does not go on as it must.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn header(&mut self) -> Option<Section<'a>> {
        if !self.take_tag(VERSION) {
            return None;
        }
        let section = self.section()?;
        let valid = section.verification_id.is_none() && !section.identifier.is_empty();
        valid.then_some(section)
    }

    /// Only a caveat of a third party says where that is.
    fn caveat(&mut self) -> Option<Section<'a>> {
        let section = self.section()?;
        let valid = section.location.is_none() || section.verification_id.is_some();
        valid.then_some(section)
    }

    /// The order of the fields is fixed, which leaves no room for one given twice.
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

    fn signature(&mut self) -> Option<&'a [u8; 32]> {
        self.optional(SIGNATURE)??.try_into().ok()
    }

    /// The field with this tag if it is next.
    fn optional(&mut self, tag: u8) -> Option<Option<&'a [u8]>> {
        if self.take_tag(tag) {
            self.data().map(Some)
        } else {
            Some(None)
        }
    }

    fn take_tag(&mut self, tag: u8) -> bool {
        let found = self.0.first() == Some(&tag);
        if found {
            self.byte();
        }
        found
    }

    fn data(&mut self) -> Option<&'a [u8]> {
        let len = self.varint()?;
        let (data, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(data)
    }

    /// LEB128 in its shortest form, up to four bytes: any input worth reading is shorter than
    /// the largest number of that size.
    fn varint(&mut self) -> Option<usize> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            value |= usize::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                let overlong = byte == 0 && shift > 0;
                return (!overlong).then_some(value);
            }
        }
        None
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }
}

/// Writes the layout.
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let mut out = Vec::with_capacity(capacity);
        out.push(VERSION);
        Self(out)
    }

    pub(crate) fn field(&mut self, tag: u8, data: &[u8]) {
        self.0.push(tag);
        let mut len = data.len();
        while len > 0x7f {
            self.0.push(low_bits(len) | 0x80);
            len >>= 7;
        }
        self.0.push(low_bits(len));
        self.0.extend_from_slice(data);
    }

    pub(crate) fn end(&mut self) {
        self.0.push(END);
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// The length of a field on the wire: tag, varint, data.
pub(crate) fn field_len(data: &[u8]) -> usize {
    let bits = usize::BITS
        .saturating_sub(data.len().leading_zeros())
        .max(1);
    let varint = usize::try_from(bits.div_ceil(7)).unwrap_or_default();
    data.len().saturating_add(varint).saturating_add(1)
}

fn low_bits(value: usize) -> u8 {
    u8::try_from(value & 0x7f).unwrap_or_default()
}
