//! The rules that an unpaid answer is held against. No I/O: an answer goes in, findings come out.

use http::HeaderMap;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use l402::{Challenge, ChallengeError, Challenges, Invoice, UnixTime};

use crate::text::when;

/// What a server answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// The beginning of the body.
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// Every line `WWW-Authenticate`, in order.
    pub(super) fn challenge_lines(&self) -> Vec<&[u8]> {
        self.headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .map(|value| value.as_bytes())
            .collect()
    }

    fn header(&self, name: &http::HeaderName) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// How much a rule matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// Good to have; a buyer gets along without it.
    Advised,
    /// Without it a careful buyer does not pay.
    Required,
}

/// One rule, and whether the answer keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) name: &'static str,
    pub(super) ok: bool,
    pub(super) level: Level,
    pub(super) detail: String,
}

/// All findings about one answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Exam {
    pub(super) findings: Vec<Finding>,
    pub(super) invoice: Option<Invoice>,
    /// The invoice as it came.
    pub(super) bolt11: Option<String>,
    pub(super) token: Option<String>,
}

impl Exam {
    pub(super) fn of(answer: &Answer, now: UnixTime) -> Self {
        let mut exam = Self::default();
        let status = answer.status;
        exam.require(
            "status",
            status == 402,
            format!("{status}, where 402 asks for payment"),
        );
        let cache = answer.header(&CACHE_CONTROL);
        let no_store = cache.to_ascii_lowercase().contains("no-store");
        exam.require(
            "cache",
            no_store,
            match cache {
                "" => "no cache-control; no-store keeps an invoice from being shown to two buyers"
                    .to_owned(),
                _ => format!("cache-control is {cache}; a challenge needs no-store"),
            },
        );
        match payable(answer) {
            Ok(challenges) => exam.challenges(&challenges, now),
            Err(error) => exam.require("challenge", false, error.to_string()),
        }
        exam.body(answer);
        exam
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.findings
            .iter()
            .all(|finding| finding.ok || finding.level == Level::Advised)
    }

    fn require(&mut self, name: &'static str, ok: bool, detail: String) {
        self.findings.push(Finding {
            name,
            ok,
            level: Level::Required,
            detail,
        });
    }

    fn advise(&mut self, name: &'static str, ok: bool, detail: String) {
        self.findings.push(Finding {
            name,
            ok,
            level: Level::Advised,
            detail,
        });
    }

    fn challenges(&mut self, challenges: &[Challenge], now: UnixTime) {
        let Some(challenge) = challenges.first() else {
            return;
        };
        self.require(
            "challenge",
            true,
            "one token and one invoice can be read".to_owned(),
        );
        let offers = match challenges.len() {
            1 => "one price for one token".to_owned(),
            several => format!("{several} different offers; a buyer cannot tell which is meant"),
        };
        self.require("one offer", challenges.len() == 1, offers);
        self.bolt11 = Some(challenge.invoice().to_owned());
        self.token = Some(challenge.token().to_owned());
        match Invoice::decode(challenge.invoice()) {
            Ok(invoice) => {
                self.terms(&invoice, now);
                self.token(challenge.token(), &invoice);
                self.invoice = Some(invoice);
            }
            Err(error) => self.require("invoice", false, error.to_string()),
        }
    }

    fn terms(&mut self, invoice: &Invoice, now: UnixTime) {
        const MARGIN_SECS: u64 = 10;
        const SKEW_SECS: u64 = 300;
        self.require(
            "invoice",
            true,
            "BOLT 11, and its signature holds".to_owned(),
        );
        self.require(
            "amount",
            invoice.amount.is_some(),
            match invoice.amount {
                Some(amount) => amount.to_string(),
                None => "the invoice has none: the payer would choose the price".to_owned(),
            },
        );
        let alive = invoice.expires.secs() > now.secs().saturating_add(MARGIN_SECS);
        self.require(
            "expiry",
            alive,
            format!("the invoice ends {}", when::left(invoice.expires, now)),
        );
        let dated = invoice.created.secs() <= now.secs().saturating_add(SKEW_SECS);
        self.require(
            "date",
            dated,
            format!("the invoice was made {} UTC", when::utc(invoice.created)),
        );
    }

    /// A token in a format that we know must be about the invoice beside it.
    fn token(&mut self, token: &str, invoice: &Invoice) {
        match l402::inspect::inspect(token) {
            Ok(found) => {
                let hash = found.payment_hash;
                let same = hash == Some(invoice.payment_hash);
                match hash {
                    Some(_) => self.require(
                        "payment hash",
                        same,
                        if same {
                            "token and invoice are about the same payment".to_owned()
                        } else {
                            "token and invoice are about different payments".to_owned()
                        },
                    ),
                    None => self.advise(
                        "payment hash",
                        false,
                        "the token does not say which payment it is for; a buyer cannot check"
                            .to_owned(),
                    ),
                }
            }
            Err(_) => self.advise(
                "payment hash",
                false,
                "the token is opaque; a buyer cannot check that it is about this invoice"
                    .to_owned(),
            ),
        }
    }

    fn body(&mut self, answer: &Answer) {
        let kind = answer.header(&CONTENT_TYPE);
        let is_problem = kind
            .to_ascii_lowercase()
            .starts_with("application/problem+json");
        self.advise(
            "problem document",
            is_problem,
            match kind {
                "" => {
                    "no content-type; application/problem+json tells programs what to do".to_owned()
                }
                _ => format!("content-type is {kind}"),
            },
        );
        if is_problem {
            let document = serde_json::from_slice::<serde_json::Value>(&answer.body).ok();
            let status = document
                .as_ref()
                .and_then(|json| json.get("status")?.as_u64());
            let agrees = status == Some(u64::from(answer.status));
            self.advise(
                "problem status",
                agrees,
                "the document repeats the status".to_owned(),
            );
        }
    }
}

fn payable(answer: &Answer) -> Result<Vec<Challenge>, ChallengeError> {
    Challenges::parse(answer.challenge_lines())?.payable()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVOICE: &str = "lnbc100n1p4tzwuqpp5jq0nhq09mw2dc33dmfy6y4f2zktpf9z6ps4mn0ka609gh38zd6mqsp5c4djrpwvsjd9cuvfzl8sm5n4tgw4298mz9kk3trzfg0yr5vk4s3sdq8fs6rqvsxqrrsscqzpg9qyysgqqpcwvk2zkdnunrruq8kdvdlwvch02f8ym6kfvs669c79wkpsyu3pg32a34hdq0fudeyp0zp9rnwq0cuml24sq9gewkett3d0ealj2ysq0cjck8";
    const TOKEN: &str = "AgEEbHNhdAJCAACQHzuB5duU3EYt2kmiVSoVlhSUWgwrub7d08qLxOJutgIOevXgZSl36EojRrvalAgJ4f6W9gVWd3ZXlMKdA001AAITc2VydmljZXM9Zm9yZWNhc3Q6MAAABiAivKbaefZM1MqZlmqutAV2XXicDJPTBTu0C/fAGQWIbw==";
    const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

    fn answer(status: u16, headers: &[(&'static str, String)]) -> Answer {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        Answer {
            status,
            headers,
            body: br#"{"status":402}"#.to_vec(),
        }
    }

    fn good() -> Vec<(&'static str, String)> {
        let challenge = Challenge::new(TOKEN, INVOICE).unwrap();
        vec![
            ("www-authenticate", challenge.to_header()),
            ("cache-control", "no-store".to_owned()),
            ("content-type", "application/problem+json".to_owned()),
        ]
    }

    fn broken(exam: &Exam) -> Vec<&'static str> {
        exam.findings
            .iter()
            .filter(|f| !f.ok)
            .map(|f| f.name)
            .collect()
    }

    #[test]
    fn a_good_challenge_breaks_no_rule() {
        let exam = Exam::of(&answer(402, &good()), NOW);
        assert_eq!(broken(&exam), Vec::<&str>::new());
        assert!(exam.is_healthy());
        assert_eq!(exam.invoice.unwrap().amount, Some(l402::Msat::from_sat(10)));
    }

    #[test]
    fn each_fault_is_named() {
        let exam = Exam::of(&answer(200, &[]), NOW);
        assert_eq!(
            broken(&exam),
            ["status", "cache", "challenge", "problem document"]
        );
        assert!(!exam.is_healthy());

        let late = UnixTime::from_secs(NOW.secs() + 3600);
        assert_eq!(broken(&Exam::of(&answer(402, &good()), late)), ["expiry"]);
        let early = UnixTime::from_secs(NOW.secs() - 3600);
        assert_eq!(broken(&Exam::of(&answer(402, &good()), early)), ["date"]);

        let mut other_hash = good();
        let forged = TOKEN.replacen("CQHzuB", "CQHzuC", 1);
        other_hash[0].1 = Challenge::new(&forged, INVOICE).unwrap().to_header();
        assert_eq!(
            broken(&Exam::of(&answer(402, &other_hash), NOW)),
            ["payment hash"]
        );

        let mut damaged = good();
        damaged[0].1 = Challenge::new(TOKEN, &INVOICE.replace("jck8", "jck9"))
            .unwrap()
            .to_header();
        assert_eq!(broken(&Exam::of(&answer(402, &damaged), NOW)), ["invoice"]);

        let mut half = good();
        half[0].1 = format!("L402 macaroon=\"{TOKEN}\"");
        assert_eq!(broken(&Exam::of(&answer(402, &half), NOW)), ["challenge"]);
    }

    #[test]
    fn an_opaque_token_is_only_noted() {
        let mut headers = good();
        headers[0].1 = Challenge::new("opaque.token", INVOICE).unwrap().to_header();
        let exam = Exam::of(&answer(402, &headers), NOW);
        assert_eq!(broken(&exam), ["payment hash"]);
        assert!(exam.is_healthy());
    }
}
