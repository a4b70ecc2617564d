//! The refusals, as problem documents (RFC 9457).

use http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::answer::{AdminAnswer, answer};
use super::program::NotReloaded;
use crate::{ConfigError, GatewayError, GatewayErrorKind};

/// The reason why a request is refused, and the fix.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) kind: ProblemKind,
    /// The fault of this request, and the fix. No secret.
    pub(crate) detail: String,
    /// The mistakes of a configuration.
    pub(crate) mistakes: Vec<ConfigError>,
}

/// The kinds of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProblemKind {
    /// The audit log cannot be written, so nothing was changed.
    AuditLog,
    BadBody,
    BadParameter,
    /// The file and what is asked for contradict each other.
    Conflict,
    ForeignOrigin,
    Internal,
    Method(&'static str),
    /// The configuration has mistakes.
    Mistakes,
    NoFile,
    NotFound,
    ReadOnly,
    TokenNeeded,
    TooLarge,
    TooManyTokens,
    TooSlow,
    /// A store cannot be used.
    Unavailable,
    WrongHost,
}

impl ProblemKind {
    const fn row(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::AuditLog => (
                S::SERVICE_UNAVAILABLE,
                "audit_log",
                "The change cannot be written down",
            ),
            Self::BadBody => (S::BAD_REQUEST, "bad_body", "The body cannot be read"),
            Self::BadParameter => (S::BAD_REQUEST, "bad_parameter", "A parameter is wrong"),
            Self::Conflict => (S::CONFLICT, "conflict", "It does not go with what is there"),
            Self::ForeignOrigin => (
                S::FORBIDDEN,
                "foreign_origin",
                "A page of another origin asks",
            ),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "internal", "The gateway failed"),
            Self::Method(_) => (S::METHOD_NOT_ALLOWED, "method", "The method is wrong"),
            Self::Mistakes => (
                S::UNPROCESSABLE_ENTITY,
                "configuration",
                "The configuration has mistakes",
            ),
            Self::NoFile => (S::CONFLICT, "no_file", "There is no configuration file"),
            Self::NotFound => (S::NOT_FOUND, "not_found", "There is nothing here"),
            Self::ReadOnly => (S::CONFLICT, "read_only", "The file is read-only"),
            Self::TokenNeeded => (S::UNAUTHORIZED, "token_needed", "A token is needed"),
            Self::TooLarge => (S::PAYLOAD_TOO_LARGE, "too_large", "The body is too long"),
            Self::TooManyTokens => (
                S::TOO_MANY_REQUESTS,
                "too_many_tokens",
                "Too many wrong tokens",
            ),
            Self::TooSlow => (S::REQUEST_TIMEOUT, "too_slow", "The body came too slowly"),
            Self::Unavailable => (
                S::SERVICE_UNAVAILABLE,
                "unavailable",
                "A store cannot be used",
            ),
            Self::WrongHost => (
                S::MISDIRECTED_REQUEST,
                "wrong_host",
                "This is another server",
            ),
        }
    }
}

/// A problem document.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct ProblemJson {
    /// Always `about:blank`: `code` names the problem.
    #[serde(rename = "type")]
    kind: &'static str,
    /// A sentence that is the same for each problem of this code.
    title: &'static str,
    /// The status.
    status: u16,
    /// The fault of this request, and the fix.
    detail: String,
    /// A stable code.
    code: &'static str,
    /// All mistakes of a configuration.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mistakes: Vec<MistakeJson>,
}

/// A mistake in the configuration file.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct MistakeJson {
    /// The key with its tables, such as `route[1].price`; empty for the whole file.
    key: String,
    /// The line, from 1.
    line: Option<usize>,
    /// The column in characters, from 1.
    column: Option<usize>,
    /// The whole message: file, line, key, and the fix.
    message: String,
}

impl Problem {
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            mistakes: Vec::new(),
        }
    }

    pub(crate) fn of_mistakes(mistakes: Vec<ConfigError>) -> Self {
        let detail = match mistakes.len() {
            1 => "nothing has changed; the file has 1 mistake".to_owned(),
            count => format!("nothing has changed; the file has {count} mistakes"),
        };
        Self {
            kind: ProblemKind::Mistakes,
            detail,
            mistakes,
        }
    }

    /// Returns code and reason in one line, for the audit log.
    pub(crate) fn summary(&self) -> String {
        let lines = self.mistakes.iter().map(ToString::to_string);
        let lines: Vec<String> = std::iter::once(self.detail.clone()).chain(lines).collect();
        format!("{}: {}", self.code(), lines.join("; "))
    }

    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        self.kind.row().1
    }

    fn document(&self) -> ProblemJson {
        let (status, code, title) = self.kind.row();
        let mistakes = self.mistakes.iter().map(|mistake| MistakeJson {
            key: mistake.key().to_owned(),
            line: mistake.line(),
            column: mistake.column(),
            message: mistake.to_string(),
        });
        ProblemJson {
            kind: "about:blank",
            title,
            status: status.as_u16(),
            detail: self.detail.clone(),
            code,
            mistakes: mistakes.collect(),
        }
    }

    /// Returns the answer.
    pub(crate) fn answer(&self) -> AdminAnswer {
        let (status, ..) = self.kind.row();
        let body = serde_json::to_vec(&self.document()).unwrap_or_default();
        let mut answer = answer(status, "application/problem+json", body);
        let header = match self.kind {
            ProblemKind::Method(allowed) => (ALLOW, allowed),
            ProblemKind::TokenNeeded => (WWW_AUTHENTICATE, "Bearer"),
            ProblemKind::TooManyTokens => (RETRY_AFTER, "1"),
            _ => return answer,
        };
        let (name, value) = header;
        answer
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
        answer
    }
}

impl From<GatewayError> for Problem {
    fn from(error: GatewayError) -> Self {
        let kind = match error.kind() {
            GatewayErrorKind::Configuration | GatewayErrorKind::Certificate => {
                ProblemKind::Conflict
            }
            GatewayErrorKind::Ledger | GatewayErrorKind::OtherLedger => ProblemKind::Unavailable,
            _ => ProblemKind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<NotReloaded> for Problem {
    fn from(error: NotReloaded) -> Self {
        match error {
            NotReloaded::NoFile => Self::new(ProblemKind::NoFile, error.to_string()),
            NotReloaded::Mistakes(mistakes) => Self::of_mistakes(mistakes),
            NotReloaded::Refused(error) => error.into(),
        }
    }
}
