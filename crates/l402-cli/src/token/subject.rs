//! The kinds of text that can be inspected, and their parts.

use l402::text::bare_invoice;
use l402::{Challenges, Invoice, Preimage};

use crate::error::CliError;

/// The kind of a given text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Challenge,
    Credential,
    Invoice,
    Token,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Challenge => "challenge",
            Self::Credential => "credential",
            Self::Invoice => "invoice",
            Self::Token => "token",
        }
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Challenge => "challenge: what a server asks",
            Self::Credential => "credential: a token and its preimage",
            Self::Invoice => "invoice alone, without a token",
            Self::Token => "token",
        }
    }
}

/// The parts of the text. Its `Debug` shows no secret.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) kind: Kind,
    pub(super) scheme: Option<&'static str>,
    pub(super) token: Option<String>,
    pub(super) invoice: Option<String>,
    pub(super) preimage: Option<Preimage>,
}

impl Subject {
    pub(super) fn read(text: &str) -> Result<Self, CliError> {
        let lines: Vec<&str> = text.lines().map(|line| strip_name(line.trim())).collect();
        let lines: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        let Some(first) = lines.first() else {
            return Err(CliError::usage("there is no token in the input"));
        };
        // A challenge may stand in any line of a pasted head, so all lines are looked at before the first
        // is taken for a token.
        if lines.iter().any(|line| holds_parameters(line)) {
            return Self::of_challenge(&lines);
        }
        if Invoice::decode(first).is_ok() {
            return Ok(Self {
                invoice: Some(bare_invoice(first).to_owned()),
                ..Self::empty(Kind::Invoice)
            });
        }
        Ok(Self::of_credential(first))
    }

    const fn empty(kind: Kind) -> Self {
        Self {
            kind,
            scheme: None,
            token: None,
            invoice: None,
            preimage: None,
        }
    }

    fn of_challenge(lines: &[&str]) -> Result<Self, CliError> {
        let refuse = |error: l402::ChallengeError| CliError::usage(error.to_string());
        let found = Challenges::parse(lines.iter().map(|line| line.as_bytes())).map_err(refuse)?;
        let payable = found.payable().map_err(refuse)?;
        let challenge = payable
            .first()
            .ok_or_else(|| CliError::usage("there is no challenge"))?;
        Ok(Self {
            scheme: Some(challenge.scheme().name()),
            token: Some(challenge.token().to_owned()),
            invoice: Some(challenge.invoice().to_owned()),
            ..Self::empty(Kind::Challenge)
        })
    }

    /// Reads `L402 <token>:<preimage>`, with or without the name of the scheme, or a token alone. A
    /// token may hold colons, so the last one counts, and only before a preimage.
    fn of_credential(line: &str) -> Self {
        let (scheme, rest) = strip_scheme(line);
        let split = rest
            .rsplit_once(':')
            .and_then(|(t, p)| Some((t, p.parse().ok()?)));
        let (kind, token, preimage) = match split {
            Some((token, preimage)) => (Kind::Credential, token, Some(preimage)),
            None => (Kind::Token, rest, None),
        };
        Self {
            scheme,
            token: Some(token.to_owned()),
            preimage,
            ..Self::empty(kind)
        }
    }
}

/// Removes the name of a header before a line.
fn strip_name(line: &str) -> &str {
    const NAMES: [&str; 5] = [
        "www-authenticate",
        "authorization",
        "l402-credential",
        "macaroon",
        "grpc-metadata-macaroon",
    ];
    match line.split_once(':') {
        Some((name, rest)) if NAMES.iter().any(|n| name.eq_ignore_ascii_case(n)) => rest.trim(),
        _ => line,
    }
}

fn strip_scheme(line: &str) -> (Option<&'static str>, &str) {
    match line.split_once(' ') {
        Some((name, rest)) if name.eq_ignore_ascii_case("L402") => (Some("L402"), rest.trim()),
        Some((name, rest)) if name.eq_ignore_ascii_case("LSAT") => (Some("LSAT"), rest.trim()),
        _ => (None, line),
    }
}

fn holds_parameters(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    let (scheme, rest) = strip_scheme(&line);
    let named = |text: &str| {
        ["invoice=", "macaroon=", "token=", "version="]
            .iter()
            .any(|name| text.contains(name))
    };
    // An invoice is enough even without a scheme: no token or credential holds `invoice=`.
    scheme.is_some() && named(rest) || line.contains("invoice=")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREIMAGE: &str = "2f466aea907bfa80883ece0c453f7ad6b358149e531dc7b7b2e30397e921fb50";

    fn read(text: &str) -> Subject {
        Subject::read(text).unwrap()
    }

    #[test]
    fn a_credential_comes_with_or_without_header_and_scheme() {
        for before in ["Authorization: L402 ", "l402 ", "LSAT ", ""] {
            let subject = read(&format!("{before}AgEE==:{PREIMAGE}"));
            assert_eq!(subject.kind, Kind::Credential, "{before}");
            assert_eq!(subject.token.as_deref(), Some("AgEE=="));
            assert!(subject.preimage.is_some());
            assert!(!format!("{subject:?}").contains("2f466aea"));
        }
    }

    #[test]
    fn a_token_alone_may_hold_anything() {
        for token in ["AgEE==", "eyJ.abc:def", "{\"v\":2}"] {
            let subject = read(token);
            assert_eq!(
                (subject.kind, subject.token.as_deref()),
                (Kind::Token, Some(token))
            );
        }
    }

    #[test]
    fn a_challenge_is_read_over_all_its_lines() {
        let text = "www-authenticate: Payment id=\"1\", invoice=\"other\"\r\n\
                    WWW-Authenticate: L402 macaroon=\"AgEE\", invoice=\"lnbc1\"\r\n";
        let subject = read(text);
        assert_eq!(subject.kind, Kind::Challenge);
        assert_eq!(subject.invoice.as_deref(), Some("lnbc1"));
        assert_eq!(subject.scheme, Some("L402"));
    }

    #[test]
    fn nothing_is_refused_with_words() {
        assert!(Subject::read(" \n\n").is_err());
        assert!(Subject::read("L402 macaroon=\"AgEE\"").is_err());
    }
}
