//! The limits of claims, reviews and submissions.

use std::time::Duration;

use super::rate::Rate;

const HOUR: Duration = Duration::from_secs(3600);

/// The limits that are not settings.
pub(super) struct Limits {
    /// Claims that an address may begin: 20 at once, and one more each 3 minutes.
    pub(super) claims: Rate,
    /// Claims of one listing that a site may begin: 3 at once, and one more each day. A listing has a hundred
    /// places for claims, and one caller must not fill them.
    pub(super) claims_of_listing: Rate,
    /// Looks at one host for its proofs: 10 at once, and one more each 5 seconds.
    pub(super) looks: Rate,
    /// Probes of a listing that callers ask for: one, and one more each 10 minutes. A probe costs the seller an
    /// invoice.
    pub(super) probes: Rate,
    /// Reviews by an address: 20 at once, and one more each 3 minutes.
    pub(super) reviews: Rate,
    /// Marks of abuse by an address: 20 at once, and one more each 3 minutes.
    pub(super) reports: Rate,
    /// Marks of abuse of one review by an address: one a day.
    pub(super) reports_of_review: Rate,
    /// Submissions that ask one host, by all addresses together: 30 at once, and one more each 10 seconds.
    pub(super) submissions_of_host: Rate,
}

impl Default for Limits {
    fn default() -> Self {
        let twenty_an_hour = || Rate::new(20, HOUR / 20);
        Self {
            claims: twenty_an_hour(),
            claims_of_listing: Rate::new(3, 24 * HOUR),
            looks: Rate::new(10, Duration::from_secs(5)),
            probes: Rate::new(1, HOUR / 6),
            reviews: twenty_an_hour(),
            reports: twenty_an_hour(),
            reports_of_review: Rate::new(1, 24 * HOUR),
            submissions_of_host: Rate::new(30, Duration::from_secs(10)),
        }
    }
}
