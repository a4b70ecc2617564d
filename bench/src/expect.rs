//! What an answer has to be. Every answer of a run is held against this.

use std::collections::HashSet;
use std::sync::Arc;

use crate::response::Answer;

/// What a scenario's answers have in common.
#[derive(Clone, Debug)]
pub(crate) enum Expect {
    /// 200 with exactly this body.
    Body(Arc<[u8]>),
    /// 402 with a challenge whose payment hash nobody saw before.
    Challenge,
    /// 402 with some challenge and exactly this body: what a server without a node can say.
    FixedChallenge(Arc<[u8]>),
    /// 401, or 429 after many: the credential is no good.
    Refused,
    /// 200 with an invoice in lnd's JSON, its payment hash new as well.
    Invoice,
}

/// The payment hashes of the whole run.
#[derive(Debug, Default)]
pub(crate) struct Seen(HashSet<u128>);

impl Expect {
    /// Checks one answer.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn check(&self, answer: &Answer<'_>, seen: &mut Seen) -> Result<(), String> {
        match self {
            Self::Body(body) => {
                status(answer, 200)?;
                equal(answer, body)
            }
            Self::Challenge => {
                status(answer, 402)?;
                seen.add(challenged(answer)?)
            }
            Self::FixedChallenge(body) => {
                status(answer, 402)?;
                challenged(answer)?;
                equal(answer, body)
            }
            Self::Refused => status(answer, 429).or_else(|_| status(answer, 401)),
            Self::Invoice => {
                status(answer, 200)?;
                let text = str::from_utf8(answer.body).map_err(|_| "the body is no text")?;
                seen.add(quoted(text, "\"payment_request\":").ok_or("no payment request")?)
            }
        }
    }
}

fn status(answer: &Answer<'_>, expected: u16) -> Result<(), String> {
    let status = answer.status;
    let fits = (status == expected).then_some(());
    fits.ok_or_else(|| format!("status {status} instead of {expected}"))
}

fn equal(answer: &Answer<'_>, body: &[u8]) -> Result<(), String> {
    let fits = (answer.body == body).then_some(());
    fits.ok_or_else(|| "another body".to_owned())
}

/// The invoice of the answer's challenge.
fn challenged<'a>(answer: &Answer<'a>) -> Result<&'a str, String> {
    let line = answer.challenge.ok_or("no challenge")?;
    if !line.starts_with("L402 ") && !line.starts_with("LSAT ") {
        return Err("a challenge of another scheme".to_owned());
    }
    let token = quoted(line, "macaroon=").unwrap_or_default();
    if token.is_empty() {
        return Err("a challenge without a token".to_owned());
    }
    quoted(line, "invoice=").ok_or_else(|| "a challenge without an invoice".to_owned())
}

/// The text in quotes behind `key`.
pub(crate) fn quoted<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, value) = text.split_once(key)?;
    let (value, _) = value.strip_prefix('"')?.split_once('"')?;
    Some(value)
}

impl Seen {
    /// Notes an invoice's payment hash.
    fn add(&mut self, invoice: &str) -> Result<(), String> {
        let hash = payment_hash(invoice).ok_or("an invoice without a payment hash")?;
        let new = self.0.insert(hash).then_some(());
        new.ok_or_else(|| "a payment hash that was given out before".to_owned())
    }
}

/// 125 of the 256 bits of a BOLT 11 invoice's payment hash (field `p`); enough to tell a few
/// million apart, and found without decoding or checking the rest.
fn payment_hash(invoice: &str) -> Option<u128> {
    /// Behind the separator comes the time of 35 bits.
    const TIME: usize = 7;
    /// Type and length of a field.
    const FIELD: usize = 3;
    let (_, data) = invoice.rsplit_once('1')?;
    let mut rest = data.as_bytes().get(TIME..)?;
    loop {
        let [kind, high, low, ..] = *rest else {
            return None;
        };
        let length = usize::from(digit(high)?) * 32 + usize::from(digit(low)?);
        let field = rest.get(FIELD..FIELD + length)?;
        if kind == b'p' && length == 52 {
            let mut bits = field.iter().take(25).map(|letter| digit(*letter));
            return bits.try_fold(0, |hash, bits| Some(hash << 5 | u128::from(bits?)));
        }
        rest = &rest[FIELD + length..];
    }
}

/// What a letter of bech32 stands for.
fn digit(letter: u8) -> Option<u8> {
    const LETTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let position = LETTERS.iter().position(|known| *known == letter)?;
    u8::try_from(position).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From BOLT 11's own examples: its payment hash is 0001020304050607…
    const INVOICE: &str = "lnbc1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5\
        qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae\
        8g6twvus8g6rfwvs8qun0dfjkxaq9qrsgq357wnc5r2ueh7ck6q93dj32dlqnls087fxdwk8qakdyafkq3yap9us6v\
        52vjjsrvywa6rt52cm9r9zqt8r2t7mlcwspyetp5h2tztugp9lfyql";

    fn answer<'a>(status: u16, challenge: Option<&'a str>, body: &'a [u8]) -> Answer<'a> {
        Answer {
            status,
            challenge,
            body,
        }
    }

    fn challenge(invoice: &str) -> String {
        format!("L402 macaroon=\"AgEE\", invoice=\"{invoice}\"")
    }

    #[test]
    fn finds_the_payment_hash_in_an_invoice() {
        let bytes: [u8; 16] = core::array::from_fn(|i| u8::try_from(i % 10).unwrap());
        assert_eq!(payment_hash(INVOICE), Some(u128::from_be_bytes(bytes) >> 3));
    }

    #[test]
    fn finds_no_payment_hash_in_half_an_invoice() {
        assert_eq!(payment_hash(&INVOICE[..70]), None);
        assert_eq!(payment_hash("lnbc"), None);
        assert_eq!(payment_hash(""), None);
    }

    #[test]
    fn accepts_a_challenge_once() {
        let (line, mut seen) = (challenge(INVOICE), Seen::default());
        let answer = answer(402, Some(&line), b"pay");
        assert_eq!(Expect::Challenge.check(&answer, &mut seen), Ok(()));
        let again = Expect::Challenge.check(&answer, &mut seen).unwrap_err();
        assert!(again.contains("before"), "{again}");
    }

    #[test]
    fn refuses_another_status_body_or_scheme() {
        let mut seen = Seen::default();
        let body = Expect::Body((*b"paid").into());
        let mut refused = |expect: &Expect, answer: Answer<'_>| {
            expect.check(&answer, &mut seen).unwrap_err();
        };
        refused(&body, answer(200, None, b"pain"));
        refused(&body, answer(503, None, b"paid"));
        let (line, bearer) = (challenge(INVOICE), "Bearer macaroon=\"A\", invoice=\"B\"");
        refused(&Expect::Challenge, answer(200, Some(&line), b""));
        refused(&Expect::Challenge, answer(402, Some(bearer), b""));
        refused(&Expect::Challenge, answer(402, None, b""));
    }

    #[test]
    fn a_fixed_challenge_may_repeat() {
        let (line, mut seen) = (challenge(INVOICE), Seen::default());
        let expect = Expect::FixedChallenge((*b"pay").into());
        for _ in 0..2 {
            let answer = answer(402, Some(&line), b"pay");
            assert_eq!(expect.check(&answer, &mut seen), Ok(()));
        }
    }

    #[test]
    fn reads_the_invoice_of_lnd() {
        let body = format!("{{\"r_hash\":\"AA==\",\"payment_request\":\"{INVOICE}\"}}");
        let answer = answer(200, None, body.as_bytes());
        let mut seen = Seen::default();
        assert_eq!(Expect::Invoice.check(&answer, &mut seen), Ok(()));
        Expect::Invoice.check(&answer, &mut seen).unwrap_err();
    }
}
