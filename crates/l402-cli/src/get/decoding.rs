//! Unpacking of compressed answers, for `--compressed`, on the way to where they are written.
//!
//! Below this, an answer is the bytes that the server sent: receipts, kept answers and lengths are
//! about those.

use std::cell::Cell;
use std::io::{self, Write};
use std::rc::Rc;

use brotli_decompressor::DecompressorWriter;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

/// The value of `Accept-Encoding`.
pub(super) const ACCEPTED: &str = "deflate, gzip, br";

/// The most encodings that lie around one another, as with curl.
const LAYERS_MAX: usize = 5;

/// The bytes that are unpacked at once.
const PIECE: usize = 64 * 1024;

/// The length to which any answer may be unpacked, in bytes.
const SMALL: u64 = 64 * 1024 * 1024;

/// The most that a byte may become beyond that. No gzip and no deflate makes more of one.
const GROWTH_MAX: u64 = 1100;

/// The number of bytes that may still be written.
#[derive(Clone, Debug)]
pub(super) struct Allowance(Rc<Cell<u64>>);

impl Allowance {
    /// Allows `most` bytes, or without a number what honest packing makes of what comes.
    pub(super) fn new(most: Option<u64>) -> Self {
        Self(Rc::new(Cell::new(most.unwrap_or(SMALL))))
    }

    /// Counts bytes that came.
    pub(super) fn grow(&self, came: usize) {
        let more = GROWTH_MAX.saturating_mul(came as u64);
        self.0.set(self.0.get().saturating_add(more));
    }
}

/// A writer that has to be told of the end.
pub(super) trait Body: Write {
    /// Writes what is left.
    ///
    /// # Errors
    /// Those of the writer, and an end in the middle of packed bytes.
    fn finish(&mut self) -> io::Result<()>;
}

/// A way to pack bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Brotli,
    Deflate,
    Gzip,
}

/// Returns the encodings of an answer, the outermost first.
///
/// # Errors
/// The name of one that is not known, or a word on too many.
pub(super) fn encodings(headers: &HeaderMap) -> Result<Vec<Encoding>, String> {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let text: Vec<_> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()).to_lowercase())
        .collect();
    let text = text.join(",");
    let names = text.split(',').map(str::trim);
    let mut found = Vec::new();
    // A server names them in the order in which it applied them, so the last is the outermost.
    for name in names.rev() {
        found.push(match name {
            "" | "identity" => continue,
            "br" => Encoding::Brotli,
            "deflate" => Encoding::Deflate,
            "gzip" | "x-gzip" => Encoding::Gzip,
            name => return Err(name.to_owned()),
        });
    }
    if found.len() > LAYERS_MAX {
        return Err(format!("more than {LAYERS_MAX} encodings"));
    }
    Ok(found)
}

/// Returns a writer that unpacks what is written to it. It fails with [`io::ErrorKind::FileTooLarge`]
/// before it writes more than is allowed; what is not packed has no such limit.
pub(super) fn unpacked(
    out: Box<dyn Write>,
    encodings: &[Encoding],
    allowance: &Allowance,
) -> Box<dyn Body> {
    let left = (!encodings.is_empty()).then(|| allowance.clone());
    let plain: Box<dyn Body> = Box::new(Plain { out, left });
    // The innermost encoding is the last to be taken off, so its writer is the nearest to the end.
    encodings
        .iter()
        .rev()
        .fold(plain, |out, encoding| match encoding {
            Encoding::Brotli => {
                Box::new(Brotli(DecompressorWriter::new(out, PIECE))) as Box<dyn Body>
            }
            Encoding::Deflate => Box::new(Deflate::Unknown(Vec::new(), Some(out))),
            Encoding::Gzip => Box::new(Gzip(MultiGzDecoder::new(out))),
        })
}

struct Plain {
    out: Box<dyn Write>,
    left: Option<Allowance>,
}

struct Brotli(DecompressorWriter<Box<dyn Body>>);

struct Gzip(MultiGzDecoder<Box<dyn Body>>);

/// `deflate` is zlib by its definition, and without zlib's head and sum from some servers.
enum Deflate {
    Bare(DeflateDecoder<Box<dyn Body>>),
    /// The first bytes, as long as they do not say which it is, and the writer.
    Unknown(Vec<u8>, Option<Box<dyn Body>>),
    Zlib(ZlibDecoder<Box<dyn Body>>),
}

impl Body for Plain {
    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Write for Plain {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(Allowance(left)) = &self.left {
            let rest = left.get().checked_sub(bytes.len() as u64);
            left.set(rest.ok_or(io::ErrorKind::FileTooLarge)?);
        }
        self.out.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Body for Brotli {
    fn finish(&mut self) -> io::Result<()> {
        self.0.close()?;
        self.0.get_mut().finish()
    }
}

impl Write for Brotli {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Body for Gzip {
    fn finish(&mut self) -> io::Result<()> {
        self.0.try_finish()?;
        self.0.get_mut().finish()
    }
}

impl Write for Gzip {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Deflate {
    /// Chooses by the first two bytes (RFC 1950, section 2.2).
    fn choose(begun: &[u8], out: Box<dyn Body>) -> Self {
        match begun {
            [method, flags, ..]
                if method & 15 == 8
                    && (u16::from(*method) * 256 + u16::from(*flags)).is_multiple_of(31) =>
            {
                Self::Zlib(ZlibDecoder::new(out))
            }
            _ => Self::Bare(DeflateDecoder::new(out)),
        }
    }
}

impl Body for Deflate {
    fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Bare(inner) => {
                inner.try_finish()?;
                inner.get_mut().finish()
            }
            Self::Unknown(..) => Err(io::ErrorKind::UnexpectedEof.into()),
            Self::Zlib(inner) => {
                inner.try_finish()?;
                inner.get_mut().finish()
            }
        }
    }
}

impl Write for Deflate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Bare(inner) => inner.write(bytes),
            Self::Unknown(begun, out) => {
                begun.extend_from_slice(bytes);
                if begun.len() >= 2
                    && let Some(out) = out.take()
                {
                    let begun = std::mem::take(begun);
                    *self = Self::choose(&begun, out);
                    self.write_all(&begun)?;
                }
                Ok(bytes.len())
            }
            Self::Zlib(inner) => inner.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Bare(inner) => inner.flush(),
            Self::Unknown(..) => Ok(()),
            Self::Zlib(inner) => inner.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use http::HeaderValue;

    use super::*;

    /// A text of 2,000 bytes, packed by brotli: `"0123456789" * 200`.
    const BROTLI: [u8; 20] = [
        0x1b, 0xcf, 0x07, 0xf8, 0xc5, 0x0d, 0xc6, 0xe6, 0x25, 0x8d, 0x30, 0x30, 0x14, 0x00, 0x70,
        0x50, 0x4e, 0x67, 0xef, 0x01,
    ];

    /// A hundred million zeros, packed by brotli.
    const BOMB: [u8; 93] = [
        0xcf, 0xff, 0xff, 0x7f, 0xf8, 0x27, 0x00, 0xe2, 0xb1, 0x40, 0x20, 0xf7, 0xfe, 0x9f, 0xff,
        0xff, 0xff, 0xf0, 0x4f, 0x00, 0xc4, 0x61, 0x01, 0x80, 0xee, 0xfd, 0x3f, 0xff, 0xff, 0xff,
        0xe1, 0x9f, 0x00, 0x88, 0xc3, 0x22, 0x00, 0xdd, 0xfb, 0x7f, 0xfe, 0xff, 0xff, 0xc3, 0x3f,
        0x01, 0x10, 0x87, 0x05, 0x00, 0xba, 0xf7, 0xff, 0xfc, 0xff, 0xff, 0x87, 0x7f, 0x02, 0x20,
        0x0e, 0x0b, 0x00, 0x74, 0xef, 0xff, 0xf9, 0xff, 0xff, 0x0f, 0xff, 0x04, 0x40, 0x1c, 0x16,
        0x00, 0xe8, 0xde, 0xff, 0xe7, 0xff, 0xff, 0x0f, 0xfe, 0x09, 0x80, 0x38, 0x2c, 0x00, 0xd0,
        0xbd, 0xff, 0x01,
    ];

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn text() -> Vec<u8> {
        "0123456789".repeat(200).into_bytes()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    /// Unpacks it byte by byte.
    fn unpack(packed: &[u8], encodings: &[Encoding]) -> io::Result<Vec<u8>> {
        let kept = Kept::default();
        let allowance = Allowance::new(None);
        let mut body = unpacked(Box::new(kept.clone()), encodings, &allowance);
        for byte in packed {
            body.write_all(&[*byte])?;
            body.flush()?;
        }
        body.finish()?;
        Ok(kept.0.lock().unwrap().clone())
    }

    fn named(text: &'static str) -> Result<Vec<Encoding>, String> {
        encodings(&HeaderMap::from_iter([(
            CONTENT_ENCODING,
            HeaderValue::from_static(text),
        )]))
    }

    #[test]
    fn each_encoding_is_taken_off_also_of_one_another() {
        let text = text();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(&text).unwrap();
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::fast());
        bare.write_all(&text).unwrap();
        let zlib = zlib.finish().unwrap();
        let twice = gzip(&zlib);
        for (name, packed) in [
            ("gzip", gzip(&text)),
            ("x-gzip", [gzip(&text[..5]), gzip(&text[5..])].concat()),
            ("deflate", zlib),
            ("deflate", bare.finish().unwrap()),
            ("deflate, identity, GZIP", twice),
            ("br", BROTLI.to_vec()),
            ("", text.clone()),
        ] {
            let encodings = named(name).unwrap();
            assert_eq!(unpack(&packed, &encodings).unwrap(), text, "{name}");
        }
    }

    /// ATTACKS D-19.
    #[test]
    fn an_answer_that_grows_without_measure_is_cut_off() {
        let kept = Kept::default();
        let allowance = Allowance::new(Some(1_000_000));
        let mut body = unpacked(Box::new(kept.clone()), &[Encoding::Brotli], &allowance);
        let error = body.write_all(&BOMB).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        let written = kept.0.lock().unwrap().len();
        assert!((900_000..=1_000_000).contains(&written), "{written}");
        // What gzip makes of zeros stays below the growth that is allowed.
        let zeros = vec![0; 1_000_000];
        let packed = gzip(&zeros);
        let allowance = Allowance::new(Some(0));
        allowance.grow(packed.len());
        let kept = Kept::default();
        let mut body = unpacked(Box::new(kept.clone()), &[Encoding::Gzip], &allowance);
        body.write_all(&packed).unwrap();
        body.finish().unwrap();
        assert_eq!(kept.0.lock().unwrap().len(), zeros.len());
    }

    #[test]
    fn what_is_cut_short_or_broken_or_unknown_is_an_error() {
        let packed = gzip(&text());
        for bad in [&packed[..packed.len() - 1], &packed[..5], b"no gzip at all"] {
            assert!(unpack(bad, &[Encoding::Gzip]).is_err());
        }
        assert!(unpack(&BROTLI[..10], &[Encoding::Brotli]).is_err());
        assert!(unpack(b"x", &[Encoding::Deflate]).is_err());
        assert_eq!(named("gzip, zstd").unwrap_err(), "zstd");
        assert!(named("gzip,gzip,gzip,gzip,gzip,gzip").is_err());
    }
}
