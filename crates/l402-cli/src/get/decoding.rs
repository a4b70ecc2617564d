//! Unpacking of compressed answers, for `--compressed`, on the way to where they are written.
//!
//! Below this, an answer is the bytes that the server sent: receipts, kept answers and lengths are
//! about those.

use std::io::{self, Write};

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

/// Returns a writer that unpacks what is written to it.
pub(super) fn unpacked(out: Box<dyn Write>, encodings: &[Encoding]) -> Box<dyn Body> {
    let plain: Box<dyn Body> = Box::new(Plain(out));
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

struct Plain(Box<dyn Write>);

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
        self.0.flush()
    }
}

impl Write for Plain {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
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
        let mut body = unpacked(Box::new(kept.clone()), encodings);
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
