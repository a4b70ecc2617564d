//! The headers by which an answer tells its client of the use that the request took.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use l402::UnixTime;

use crate::request::{CanonicalRequest, Presented};

const USE: HeaderName = HeaderName::from_static("l402-use");
const USES_LEFT: HeaderName = HeaderName::from_static("l402-uses-left");
const EXPIRES: HeaderName = HeaderName::from_static("l402-expires");

/// The fate of the use that a request took, as far as it is known when its answer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UseState {
    /// The request has spent nothing, or what it took was given back.
    Kept,
    /// The end of the body decides.
    Pending,
    /// The use is spent. Also: no use was left for this request.
    Spent,
}

/// The report on a use that goes out with an answer to a credential.
///
/// It becomes three headers:
///
/// | header | value |
/// |---|---|
/// | `l402-use` | `spent`, `kept`, or `pending` if the end of the body decides |
/// | `l402-uses-left` | the uses that are left, for policies that count; a pending use counts as spent |
/// | `l402-expires` | the end of the token in Unix seconds, if the token is good for the route |
///
/// [`Granted::upstream_failed`](crate::Granted::upstream_failed) and
/// [`Granted::buyer_failed`](crate::Granted::buyer_failed) return one, and
/// [`Refusal::with_use`](crate::Refusal::with_use) takes it. For a request without a credential it
/// is empty, and writes no header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UseReport {
    state: Option<UseState>,
    left: Option<u64>,
    expires: Option<UnixTime>,
    paid: bool,
}

impl UseReport {
    /// Makes a report on the use of a credential whose token ends at `expires`. `left` is the
    /// number of uses that are left if this one is spent, if they are counted.
    pub(crate) fn of_paid(state: UseState, left: Option<u64>, expires: Option<UnixTime>) -> Self {
        // A use that was given back can be had again.
        let given_back = u64::from(state == UseState::Kept);
        Self {
            state: Some(state),
            left: left.map(|left| left.saturating_add(given_back)),
            expires,
            paid: true,
        }
    }

    /// Makes the report for a request that its host refuses before the paywall has decided about it:
    /// a credential that it presents has cost nothing.
    #[must_use]
    pub fn of_refused(request: &CanonicalRequest) -> Self {
        match request.presented {
            // A browser sends its cookies everywhere, and means nothing by it.
            Presented::Nothing | Presented::Passes(_) => Self::default(),
            _ => Self::of_unused(),
        }
    }

    /// Makes a report on a credential that is not good for the route, or not needed there.
    pub(crate) fn of_unused() -> Self {
        Self {
            state: Some(UseState::Kept),
            ..Self::default()
        }
    }

    /// Returns true if the request was paid for, and the payment is not lost with its answer.
    #[must_use]
    pub fn is_paid(&self) -> bool {
        self.paid && !self.is_used_up()
    }

    /// Returns true if the use is spent and no other is left.
    pub(crate) fn is_used_up(&self) -> bool {
        self.state == Some(UseState::Spent) && self.left == Some(0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.state.is_none()
    }

    /// Writes the headers. Those that an upstream may have sent under these names were removed
    /// before.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let Some(state) = self.state else {
            return;
        };
        let state = match state {
            UseState::Kept => "kept",
            UseState::Pending => "pending",
            UseState::Spent => "spent",
        };
        headers.insert(USE, HeaderValue::from_static(state));
        if let Some(left) = self.left {
            headers.insert(USES_LEFT, number(left));
        }
        if let Some(expires) = self.expires {
            headers.insert(EXPIRES, number(expires.secs()));
        }
    }
}

/// Returns a number as a header's value. This runs for each paid request, so the usual ones are
/// written with one allocation or none.
fn number(number: u64) -> HeaderValue {
    match u32::try_from(number) {
        Ok(0) => HeaderValue::from_static("0"),
        // Ten digits fill the buffer of a `u32`. That of a `u64` would be allocated twice.
        Ok(number) => number.into(),
        Err(_) => number.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(report: UseReport) -> Vec<String> {
        let mut headers = HeaderMap::new();
        report.write(&mut headers);
        let lines = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        lines.collect()
    }

    #[test]
    fn a_use_that_is_given_back_is_left_and_one_that_is_pending_is_not() {
        let end = Some(UnixTime::from_secs(1_790_000_000));
        for (state, left, lines) in [
            (UseState::Kept, "5", "l402-use: kept"),
            (UseState::Pending, "4", "l402-use: pending"),
            (UseState::Spent, "4", "l402-use: spent"),
        ] {
            let expected = [
                lines.to_owned(),
                format!("l402-uses-left: {left}"),
                "l402-expires: 1790000000".to_owned(),
            ];
            assert_eq!(written(UseReport::of_paid(state, Some(4), end)), expected);
        }
        let uncounted = UseReport::of_paid(UseState::Kept, None, None);
        assert_eq!(written(uncounted), ["l402-use: kept"]);
        assert_eq!(written(UseReport::of_unused()), ["l402-use: kept"]);
        assert_eq!(written(UseReport::default()), [""; 0]);
    }
}
