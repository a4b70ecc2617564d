//! The number of answers, or the time, that one payment buys.

use core::fmt;
use core::num::NonZeroU32;
use core::str::FromStr;
use core::time::Duration;

/// The number of answers, or the time, that one payment buys. Written into the token as
/// `<service>_policy=…`.
///
/// ```
/// use l402::Policy;
///
/// let hour: Policy = "time=1h".parse()?;
/// assert_eq!(hour.to_string(), "time=3600");
/// assert!("uses=3".parse::<Policy>()?.is_within("uses=10".parse()?));
/// assert!(!hour.is_within("uses=10".parse()?));
/// # Ok::<(), l402::PolicyError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// One answer: `request`. The default.
    #[default]
    Request,
    /// Any number of answers for this time, in whole seconds: `time=3600`. It begins when the invoice
    /// expires, not when it is paid: a buyer who pays at once has the time to pay on top.
    Time(Duration),
    /// This number of answers: `uses=10`.
    Uses(NonZeroU32),
}

impl Policy {
    /// Returns the number of answers of a counted policy, or `None` if only time counts.
    #[must_use]
    pub const fn uses(self) -> Option<NonZeroU32> {
        match self {
            Self::Request => Some(NonZeroU32::MIN),
            Self::Uses(n) => Some(n),
            Self::Time(_) => None,
        }
    }

    /// Returns the time that a token is valid after the expiry of its invoice: the time bought, or
    /// a day for counted uses.
    #[must_use]
    pub const fn lifetime(self) -> Duration {
        match self {
            Self::Time(time) => time,
            Self::Request | Self::Uses(_) => Duration::from_secs(24 * 60 * 60),
        }
    }

    /// Returns true if `other` allows everything that this policy allows. A holder may only narrow.
    #[must_use]
    pub fn is_within(self, other: Self) -> bool {
        match (self, other) {
            (Self::Time(mine), Self::Time(theirs)) => mine <= theirs,
            // A time and a count never fit into each other: either could be the larger.
            (mine, theirs) => match (mine.uses(), theirs.uses()) {
                (Some(mine), Some(theirs)) => mine <= theirs,
                _ => false,
            },
        }
    }
}

/// Writes the value of the caveat: `request`, `uses=10` or `time=3600` (seconds).
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request => f.write_str("request"),
            Self::Uses(n) => write!(f, "uses={n}"),
            Self::Time(time) => write!(f, "time={}", time.as_secs()),
        }
    }
}

/// The error for a text other than `request`, `uses=N` and `time=DURATION`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyError;

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown policy; write request, uses=10 or time=1h (s, m, h and d are units)")
    }
}

impl std::error::Error for PolicyError {}

/// Reads the values that [`Display`](fmt::Display) writes, and `time=1h` with a unit (s, m, h or
/// d).
impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        match text.split_once('=') {
            None if text == "request" => Ok(Self::Request),
            Some(("uses", n)) => {
                // One spelling of each number, so that no two programs read a caveat differently
                // (ATTACKS T-09).
                let n = u32::try_from(count(n)?).map_err(|_| PolicyError)?;
                NonZeroU32::new(n).map(Self::Uses).ok_or(PolicyError)
            }
            Some(("time", time)) => {
                let split = time
                    .find(|c: char| !c.is_ascii_digit())
                    .unwrap_or(time.len());
                let (number, unit) = time.split_at(split);
                let unit = match unit {
                    "" | "s" => 1,
                    "m" => 60,
                    "h" => 3600,
                    "d" => 86_400,
                    _ => return Err(PolicyError),
                };
                let secs = count(number)?.checked_mul(unit).ok_or(PolicyError)?;
                Ok(Self::Time(Duration::from_secs(secs)))
            }
            _ => Err(PolicyError),
        }
    }
}

/// Reads a positive number of at most nine digits without a leading zero.
fn count(text: &str) -> Result<u64, PolicyError> {
    let canonical = (1..=9).contains(&text.len())
        && !text.starts_with('0')
        && text.bytes().all(|b| b.is_ascii_digit());
    if canonical {
        text.parse().map_err(|_| PolicyError)
    } else {
        Err(PolicyError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> Policy {
        text.parse().unwrap()
    }

    #[test]
    fn reads_and_writes_the_same() {
        for text in ["request", "uses=10", "time=3600"] {
            assert_eq!(policy(text).to_string(), text);
        }
        assert_eq!(policy("time=1h"), policy("time=3600"));
        for bad in [
            "", "uses", "uses=0", "uses=-1", "uses=01", "time=", "time=1y", "time=h", "x=1",
        ] {
            assert_eq!(bad.parse::<Policy>(), Err(PolicyError), "{bad:?}");
        }
    }

    #[test]
    fn narrowing_never_widens() {
        assert!(policy("request").is_within(policy("uses=2")));
        assert!(policy("uses=1").is_within(policy("request")));
        assert!(!policy("uses=3").is_within(policy("uses=2")));
        assert!(policy("time=5").is_within(policy("time=6")));
        assert!(!policy("time=5").is_within(policy("uses=6")));
        assert!(!policy("uses=1").is_within(policy("time=5")));
    }
}
