//! The ends of a request.

/// The end of a request, as it is counted by route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestOutcome {
    /// A request to a free route, answered by its upstream or by the gateway.
    Free,
    /// Paid and not served, because of the buyer: the use came back.
    GivenBackBuyer,
    /// Paid and not served, because of the upstream or the gateway: the use came back.
    GivenBackUpstream,
    /// 402 with an invoice.
    Offered,
    /// The answer to a CORS preflight.
    Preflight,
    /// Answered without an invoice and without the upstream.
    Refused,
    /// Paid and served.
    Served,
    /// Paid, not served and spent all the same: its buyer has broken off too often.
    SpentUnserved,
}

impl RequestOutcome {
    pub(crate) const ALL: [Self; 8] = [
        Self::Free,
        Self::GivenBackBuyer,
        Self::GivenBackUpstream,
        Self::Offered,
        Self::Preflight,
        Self::Refused,
        Self::Served,
        Self::SpentUnserved,
    ];

    /// Returns the value of the label `outcome`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::GivenBackBuyer => "given_back_buyer",
            Self::GivenBackUpstream => "given_back_upstream",
            Self::Offered => "offered",
            Self::Preflight => "preflight",
            Self::Refused => "refused",
            Self::Served => "served",
            Self::SpentUnserved => "spent_unserved",
        }
    }
}
