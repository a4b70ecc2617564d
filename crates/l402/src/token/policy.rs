//! How often, or for how long, one payment may be used.

use core::fmt;
use core::num::NonZeroU32;
use core::str::FromStr;
use core::time::Duration;

/// What one payment buys. Written into the token as `<service>_policy=…`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// One served answer: `request`.
    #[default]
    Request,
    /// Any number of answers for so long after minting, whole seconds: `time=3600`.
    Time(Duration),
    /// So many served answers: `uses=10`.
    Uses(NonZeroU32),
}

impl Policy {
    /// How many answers a counted policy allows; `None` where only time counts.
    #[must_use]
    pub const fn uses(self) -> Option<NonZeroU32> {
        match self {
            Self::Request => Some(NonZeroU32::MIN),
            Self::Uses(n) => Some(n),
            Self::Time(_) => None,
        }
    }

    /// How long a token is good for beyond the expiry of its invoice: the bought time, or a
    /// day in which to draw counted uses.
    #[must_use]
    pub const fn lifetime(self) -> Duration {
        match self {
            Self::Time(time) => time,
            Self::Request | Self::Uses(_) => Duration::from_secs(24 * 60 * 60),
        }
    }

    /// Whether everything this allows, `other` allows too. A holder may only narrow.
    #[must_use]
    pub fn is_within(self, other: Self) -> bool {
        match (self, other) {
            (Self::Time(mine), Self::Time(theirs)) => mine <= theirs,
            (mine, theirs) => match (mine.uses(), theirs.uses()) {
                (Some(mine), Some(theirs)) => mine <= theirs,
                _ => false,
            },
        }
    }
}

/// Writes the caveat's value: `request`, `uses=10`, `time=3600` (seconds).
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request => f.write_str("request"),
            Self::Uses(n) => write!(f, "uses={n}"),
            Self::Time(time) => write!(f, "time={}", time.as_secs()),
        }
    }
}

/// The policy is none of `request`, `uses=N`, `time=DURATION`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyError;

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown policy; write request, uses=10 or time=1h (s, m, h and d are units)")
    }
}

impl std::error::Error for PolicyError {}

/// Reads what [`Display`](fmt::Display) writes, and `time=1h` as people write it.
impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        match text.split_once('=') {
            None if text == "request" => Ok(Self::Request),
            Some(("uses", n)) => {
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

/// A canonical positive number: digits, no leading zero, at most nine of them.
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
