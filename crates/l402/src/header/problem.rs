//! The table of problems: HTTP status, gRPC status, code, the next step of the caller, and texts.

use core::time::Duration;

use crate::token::VerifyError;

/// The credential that a caller should present next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryWith {
    /// A new one: pay the invoice of the new challenge.
    NewInvoice,
    /// None: a credential changes nothing about this problem.
    None,
    /// The same one, since it was not spent.
    SameToken,
}

impl RetryWith {
    /// Returns the value of the field `retry_with` of a problem document.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NewInvoice => "new_invoice",
            Self::None => "none",
            Self::SameToken => "same_token",
        }
    }
}

/// One row of the table.
struct Row {
    code: &'static str,
    status: u16,
    grpc_status: u16,
    retry_with: RetryWith,
    retry_after: Option<Duration>,
    title: &'static str,
    advice: &'static str,
    free_advice: Option<&'static str>,
}

/// Reads the column `after`: a number of seconds, or nothing.
macro_rules! after {
    () => {
        None
    };
    ($secs:literal) => {
        Some(Duration::from_secs($secs))
    };
}

/// Reads the column `free`: a text, or nothing.
macro_rules! free {
    () => {
        None
    };
    ($text:literal) => {
        Some($text)
    };
}

// One row makes a variant and all its columns. A `match` for each column would let status, code and
// texts of one problem drift apart.
macro_rules! problems {
    ($(
        $(#[$doc:meta])*
        $variant:ident = $status:literal grpc $grpc:literal $code:literal $retry:ident
            $(after $secs:literal s)? $title:literal $advice:literal $(free $free:literal)?;
    )*) => {
        /// The reason why a request was not served, as the caller is told it.
        ///
        /// ```
        /// use l402::{Problem, RetryWith};
        ///
        /// let problem = Problem::Consumed;
        /// assert_eq!((problem.status(), problem.code()), (402, "consumed"));
        /// assert_eq!(problem.retry_with(), RetryWith::NewInvoice);
        /// assert_eq!(Problem::from_code("consumed"), Some(problem));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Problem {
            $($(#[$doc])* $variant,)*
        }

        impl Problem {
            /// All problems, in alphabetical order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            const fn row(self) -> Row {
                match self {
                    $(Self::$variant => Row {
                        code: $code,
                        status: $status,
                        grpc_status: $grpc,
                        retry_with: RetryWith::$retry,
                        retry_after: after!($($secs)?),
                        title: $title,
                        advice: $advice,
                        free_advice: free!($($free)?),
                    },)*
                }
            }
        }
    };
}

problems! {
    /// The target, the header Host or the framing is ambiguous.
    BadRequest = 400 grpc 3 "bad_request" None
        "The request is ambiguous"
        "Send one well-formed target, one Host and one body length";
    /// The body is larger than this route takes.
    BodyTooLarge = 413 grpc 8 "body_too_large" None
        "The body is too large"
        "Send a smaller body; nothing was spent"
        free "Send a smaller body";
    /// Every use of this payment has been served.
    Consumed = 402 grpc 13 "consumed" NewInvoice
        "This payment has been used up"
        "Pay the invoice of the new challenge";
    /// The time that the token allows has ended.
    Expired = 402 grpc 13 "expired" NewInvoice
        "The token has expired"
        "Pay the invoice of the new challenge";
    /// The header list is larger than this server takes.
    HeadersTooLarge = 431 grpc 8 "headers_too_large" None
        "The headers are too large"
        "Send fewer or shorter headers";
    /// The token is genuine and does not cover this request.
    Insufficient = 402 grpc 13 "insufficient" NewInvoice
        "The token does not cover this request"
        "Pay the invoice of the new challenge; the token still covers what it was bought for";
    /// Another request is being served with this payment at the same time.
    InUse = 409 grpc 14 "in_use" SameToken after 1 s
        "This payment is being served right now"
        "Wait for the other request to end, then send the same credential; do not pay again";
    /// A fault of this server.
    Internal = 500 grpc 13 "internal" SameToken
        "Something broke on this side"
        "Send the same credential again later; it was not spent"
        free "Send the request again later";
    /// The request holds a credential that cannot be read.
    InvalidAuthFormat = 401 grpc 16 "invalid_auth_format" None
        "The credential cannot be read"
        "Send exactly one header \"Authorization: L402 <token>:<preimage>\", the token as the \
         challenge gave it and the preimage as 64 hexadecimal digits";
    /// The token was not minted here, or the preimage is of another payment.
    InvalidToken = 401 grpc 16 "invalid_token" None
        "The credential is not valid here"
        "Send the token and the preimage of one and the same payment to this service, or ask \
         without a credential for a new challenge";
    /// The route does not take this method.
    MethodNotAllowed = 405 grpc 12 "method_not_allowed" None
        "This method is not allowed here"
        "Use a method that the header Allow names";
    /// The server does not serve the host of this request.
    Misdirected = 421 grpc 12 "misdirected" None
        "This server does not answer for that host"
        "Check the host in the URL";
    /// No route matches. A request that no route offers is refused.
    NoRoute = 404 grpc 12 "no_route" None
        "Nothing is offered at this address"
        "Check the path and the method; nothing was charged";
    /// The Lightning node cannot be reached.
    NodeUnavailable = 503 grpc 14 "node_unavailable" None after 1 s
        "The Lightning node cannot be asked at the moment"
        "Ask again later; whoever has paid already can go on using the credential";
    /// The credential holds, and the node does not say yet that its payment has arrived. Only where
    /// a third party makes the invoice, so that the preimage alone proves nothing.
    NotSettled = 503 grpc 14 "not_settled" SameToken after 1 s
        "The payment has not arrived yet"
        "Send the same credential again when Retry-After has passed; do not pay again";
    /// Too many requests in flight on this route.
    Overloaded = 503 grpc 14 "overloaded" SameToken after 1 s
        "Too many requests at once"
        "Send the same request again later; the credential was not spent"
        free "Send the request again later";
    /// The request holds no credential, and the route has a price.
    PaymentRequired = 402 grpc 13 "payment_required" NewInvoice
        "Payment is required"
        "Pay the invoice, then send \"Authorization: L402 <token>:<preimage>\"";
    /// The request did not arrive in time.
    RequestTimeout = 408 grpc 4 "request_timeout" SameToken
        "The request took too long to arrive"
        "Send the whole request again, faster";
    /// The seller has revoked the token.
    Revoked = 402 grpc 13 "revoked" NewInvoice
        "The token has been revoked"
        "Pay the invoice of the new challenge, or ask the seller why";
    /// The ledger cannot record the use.
    StoreUnavailable = 503 grpc 14 "store_unavailable" SameToken after 1 s
        "The use of this payment cannot be recorded at the moment"
        "Send the same credential again later; it was not spent";
    /// Too many credentials that do not hold came from one address, or name one token.
    TooManyAttempts = 429 grpc 8 "too_many_attempts" None after 1 s
        "Too many credentials that do not hold"
        "Wait as long as Retry-After says; a credential that holds is served all the same";
    /// The challenges that may be asked for are used up.
    TooManyChallenges = 429 grpc 8 "too_many_challenges" None after 1 s
        "Too many challenges were asked for"
        "Wait as long as Retry-After says, and pay one of the invoices already given";
    /// The upstream refused or broke off the connection.
    UpstreamFailed = 502 grpc 14 "upstream_failed" SameToken
        "The service behind this server failed"
        "Send the same credential again; it was not spent"
        free "Send the request again later";
    /// The upstream has failed this payment several times in a row.
    UpstreamFailing = 503 grpc 14 "upstream_failing" SameToken after 1 s
        "The service behind this server goes on failing"
        "Send the same credential again when Retry-After has passed; it was not spent";
    /// The upstream did not answer in time.
    UpstreamTimeout = 504 grpc 4 "upstream_timeout" SameToken
        "The service behind this server did not answer in time"
        "Send the same credential again; it was not spent"
        free "Send the request again later";
    /// The service behind this server is known to be down, and nothing is sold meanwhile.
    UpstreamUnavailable = 503 grpc 14 "upstream_unavailable" None after 1 s
        "The service behind this server is down"
        "Ask again later; whoever has paid already can go on using the credential"
        free "Ask again later";
    /// The target is longer than this server takes.
    UriTooLong = 414 grpc 3 "uri_too_long" None
        "The address is too long"
        "Send a shorter path or query";
    /// The token is genuine and is for another service.
    WrongService = 402 grpc 13 "wrong_service" NewInvoice
        "The token is for another service"
        "Pay the invoice of the new challenge; the token is still good where it was bought";
}

impl Problem {
    /// Returns the code, in `snake_case`. Codes do not change between versions.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.row().code
    }

    /// Returns the HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.row().status
    }

    /// Returns the nearest gRPC status. Each problem that a payment solves has 13 (INTERNAL), which
    /// gRPC clients of L402 look for.
    #[must_use]
    pub const fn grpc_status(self) -> u16 {
        self.row().grpc_status
    }

    /// Returns the default of the header `Retry-After`, or `None` if the header is left out by
    /// default.
    #[must_use]
    pub const fn retry_after(self) -> Option<Duration> {
        self.row().retry_after
    }

    /// Returns the title, at most 60 characters.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().title
    }

    /// Returns the next step for a person, a sentence without a full stop.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        self.row().advice
    }

    /// Returns the next step for a person whose request holds no credential, as on a free route.
    #[must_use]
    pub const fn free_advice(self) -> &'static str {
        match self.row().free_advice {
            Some(advice) => advice,
            None => self.row().advice,
        }
    }

    /// Returns the next step for a program: `same_token`, `new_invoice` or `none`.
    #[must_use]
    pub const fn retry_with(self) -> RetryWith {
        self.row().retry_with
    }

    /// Returns true if the answer carries a fresh challenge, as each answer with status 402 does.
    #[must_use]
    pub const fn offers_challenge(self) -> bool {
        self.status() == 402
    }

    /// Returns the problem with this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|problem| problem.code() == code)
    }
}

impl VerifyError {
    /// Returns the problem that the caller is told.
    #[must_use]
    pub const fn problem(self) -> Problem {
        match self {
            Self::Expired => Problem::Expired,
            Self::Insufficient => Problem::Insufficient,
            Self::Invalid => Problem::InvalidToken,
            Self::KeyMissing => Problem::StoreUnavailable,
            Self::WrongService => Problem::WrongService,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_are_the_names_of_the_variants() {
        let codes: HashSet<_> = Problem::ALL.iter().map(|problem| problem.code()).collect();
        assert_eq!(codes.len(), Problem::ALL.len());
        for problem in Problem::ALL {
            assert_eq!(Problem::from_code(problem.code()), Some(*problem));
            let squeezed = problem.code().replace('_', "");
            assert_eq!(format!("{problem:?}").to_ascii_lowercase(), squeezed);
            let snake = |b: u8| b.is_ascii_lowercase() || b == b'_';
            assert!(problem.code().bytes().all(snake), "{problem:?}");
        }
        assert_eq!(Problem::from_code("no-route"), None);
        assert_eq!(Problem::from_code(""), None);
    }

    #[test]
    fn a_new_invoice_is_offered_with_402_and_never_otherwise() {
        for problem in Problem::ALL {
            assert_eq!(
                problem.offers_challenge(),
                problem.status() == 402,
                "{problem:?}"
            );
            let pay = problem.retry_with() == RetryWith::NewInvoice;
            assert_eq!(problem.offers_challenge(), pay, "{problem:?}");
            assert!((400..=504).contains(&problem.status()), "{problem:?}");
        }
    }

    #[test]
    fn a_fault_of_the_upstream_never_costs_the_buyer() {
        for problem in [
            Problem::UpstreamFailed,
            Problem::UpstreamTimeout,
            Problem::InUse,
            Problem::NotSettled,
        ] {
            assert_eq!(problem.retry_with().name(), "same_token", "{problem:?}");
        }
    }

    #[test]
    fn grpc_is_told_to_buy_by_one_status_and_never_that_all_is_well() {
        for problem in Problem::ALL {
            assert!((1..=16).contains(&problem.grpc_status()), "{problem:?}");
            let pay = problem.offers_challenge();
            assert!(!pay || problem.grpc_status() == 13, "{problem:?}");
        }
    }

    #[test]
    fn only_what_passes_by_itself_says_when_to_come_back() {
        for problem in Problem::ALL {
            let passes = matches!(problem.status(), 409 | 429 | 503);
            assert_eq!(problem.retry_after().is_some(), passes, "{problem:?}");
        }
    }

    // FAULTS G10: words without a credential where none was sent. Every problem that can come on a
    // free route has them.
    #[test]
    fn a_request_without_a_credential_is_not_told_to_send_it_again() {
        for problem in Problem::ALL {
            let about_credentials = ["credential", "spent"];
            let names = |text: &str| about_credentials.iter().any(|word| text.contains(word));
            let needs_one = matches!(
                problem,
                Problem::InUse
                    | Problem::InvalidAuthFormat
                    | Problem::InvalidToken
                    | Problem::NodeUnavailable
                    | Problem::NotSettled
                    | Problem::StoreUnavailable
                    | Problem::TooManyAttempts
                    | Problem::UpstreamFailing
            );
            assert!(needs_one || !names(problem.free_advice()), "{problem:?}");
        }
    }

    #[test]
    fn texts_are_sentences_without_full_stop() {
        for problem in Problem::ALL {
            for text in [problem.title(), problem.advice(), problem.free_advice()] {
                assert!(text.starts_with(|c: char| c.is_ascii_uppercase()), "{text}");
                assert!(!text.ends_with('.') && text.trim() == text, "{text}");
                assert!(!text.contains("  ") && !text.contains('\n'), "{text}");
            }
            assert!(problem.title().len() <= 60, "{problem:?}");
        }
    }
}
