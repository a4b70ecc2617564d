//! The permissions of a macaroon of lnd, read from its identifier.
//!
//! lnd writes a version byte (3) and then the Protocol Buffers message `MacaroonId` of
//! macaroon-bakery: nonce (1), storage id (2) and the permissions (3), each an entity (1) and its
//! actions (2).

use std::path::Path;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use l402::Macaroon;
use zeroize::Zeroizing;

#[cfg(feature = "pay")]
use crate::node::LND_PAYING;
use crate::node::LND_RECEIVING;
use crate::{Error, ErrorKind, LndNode};

/// The version byte of macaroon-bakery's protocol 3.
const VERSION: u8 = 3;

/// Both alphabets of base64, with padding or without.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// The maximum number of permissions read; more than lnd has.
const MAX_PERMISSIONS: usize = 512;

/// The entities that a receiver may write: invoices, and fresh addresses.
const HARMLESS_WRITES: [&str; 2] = ["address", "invoices"];

/// Further calls that cannot spend.
const HARMLESS_CALLS: [&str; 3] = [
    "/invoicesrpc.Invoices/LookupInvoiceV2",
    "/lnrpc.Lightning/ChannelBalance",
    "/lnrpc.Lightning/DecodePayReq",
];

/// A permission: an entity, and the actions permitted on it.
#[derive(Debug, PartialEq, Eq)]
struct Permission {
    entity: String,
    actions: Vec<String>,
}

impl Permission {
    /// Returns the first action that goes beyond receiving.
    fn excess(&self) -> Option<String> {
        self.first_action(|action| !self.is_harmless(action))
    }

    /// Returns the first action that goes beyond paying.
    #[cfg(feature = "pay")]
    fn excess_of_payer(&self) -> Option<String> {
        let pays = |action: &str| match self.entity.as_str() {
            "uri" => LND_PAYING.contains(&action),
            entity => entity == "offchain" && action == "write",
        };
        self.first_action(|action| !self.is_harmless(action) && !pays(action))
    }

    fn is_harmless(&self, action: &str) -> bool {
        match self.entity.as_str() {
            // A list of what is allowed, so that a call or entity of a later lnd counts as spending
            // until somebody has looked at it.
            "uri" => LND_RECEIVING.contains(&action) || HARMLESS_CALLS.contains(&action),
            entity => action == "read" || action == "write" && HARMLESS_WRITES.contains(&entity),
        }
    }

    fn first_action(&self, is_wanted: impl Fn(&str) -> bool) -> Option<String> {
        let action = self.actions.iter().find(|action| is_wanted(action))?;
        Some(format!("{}:{action}", self.entity))
    }
}

/// Returns a macaroon in lnd's binary form, from that form, hexadecimal or base64; `None` for text
/// that is none of them. The binary form begins with the byte 2, and no text does.
pub(super) fn binary(bytes: Zeroizing<Vec<u8>>) -> Option<Zeroizing<Vec<u8>>> {
    if bytes.first() == Some(&2) {
        return Some(bytes);
    }
    // Tools that write either form break it into lines.
    let is_text = |byte: &u8| !byte.is_ascii_whitespace();
    let text = Zeroizing::new(bytes.iter().copied().filter(is_text).collect::<Vec<u8>>());
    let binary = match hex::decode(text.as_slice()) {
        Ok(binary) => binary,
        Err(_) if text.contains(&b'-') || text.contains(&b'_') => URL_SAFE.decode(&*text).ok()?,
        Err(_) => STANDARD.decode(&*text).ok()?,
    };
    let binary = Zeroizing::new(binary);
    (binary.first() == Some(&2)).then_some(binary)
}

/// Refuses a macaroon that may do more than receive, or whose permissions cannot be read.
pub(super) fn only_receives(bytes: &[u8], path: &Path) -> Result<(), Error> {
    let refuse = |why: String| {
        let text = format!(
            "the macaroon {} {why}; sell with lnd's invoice.macaroon, which cannot spend, or with the \
             least that sells, made by: {} (danger_spending_node accepts the danger)",
            path.display(),
            LndNode::least_macaroon_to_sell()
        );
        Err(Error::new(ErrorKind::Unauthorized, text))
    };
    let Some(ops) = permissions_of(bytes) else {
        return refuse("does not show what it allows".to_owned());
    };
    match ops.iter().find_map(Permission::excess) {
        Some(op) => refuse(format!("may do more than receive ({op})")),
        None => Ok(()),
    }
}

/// Returns a warning about a macaroon that may do more than pay, or whose permissions cannot be read.
/// It names the file and one permission, and nothing of the macaroon itself.
#[cfg(feature = "pay")]
pub(super) fn beyond_paying(bytes: &[u8], path: &Path) -> Option<String> {
    let what = match permissions_of(bytes) {
        None => "does not show what it allows".to_owned(),
        Some(ops) => {
            let excess = ops.iter().find_map(Permission::excess_of_payer)?;
            format!("may do more than pay ({excess})")
        }
    };
    Some(format!(
        "the macaroon {} {what}, and so may anybody who gets hold of it; the least that pays is made by: {}",
        path.display(),
        LndNode::least_macaroon_to_pay()
    ))
}

fn permissions_of(macaroon: &[u8]) -> Option<Vec<Permission>> {
    let macaroon = Macaroon::from_bytes(macaroon).ok()?;
    permissions(macaroon.identifier_bytes())
}

/// Returns the permissions in an identifier; `None` if it is not one of lnd's, or grants nothing.
fn permissions(identifier: &[u8]) -> Option<Vec<Permission>> {
    let (version, mut message) = identifier.split_first()?;
    let mut ops = Vec::new();
    while let Some((field, content)) = next_field(&mut message)? {
        if field == 3 {
            ops.push(permission(content)?);
        }
        if ops.len() > MAX_PERMISSIONS {
            return None;
        }
    }
    // An identifier without permissions is refused as unreadable: a kind of macaroon that this
    // parser does not know may allow everything.
    (*version == VERSION && !ops.is_empty()).then_some(ops)
}

fn permission(mut message: &[u8]) -> Option<Permission> {
    let mut op = Permission {
        entity: String::new(),
        actions: Vec::new(),
    };
    while let Some((field, content)) = next_field(&mut message)? {
        let text = str::from_utf8(content).ok()?.to_owned();
        match field {
            1 => op.entity = text,
            2 => op.actions.push(text),
            _ => return None,
        }
    }
    Some(op)
}

/// Takes the next field, which in these messages always has a length (wire type 2). The outer
/// `None` means that the message is malformed, the inner one that it has ended.
#[expect(clippy::option_option, reason = "the two are different answers")]
fn next_field<'a>(message: &mut &'a [u8]) -> Option<Option<(u64, &'a [u8])>> {
    if message.is_empty() {
        return Some(None);
    }
    let key = varint(message)?;
    let length = usize::try_from(varint(message)?).ok()?;
    let (content, rest) = message.split_at_checked(length)?;
    *message = rest;
    (key & 7 == 2).then_some(Some((key >> 3, content)))
}

/// Reads a number in base 128, least group first; at most four groups, which are 256 MiB as a
/// length.
fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in [0, 7, 14, 21] {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2], &length(content)[..], content].concat()
    }

    /// Returns the length in base 128, least group first; at most two groups.
    fn length(content: &[u8]) -> Vec<u8> {
        let [low, high] = [content.len() & 0x7f, content.len() >> 7];
        let [low, high] = [low, high].map(|group| u8::try_from(group).unwrap());
        assert!(high < 0x80);
        if high == 0 {
            vec![low]
        } else {
            vec![low | 0x80, high]
        }
    }

    fn identifier(ops: &[(&str, &[&str])]) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(field(1, &[7; 16]));
        bytes.extend(field(2, b"0"));
        for (entity, actions) in ops {
            let mut op = field(1, entity.as_bytes());
            actions
                .iter()
                .for_each(|action| op.extend(field(2, action.as_bytes())));
            bytes.extend(field(3, &op));
        }
        bytes
    }

    /// The same layout that lnd writes: version 2, location, identifier, signature.
    fn macaroon(identifier: &[u8]) -> Vec<u8> {
        let packets = [
            &[2, 1, 3][..],
            b"lnd",
            &[2],
            &length(identifier),
            identifier,
            &[0, 0, 6, 32],
            &[9; 32],
        ];
        packets.concat()
    }

    fn verdict(ops: &[(&str, &[&str])]) -> Result<(), Error> {
        only_receives(&macaroon(&identifier(ops)), Path::new("x.macaroon"))
    }

    #[test]
    fn the_invoice_macaroon_of_lnd_receives() {
        let ops: [(&str, &[&str]); 3] = [
            ("address", &["read", "write"]),
            ("invoices", &["read", "write"]),
            ("onchain", &["read"]),
        ];
        verdict(&ops).unwrap();
        verdict(&[(
            "uri",
            &[
                "/lnrpc.Lightning/AddInvoice",
                "/lnrpc.Lightning/LookupInvoice",
            ],
        )])
        .unwrap();
    }

    #[test]
    fn a_macaroon_is_read_from_each_of_its_forms() {
        let bytes = macaroon(&identifier(&[("invoices", &["read", "???????"])]));
        let read = |text: &[u8]| binary(Zeroizing::new(text.to_vec()));
        let hex = hex::encode(&bytes);
        let (head, rest) = hex.split_at(60);
        let plain = base64::engine::general_purpose::STANDARD.encode(&bytes);
        let url_safe = base64::engine::general_purpose::URL_SAFE.encode(&bytes);
        assert!(plain != url_safe, "the two alphabets differ here");
        for text in [
            hex.to_uppercase(),
            format!("\n {head}\r\n{rest}\n"),
            plain.trim_end_matches('=').to_owned(),
            format!("{plain}\n"),
            url_safe,
        ] {
            assert_eq!(read(text.as_bytes()).as_deref(), Some(&bytes), "{text}");
        }
        assert_eq!(read(&bytes).as_deref(), Some(&bytes));
        for wrong in ["", "no macaroon", "0g", "03ff", &hex[1..], "{\"v\":2}"] {
            assert!(read(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }

    #[test]
    fn the_least_that_sells_sells_and_the_least_that_pays_pays() {
        let ops = |command: &str| {
            let calls = command.split(" uri:").skip(1);
            macaroon(&identifier(&[("uri", &calls.collect::<Vec<_>>())]))
        };
        let path = Path::new("x");
        only_receives(&ops(&LndNode::least_macaroon_to_sell()), path).unwrap();
        #[cfg(feature = "pay")]
        {
            let pays = ops(&LndNode::least_macaroon_to_pay());
            assert!(only_receives(&pays, path).is_err());
            assert_eq!(beyond_paying(&pays, path), None);
        }
    }

    #[test]
    fn whatever_can_spend_is_refused_and_named() {
        for (entity, action) in [
            ("offchain", "write"),
            ("onchain", "write"),
            ("macaroon", "generate"),
            ("macaroon", "write"),
            ("signer", "generate"),
            ("uri", "/routerrpc.Router/SendPaymentV2"),
            ("uri", "/lnrpc.Lightning/SendPaymentSync"),
        ] {
            let error = verdict(&[
                ("invoices", &["read", "write"]),
                (entity, &["read", action]),
            ]);
            let error = error.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unauthorized);
            let named = if entity == "uri" { "uri:" } else { action };
            assert!(error.to_string().contains(named), "{error}");
            assert!(
                error
                    .to_string()
                    .contains(&LndNode::least_macaroon_to_sell()),
                "{error}"
            );
        }
    }

    // ATTACKS C-31. FAULTS C17: a payer with too mighty a macaroon is told which one is enough.
    #[cfg(feature = "pay")]
    #[test]
    fn a_payer_is_warned_of_more_than_it_needs() {
        let warning = |ops: &[(&str, &[&str])]| {
            beyond_paying(&macaroon(&identifier(ops)), Path::new("x.macaroon"))
        };
        let rw: &[&str] = &["read", "write"];
        for (excess, ops) in [
            ("info:write", &[("info", rw), ("offchain", rw)][..]),
            ("onchain:write", &[("offchain", rw), ("onchain", rw)]),
            ("macaroon:generate", &[("macaroon", &["generate"])]),
            (
                "uri:/lnrpc.Lightning/SendCoins",
                &[("uri", &["/lnrpc.Lightning/SendCoins"])],
            ),
        ] {
            let text = warning(ops).unwrap_or_else(|| panic!("{excess}"));
            for words in ["x.macaroon", excess, "bakemacaroon", LND_PAYING[0]] {
                assert!(text.contains(words), "{words}: {text}");
            }
        }
        assert_eq!(warning(&[("offchain", rw), ("info", &["read"])]), None);
        let (first, rest) = LND_PAYING.split_at(2);
        assert_eq!(warning(&[("uri", first), ("uri", rest)]), None);
        assert_eq!(warning(&[("invoices", rw), ("address", rw)]), None);
        let unreadable = beyond_paying(b"secret", Path::new("x")).unwrap();
        assert!(!unreadable.contains("secret"), "{unreadable}");
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let good = identifier(&[("invoices", &["read"])]);
        let mut other_version = good.clone();
        *other_version.first_mut().unwrap() = 2;
        let cut = good.split_last().unwrap().1.to_vec();
        for wrong in [other_version, cut, vec![VERSION], identifier(&[])] {
            let refused = only_receives(&macaroon(&wrong), Path::new("x"));
            assert_eq!(
                refused.unwrap_err().kind(),
                ErrorKind::Unauthorized,
                "{wrong:?}"
            );
        }
        assert!(only_receives(b"not a macaroon", Path::new("x")).is_err());
        assert_eq!(permissions(&[]), None);
        assert_eq!(permissions(&[VERSION, 0xff, 0xff, 0xff, 0xff, 0x01]), None);
    }
}
