//! The header with which a proxy begins a connection to say whose it is: the PROXY protocol of
//! haproxy, version 1 (a line) and version 2 (binary).
//!
//! ```text
//!   1:  PROXY TCP4 203.0.113.7 192.0.2.1 51000 443 CRLF
//!   2:  signature 12 | version, command 1 | family 1 | length 2 | addresses | TLVs
//! ```

use core::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The first bytes of version 2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The bytes of version 2 before its addresses.
const FIXED: usize = 16;

/// The first bytes of version 1.
const LINE: &[u8] = b"PROXY ";

/// The longest line of version 1, with its end.
const LINE_MAX: usize = 107;

/// The longest header of version 2 that is read. The addresses take 216 bytes at most; a client
/// certificate may follow.
pub(crate) const HEADER_MAX: usize = 4096;

/// The entry of version 2 with a checksum over the whole header.
const CRC32C: u8 = 0x03;

/// The entry of version 2 that tells of the client's TLS.
const TLS: u8 = 0x20;

/// The bit in it that says that the client used TLS.
const CLIENT_TLS: u8 = 0x01;

/// The connection that a header tells of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProxyHeader {
    /// The client's address. `None` if the connection is the proxy's own, such as for a check, or
    /// if the client has none.
    pub(crate) source: Option<SocketAddr>,
    /// True if the client speaks TLS with the proxy.
    pub(crate) tls: bool,
}

/// The reason why the bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoHeader {
    Missing,
    Malformed,
    TooLong,
    Checksum,
}

impl fmt::Display for NoHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "it does not begin with a PROXY header (proxy_protocol)",
            Self::Malformed => "its PROXY header is malformed",
            Self::TooLong => "its PROXY header is too long",
            Self::Checksum => "the checksum of its PROXY header is wrong",
        })
    }
}

impl std::error::Error for NoHeader {}

/// Reads the header at the begin of a connection, and returns it with its length. `None` if the bytes
/// are the begin of one.
pub(crate) fn read(bytes: &[u8]) -> Result<Option<(ProxyHeader, usize)>, NoHeader> {
    let begins = |start: &[u8]| bytes.iter().zip(start).all(|(one, other)| one == other);
    if begins(&SIGNATURE) {
        return read_binary(bytes);
    }
    if begins(LINE) {
        return read_line(bytes);
    }
    Err(NoHeader::Missing)
}

/// Reads version 1.
fn read_line(bytes: &[u8]) -> Result<Option<(ProxyHeader, usize)>, NoHeader> {
    let within = &bytes[..bytes.len().min(LINE_MAX)];
    let Some(end) = within.windows(2).position(|pair| pair == b"\r\n") else {
        return match within.len() < LINE_MAX {
            true => Ok(None),
            false => Err(NoHeader::TooLong),
        };
    };
    let line = std::str::from_utf8(&bytes[LINE.len()..end]).map_err(|_| NoHeader::Malformed)?;
    let words: Vec<&str> = line.split(' ').collect();
    let source = match words[..] {
        // Whatever follows is to be ignored.
        ["UNKNOWN", ..] => None,
        ["TCP4", source, target, from, to] => {
            let ends = [source, target].map(|text| text.parse::<Ipv4Addr>().map(IpAddr::V4).ok());
            Some(source_of(ends, [from, to]).ok_or(NoHeader::Malformed)?)
        }
        ["TCP6", source, target, from, to] => {
            let ends = [source, target].map(|text| text.parse::<Ipv6Addr>().map(IpAddr::V6).ok());
            Some(source_of(ends, [from, to]).ok_or(NoHeader::Malformed)?)
        }
        _ => return Err(NoHeader::Malformed),
    };
    Ok(Some((ProxyHeader { source, tls: false }, end + 2)))
}

/// Returns the source of a line, if both of its ends are sound.
fn source_of(ends: [Option<IpAddr>; 2], ports: [&str; 2]) -> Option<SocketAddr> {
    let [from, to] = ports.map(port);
    let ([source, target], from) = (ends, from?);
    (target.is_some() && to.is_some()).then_some(address(source?, from))
}

/// Reads a port in decimal digits, without zeros in front.
fn port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

/// Returns the address in its canonical form: an IPv4 client counts as the IPv4 address that it is.
fn address(ip: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(ip.to_canonical(), port)
}

/// Reads version 2.
fn read_binary(bytes: &[u8]) -> Result<Option<(ProxyHeader, usize)>, NoHeader> {
    let Some((fixed, after)) = bytes.split_at_checked(FIXED) else {
        return Ok(None);
    };
    let [command, family, high, low] = [fixed[12], fixed[13], fixed[14], fixed[15]];
    let length = usize::from(u16::from_be_bytes([high, low]));
    if FIXED + length > HEADER_MAX {
        return Err(NoHeader::TooLong);
    }
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(NoHeader::Malformed),
    };
    let Some(block) = after.get(..length) else {
        return Ok(None);
    };
    let end = FIXED + length;
    // The connection is the proxy's own, and what it says of addresses means nothing.
    if is_local {
        return Ok(Some((ProxyHeader::default(), end)));
    }
    let (source, entries) = addresses(family, block).ok_or(NoHeader::Malformed)?;
    let tls = read_entries(&bytes[..end], entries)?;
    Ok(Some((ProxyHeader { source, tls }, end)))
}

/// Returns the source of a connection, if it has an address, and the bytes behind the addresses.
/// `None` if they do not go with the family. Datagrams are none of ours.
fn addresses(family: u8, block: &[u8]) -> Option<(Option<SocketAddr>, &[u8])> {
    let length = match family {
        0x00 => 0,
        0x11 => 12,
        0x21 => 36,
        0x31 => 216,
        _ => return None,
    };
    let (ends, entries) = block.split_at_checked(length)?;
    let source: Option<IpAddr> = match family {
        0x11 => Some(<[u8; 4]>::try_from(&ends[..4]).ok()?.into()),
        0x21 => Some(<[u8; 16]>::try_from(&ends[..16]).ok()?.into()),
        _ => None,
    };
    // Source and target, then their ports.
    let port = |at: usize| Some(u16::from_be_bytes([*ends.get(at)?, *ends.get(at + 1)?]));
    let source = match source {
        Some(ip) => Some(address(ip, port(length - 4)?)),
        None => None,
    };
    Some((source, entries))
}

/// Reads the entries behind the addresses (TLVs), and returns true if one says that the client uses
/// TLS. A checksum is checked; the others are skipped.
fn read_entries(header: &[u8], mut entries: &[u8]) -> Result<bool, NoHeader> {
    let mut tls = false;
    while let Some((&kind, after)) = entries.split_first() {
        let (length, after) = after.split_at_checked(2).ok_or(NoHeader::Malformed)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        let (value, next) = after.split_at_checked(length).ok_or(NoHeader::Malformed)?;
        match kind {
            TLS => tls = value.first().is_some_and(|bits| bits & CLIENT_TLS != 0),
            CRC32C => {
                let at = header.len() - next.len() - value.len();
                let stated = <[u8; 4]>::try_from(value).map_err(|_| NoHeader::Malformed)?;
                if crc32c(header, at) != u32::from_be_bytes(stated) {
                    return Err(NoHeader::Checksum);
                }
            }
            _ => {}
        }
        entries = next;
    }
    Ok(tls)
}

/// Returns the checksum of a header (RFC 9260, appendix A), for which the four bytes from `at` on are
/// zeros. One bit at a time: a header is short, and there is one of it a connection.
fn crc32c(header: &[u8], at: usize) -> u32 {
    let bytes = header.iter().enumerate();
    let bytes = bytes.map(|(index, byte)| {
        if (at..at + 4).contains(&index) {
            0
        } else {
            *byte
        }
    });
    let sum = bytes.fold(!0_u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg())
        })
    });
    !sum
}

#[cfg(all(test, not(fuzzing)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let length = u16::try_from(block.len())
            .expect("a short block")
            .to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, block].concat()
    }

    /// The addresses of TCP over IPv4, from 203.0.113.7:51000 to 192.0.2.1:443.
    const V4: [u8; 12] = [203, 0, 113, 7, 192, 0, 2, 1, 0xc7, 0x38, 1, 0xbb];

    fn source(text: &str) -> Option<SocketAddr> {
        (!text.is_empty()).then(|| text.parse().expect("an address"))
    }

    #[test]
    fn lines_of_version_1_are_read_to_their_end() {
        for (line, expected) in [
            (
                "PROXY TCP4 203.0.113.7 192.0.2.1 51000 443",
                "203.0.113.7:51000",
            ),
            (
                "PROXY TCP6 2001:db8::7 2001:db8::1 0 65535",
                "[2001:db8::7]:0",
            ),
            ("PROXY TCP6 ::ffff:203.0.113.7 ::1 1 2", "203.0.113.7:1"),
            ("PROXY UNKNOWN", ""),
            (
                "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535",
                "",
            ),
        ] {
            let text = format!("{line}\r\nGET / HTTP/1.1\r\n");
            let (header, length) = read(text.as_bytes()).unwrap().unwrap();
            assert_eq!(
                (header.source, header.tls),
                (source(expected), false),
                "{line}"
            );
            assert_eq!(length, line.len() + 2);
            assert_eq!(read(&text.as_bytes()[..length - 1]), Ok(None), "{line}");
        }
    }

    #[test]
    fn other_lines_are_refused() {
        for (line, why) in [
            ("GET / HTTP/1.1\r\n", NoHeader::Missing),
            ("PROXY\r\n", NoHeader::Missing),
            ("proxy TCP4 1.1.1.1 1.1.1.1 1 1\r\n", NoHeader::Missing),
            ("PROXY \r\n", NoHeader::Malformed),
            ("PROXY  TCP4 1.1.1.1 1.1.1.1 1 1\r\n", NoHeader::Malformed),
            ("PROXY UDP4 1.1.1.1 1.1.1.1 1 1\r\n", NoHeader::Malformed),
            ("PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n", NoHeader::Malformed),
            ("PROXY TCP4 1.1.1.1 1.1.1.1 1 1 \r\n", NoHeader::Malformed),
            ("PROXY TCP4 1.1.1.1 1.1.1.256 1 1\r\n", NoHeader::Malformed),
            ("PROXY TCP4 01.1.1.1 1.1.1.1 1 1\r\n", NoHeader::Malformed),
            ("PROXY TCP4 1.1.1.1 1.1.1.1 01 1\r\n", NoHeader::Malformed),
            ("PROXY TCP4 1.1.1.1 1.1.1.1 +1 1\r\n", NoHeader::Malformed),
            (
                "PROXY TCP4 1.1.1.1 1.1.1.1 1 65536\r\n",
                NoHeader::Malformed,
            ),
            ("PROXY TCP4 ::1 ::1 1 1\r\n", NoHeader::Malformed),
            ("PROXY TCP6 1.1.1.1 1.1.1.1 1 1\r\n", NoHeader::Malformed),
            (
                "PROXY TCP4 1.1.1.1 1.1.1.1 1 \u{fc}\r\n",
                NoHeader::Malformed,
            ),
        ] {
            assert_eq!(read(line.as_bytes()), Err(why), "{line}");
        }
        let long = format!("PROXY UNKNOWN {}", "x".repeat(93));
        assert_eq!(read(&long.as_bytes()[..106]), Ok(None));
        assert_eq!(read(&long.as_bytes()[..107]), Err(NoHeader::TooLong));
        // The longest line there may be.
        let longest = format!("{}\r\n", &long[..105]);
        assert!(matches!(read(longest.as_bytes()), Ok(Some((_, 107)))));
    }

    #[test]
    fn version_2_is_read_with_its_entries() {
        let tls = [0x20, 0, 5, 1, 0, 0, 0, 0];
        let not_tls = [0x20, 0, 5, 0, 0, 0, 0, 0];
        let name = *b"\x02\0\x04shop";
        let v6 = |first: u8| [&[first; 16][..], &[1; 16], &[0, 80, 1, 1]].concat();
        for (bytes, expected, is_tls) in [
            (binary(0x21, 0x11, &V4), "203.0.113.7:51000", false),
            (
                binary(0x21, 0x11, &[&V4[..], &name, &tls].concat()),
                "203.0.113.7:51000",
                true,
            ),
            (
                binary(0x21, 0x11, &[&V4[..], &not_tls].concat()),
                "203.0.113.7:51000",
                false,
            ),
            (
                binary(0x21, 0x21, &v6(0x20)),
                "[2020:2020:2020:2020:2020:2020:2020:2020]:80",
                false,
            ),
            (binary(0x21, 0x31, &[0; 216]), "", false),
            (binary(0x21, 0x00, &[]), "", false),
            (binary(0x21, 0x00, &tls), "", true),
            (binary(0x20, 0x00, &[]), "", false),
            // Of a connection of the proxy's own nothing else counts.
            (binary(0x20, 0x11, &V4), "", false),
            (binary(0x20, 0xff, b"any"), "", false),
        ] {
            let (header, length) = read(&bytes).unwrap().unwrap();
            assert_eq!(
                (header.source, header.tls),
                (source(expected), is_tls),
                "{bytes:?}"
            );
            assert_eq!(length, bytes.len());
            let more = [&bytes[..], b"GET"].concat();
            assert_eq!(read(&more).unwrap().unwrap().1, length);
            for end in 0..length {
                assert_eq!(read(&bytes[..end]), Ok(None), "{end} of {bytes:?}");
            }
        }
    }

    #[test]
    fn other_headers_of_version_2_are_refused() {
        let entry = |value: &[u8]| [&V4[..], value].concat();
        for (bytes, why) in [
            (binary(0x11, 0x11, &V4), NoHeader::Malformed),
            (binary(0x22, 0x11, &V4), NoHeader::Malformed),
            (binary(0x21, 0x12, &V4), NoHeader::Malformed),
            (binary(0x21, 0x41, &V4), NoHeader::Malformed),
            (binary(0x21, 0x11, &V4[..11]), NoHeader::Malformed),
            (binary(0x21, 0x21, &V4), NoHeader::Malformed),
            (binary(0x21, 0x11, &entry(&[2])), NoHeader::Malformed),
            (
                binary(0x21, 0x11, &entry(&[2, 0, 2, 0])),
                NoHeader::Malformed,
            ),
            (
                binary(0x21, 0x11, &entry(&[3, 0, 3, 0, 0, 0])),
                NoHeader::Malformed,
            ),
            (
                binary(0x21, 0x11, &entry(&[3, 0, 4, 0, 0, 0, 0])),
                NoHeader::Checksum,
            ),
            (binary(0x20, 0x00, &[0; HEADER_MAX]), NoHeader::TooLong),
        ] {
            assert_eq!(read(&bytes), Err(why), "{bytes:?}");
        }
        // Refused before its bytes have come.
        assert_eq!(
            read(&binary(0x21, 0x11, &[0; HEADER_MAX])[..16]),
            Err(NoHeader::TooLong)
        );
    }

    #[test]
    fn the_checksum_is_that_of_rfc_9260() {
        // The check value of CRC-32C. No byte of it stands at `at`.
        assert_eq!(crc32c(b"123456789", 9), 0xe306_9283);
        let mut bytes = binary(
            0x21,
            0x11,
            &[&V4[..], &[3, 0, 4, 0, 0, 0, 0], b"\x04\0\0"].concat(),
        );
        let at = 16 + 12 + 3;
        let sum = crc32c(&bytes, at).to_be_bytes();
        bytes[at..at + 4].copy_from_slice(&sum);
        assert!(matches!(read(&bytes), Ok(Some(_))));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let read = read(&flipped);
            // A connection of the proxy's own, or an entry that is no checksum any more.
            let is_another = bit / 8 == 12 || bit / 8 == at - 3;
            assert!(
                is_another || !matches!(read, Ok(Some(_))),
                "{bit}: {read:?}"
            );
        }
    }

    proptest! {
        /// The result depends on no byte behind the header, and on no cut.
        #[test]
        fn any_bytes_are_read_once(
            version in 0..3_u8,
            mut bytes in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let start = [&b""[..], b"PROXY ", &SIGNATURE][usize::from(version)];
            bytes.splice(..0, start.iter().copied());
            let whole = read(&bytes);
            for end in 0..bytes.len() {
                match read(&bytes[..end]) {
                    Ok(None) => {}
                    early => prop_assert_eq!(early, whole),
                }
            }
            if let Ok(Some((_, length))) = whole {
                prop_assert!(length <= bytes.len());
            }
        }
    }
}
