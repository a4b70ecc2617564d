//! A revocation as stores keep it: kind, subject and time.

use l402::{KeyNumber, PaymentHash, Service, TokenId, UnixTime};

use crate::revoked::{Revocation, Revoke};

/// The columns of a revocation. A kind never changes its meaning.
///
/// ```text
///   kind 1 token     subject: token id 32                           before 0
///   kind 2 payment   subject: payment hash 32                       before 0
///   kind 3 minted    subject: spared number 2 (big-endian; 0 none), before Unix seconds
///                             then the service, empty for all
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) kind: i64,
    pub(super) subject: Vec<u8>,
    pub(super) before: i64,
    /// Unix seconds.
    pub(super) revoked: i64,
    /// Unix seconds.
    pub(super) ends: Option<i64>,
}

impl Stored {
    /// Writes the columns.
    pub(super) fn of(revocation: &Revocation) -> Self {
        let (kind, subject, before) = match &revocation.what {
            Revoke::Token(id) => (1, id.as_bytes().to_vec(), 0),
            Revoke::Payment(hash) => (2, hash.as_bytes().to_vec(), 0),
            Revoke::Minted {
                before,
                service,
                spares,
            } => {
                let spares = spares.unwrap_or(KeyNumber(0)).0.to_be_bytes();
                let service = service.as_ref().map_or("", Service::as_str).as_bytes();
                (3, [&spares, service].concat(), seconds(*before))
            }
        };
        Self {
            kind,
            subject,
            before,
            revoked: seconds(revocation.revoked),
            ends: revocation.ends.map(seconds),
        }
    }

    /// Reads the columns. `None` if no version so far writes such ones.
    pub(super) fn read(&self) -> Option<Revocation> {
        let time = |secs| u64::try_from(secs).ok().map(UnixTime::from_secs);
        let what = match self.kind {
            1 => {
                let (number, rest) = self.subject.split_first_chunk::<2>()?;
                let number = KeyNumber(u16::from_be_bytes(*number));
                Revoke::Token(TokenId::new(number, rest.try_into().ok()?))
            }
            2 => Revoke::Payment(PaymentHash::from_bytes(
                self.subject.as_slice().try_into().ok()?,
            )),
            3 => {
                let (number, rest) = self.subject.split_first_chunk::<2>()?;
                let number = KeyNumber(u16::from_be_bytes(*number));
                let name = std::str::from_utf8(rest).ok()?;
                let service = match name {
                    // No service has an empty name, so that it stands for all services.
                    "" => None,
                    name => Some(name.parse::<Service>().ok()?),
                };
                Revoke::Minted {
                    before: time(self.before)?,
                    service,
                    spares: Some(number).filter(|number| number.0 != 0),
                }
            }
            _ => return None,
        };
        let mut revocation = Revocation::new(what, time(self.revoked)?);
        revocation.ends = match self.ends {
            Some(ends) => Some(time(ends)?),
            None => None,
        };
        Some(revocation)
    }
}

fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let time = UnixTime::from_secs(1_790_000_000);
        let minted = |service: Option<&str>, spares| Revoke::Minted {
            before: time,
            service: service.map(|name| name.parse().unwrap()),
            spares,
        };
        let all = [
            Revoke::Token(TokenId::new(KeyNumber(258), [7; 30])),
            Revoke::Payment(PaymentHash::from_bytes([9; 32])),
            minted(None, None),
            minted(Some("weather"), Some(KeyNumber(3))),
        ];
        for what in all {
            let revocation = Revocation::new(what, time);
            for revocation in [revocation.clone(), revocation.with_end(time)] {
                let stored = Stored::of(&revocation);
                assert_eq!(stored.read(), Some(revocation));
                let other = |change: fn(&mut Stored)| {
                    let mut other = stored.clone();
                    change(&mut other);
                    other.read()
                };
                assert_eq!(other(|stored| stored.kind = 4), None);
                assert_eq!(other(|stored| stored.subject.truncate(1)), None);
                assert_eq!(other(|stored| stored.subject.push(b'_')), None);
                assert_eq!(other(|stored| stored.revoked = -1), None);
            }
        }
    }
}
