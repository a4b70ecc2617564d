#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

use lightning_invoice::{
    PayeePubKey, RawBolt11Invoice, SiPrefix, SignedRawBolt11Invoice, TaggedField,
};

use super::*;
use crate::amount::Msat;
use crate::network::Network;
use crate::time::UnixTime;

/// 10 sat on the main network, made at second 1790000000, for a day.
const GOOD: &str = "lnbc100n1p4tzwuqpp5jq0nhq09mw2dc33dmfy6y4f2zktpf9z6ps4mn0ka609gh38zd6mqsp5c4djrpw\
    vsjd9cuvfzl8sm5n4tgw4298mz9kk3trzfg0yr5vk4s3sdq8fs6rqvsxqrrsscqzpg9qyysgqqpcwvk2zkdnunrruq8kdvdl\
    wvch02f8ym6kfvs669c79wkpsyu3pg32a34hdq0fudeyp0zp9rnwq0cuml24sq9gewkett3d0ealj2ysq0cjck8";

const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// [`GOOD`] with a change and the old signature. If the invoice does not name its payee, that is a
/// valid signature of another node.
fn altered(change: impl FnOnce(&mut RawBolt11Invoice)) -> String {
    let good: SignedRawBolt11Invoice = GOOD.parse().unwrap();
    let (mut raw, _, signature) = good.into_parts();
    change(&mut raw);
    raw.sign(|_| Ok::<_, ()>(signature.0)).unwrap().to_string()
}

fn payee() -> PayeePubKey {
    GOOD.parse::<SignedRawBolt11Invoice>()
        .unwrap()
        .recover_payee_pub_key()
        .unwrap()
}

/// The text with another data part and the checksum that belongs to it (BIP 173).
fn with_data(text: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let (prefix, data) = text.rsplit_once('1').unwrap();
    let value = |c: u8| u8::try_from(ALPHABET.iter().position(|a| *a == c).unwrap()).unwrap();
    let mut data: Vec<u8> = data[..data.len() - 6].bytes().map(value).collect();
    change(&mut data);
    let high = prefix.bytes().map(|b| b >> 5);
    let low = prefix.bytes().map(|b| b & 31);
    let sum = polymod(
        high.chain([0])
            .chain(low)
            .chain(data.iter().copied())
            .chain([0; 6]),
    ) ^ 1;
    data.extend((0..6).map(|i| u8::try_from((sum >> (5 * (5 - i))) & 31).unwrap()));
    let letters = data.iter().map(|v| char::from(ALPHABET[usize::from(*v)]));
    format!("{prefix}1{}", letters.collect::<String>())
}

fn polymod(values: impl Iterator<Item = u8>) -> u32 {
    const GENERATOR: [u32; 5] = [
        0x3b6a_57b2,
        0x2650_8e6d,
        0x1ea1_19fa,
        0x3d42_33dd,
        0x2a14_62b3,
    ];
    values.fold(1, |sum, value| {
        let start = ((sum & 0x01ff_ffff) << 5) ^ u32::from(value);
        (0..5)
            .filter(|bit| (sum >> (25 + bit)) & 1 == 1)
            .fold(start, |s, bit| s ^ GENERATOR[bit])
    })
}

#[test]
fn the_test_writes_right_checksums() {
    assert_eq!(with_data(GOOD, |_| {}), GOOD);
    assert_eq!(altered(|_| {}), GOOD);
}

#[test]
fn reads_every_field() {
    let invoice = Invoice::decode(GOOD).unwrap();
    assert_eq!(invoice.required_amount(), Ok(Msat::from_sat(10)));
    assert_eq!(invoice.network, Network::Bitcoin);
    assert_eq!(invoice.created, UnixTime::from_secs(1_790_000_000));
    assert_eq!(invoice.expires, UnixTime::from_secs(1_790_003_600));
    assert_eq!(invoice.description.as_deref(), Some("L402"));
    assert_eq!(invoice.payee, payee().0.serialize());
    assert_eq!(Invoice::decode(&GOOD.to_uppercase()), Ok(invoice));
}

#[test]
fn a_signature_of_another_than_the_stated_payee_is_called_that() {
    let payee = payee();
    let forged = altered(|raw| {
        raw.data
            .tagged_fields
            .push(TaggedField::PayeePubKey(payee).into())
    });
    assert_eq!(Invoice::decode(&forged), Err(InvoiceError::Signature));
}

#[test]
fn a_signature_that_nobody_can_have_made_is_called_that() {
    // The last two groups of the 104 hold the recovery id, which is 0 to 3.
    let forged = with_data(GOOD, |data| *data.last_mut().unwrap() = 31);
    assert_eq!(Invoice::decode(&forged), Err(InvoiceError::Signature));
    let forged = with_data(GOOD, |data| {
        let start = data.len() - 104;
        data[start..].fill(0);
    });
    assert_eq!(Invoice::decode(&forged), Err(InvoiceError::Signature));
    let forged = with_data(GOOD, |data| {
        let start = data.len() - 104;
        data[start..start + 102].fill(31);
    });
    assert_eq!(Invoice::decode(&forged), Err(InvoiceError::Signature));
}

#[test]
fn reads_an_amount_in_whole_bitcoin() {
    let text = altered(|raw| (raw.hrp.raw_amount, raw.hrp.si_prefix) = (Some(1), None));
    assert!(text.starts_with("lnbc11p"), "{text}");
    let invoice = Invoice::decode(&text).unwrap();
    assert_eq!(invoice.amount, Some(Msat::from_sat(100_000_000)));
}

#[test]
fn an_amount_that_does_not_fit_is_never_taken_for_none() {
    let amount = |number, prefix| {
        let text = altered(|raw| (raw.hrp.raw_amount, raw.hrp.si_prefix) = (Some(number), prefix));
        Invoice::decode(&text).map(|invoice| invoice.amount)
    };
    assert_eq!(
        amount(21_000_000, Some(SiPrefix::Milli)),
        Ok(Some(Msat::from_sat(2_100_000_000_000)))
    );
    for (number, prefix) in [
        (99_999_999_999_999_999, None),
        (u64::MAX, None),
        (99_999_999_999_999_999, Some(SiPrefix::Milli)),
        (21_000_001, None),
        (0, None),
        (0, Some(SiPrefix::Nano)),
        (15_001, Some(SiPrefix::Pico)),
    ] {
        assert_eq!(
            amount(number, prefix),
            Err(InvoiceError::Malformed),
            "{number} {prefix:?}"
        );
    }
    let huge = with_prefix("lnbc99999999999999999999m");
    assert_eq!(Invoice::decode(&huge), Err(InvoiceError::Malformed));
    let padded = with_prefix("lnbc0100n");
    assert_eq!(Invoice::decode(&padded), Err(InvoiceError::Malformed));
    let unit_alone = with_prefix("lnbcm");
    assert_eq!(Invoice::decode(&unit_alone), Err(InvoiceError::Malformed));
}

/// [`GOOD`] under another prefix.
fn with_prefix(prefix: &str) -> String {
    let (_, data) = GOOD.rsplit_once('1').unwrap();
    with_data(&format!("{prefix}1{data}"), |_| {})
}

#[test]
fn every_network_is_told_from_those_it_begins_like() {
    for network in Network::ALL {
        let text = with_prefix(&format!("{}100n", network.invoice_prefix()));
        let invoice = Invoice::decode(&text).unwrap();
        assert_eq!(
            (invoice.network, invoice.amount),
            (network, Some(Msat::from_sat(10)))
        );
        let open = with_prefix(network.invoice_prefix());
        let invoice = Invoice::decode(&open).unwrap();
        assert_eq!((invoice.network, invoice.amount), (network, None));
        assert_eq!(invoice.required_amount(), Err(InvoiceError::Amountless));
    }
    assert_eq!(
        Invoice::decode(&with_prefix("lnxx100n")),
        Err(InvoiceError::Malformed)
    );
}

#[test]
fn a_field_too_many_or_too_few_is_malformed() {
    let doubled = altered(|raw| {
        let hash = TaggedField::PaymentHash(raw.payment_hash().unwrap().clone());
        raw.data.tagged_fields.push(hash.into());
    });
    assert_eq!(Invoice::decode(&doubled), Err(InvoiceError::Malformed));
    let without = |drop: fn(&TaggedField) -> bool| {
        let text = altered(|raw| {
            raw.data.tagged_fields.retain(|field| match field {
                lightning_invoice::RawTaggedField::KnownSemantics(field) => !drop(field),
                lightning_invoice::RawTaggedField::UnknownSemantics(_) => true,
            });
        });
        Invoice::decode(&text).unwrap_err()
    };
    assert_eq!(
        without(|f| matches!(f, TaggedField::PaymentHash(_))),
        InvoiceError::Malformed
    );
    assert_eq!(
        without(|f| matches!(f, TaggedField::Description(_))),
        InvoiceError::Malformed
    );
    assert_eq!(
        without(|f| matches!(f, TaggedField::PaymentSecret(_))),
        InvoiceError::Features
    );
    assert_eq!(
        without(|f| matches!(f, TaggedField::Features(_))),
        InvoiceError::Features
    );
}

#[test]
fn what_is_too_long_is_not_looked_at() {
    let long = "l".repeat(Invoice::MAX_LEN + 1);
    assert_eq!(Invoice::decode(&long), Err(InvoiceError::TooLong));
    assert_eq!(Invoice::decode(&long[1..]), Err(InvoiceError::Malformed));
    for text in [
        "",
        "1",
        "lnbc",
        "lnbc1",
        "lni1qqqq",
        "LNBC100n1",
        "é1",
        "lnbc1é",
    ] {
        assert_eq!(
            Invoice::decode(text),
            Err(InvoiceError::Malformed),
            "{text}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn arbitrary_data_does_not_panic(
        prefix in "(lnbc|lntbs|lnbcrt|ln|x)[0-9]{0,21}[munp]?",
        data in proptest::collection::vec(0_u8..32, 0..300),
    ) {
        let text = with_data(&format!("{prefix}1qqqqqq"), |out| *out = data);
        let _verdict = Invoice::decode(&text);
    }

    #[test]
    fn one_changed_letter_never_decodes(at in 0..GOOD.len(), letter in 0_usize..32) {
        let mut text = GOOD.as_bytes().to_vec();
        text[at] = ALPHABET[letter];
        if text != GOOD.as_bytes() {
            let text = String::from_utf8(text).unwrap();
            proptest::prop_assert_eq!(Invoice::decode(&text), Err(InvoiceError::Malformed));
        }
    }
}

#[test]
fn terms_are_what_the_checked_invoice_says() {
    let invoice = Invoice::decode(GOOD).unwrap();
    let terms = InvoiceTerms::read(GOOD).unwrap();
    assert_eq!(terms.amount, invoice.amount);
    assert_eq!(terms.payment_hash, invoice.payment_hash);
    assert_eq!(terms.network, invoice.network);
    assert_eq!(
        (terms.created, terms.expires),
        (invoice.created, invoice.expires)
    );
}

#[test]
fn terms_are_read_strictly_under_any_signature() {
    let twice = altered(|raw| {
        let hash = raw.payment_hash().unwrap().clone();
        let second = TaggedField::PaymentHash(hash);
        raw.data.tagged_fields.push(second.into());
    });
    assert_eq!(InvoiceTerms::read(&twice), Err(InvoiceError::Malformed));
    let fraction = altered(|raw| {
        raw.hrp.raw_amount = Some(1);
        raw.hrp.si_prefix = Some(SiPrefix::Pico);
    });
    assert_eq!(InvoiceTerms::read(&fraction), Err(InvoiceError::Malformed));
    let amountless = altered(|raw| {
        raw.hrp.raw_amount = None;
        raw.hrp.si_prefix = None;
    });
    let read = InvoiceTerms::read(&amountless).map(|terms| terms.amount);
    assert_eq!(read, Ok(None));
    let checksum = GOOD.replace("lnbc100n", "lnbc200n");
    assert_eq!(InvoiceTerms::read(&checksum), Err(InvoiceError::Malformed));
    let long = format!("{GOOD}{}", "q".repeat(Invoice::MAX_LEN));
    assert_eq!(InvoiceTerms::read(&long), Err(InvoiceError::TooLong));
}

// FAULTS D2: one `lightning:` before an invoice, in any case, is no part of it.
#[test]
fn the_scheme_of_a_link_is_skipped_once() {
    for before in ["lightning:", "LIGHTNING:", "LiGhTnInG:"] {
        let text = format!("{before}{GOOD}");
        assert_eq!(Invoice::decode(&text), Invoice::decode(GOOD), "{before}");
        assert!(InvoiceTerms::read(&text).is_ok(), "{before}");
    }
    let capitals = format!("lightning:{}", GOOD.to_uppercase());
    assert_eq!(Invoice::decode(&capitals), Invoice::decode(GOOD));
    for text in [
        format!("lightning:lightning:{GOOD}"),
        format!("lightning://{GOOD}"),
        format!("bitcoin:{GOOD}"),
        "lightning:".to_owned(),
    ] {
        assert_eq!(
            Invoice::decode(&text),
            Err(InvoiceError::Malformed),
            "{text}"
        );
    }
}
