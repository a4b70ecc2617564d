//! The rules by which key numbers begin and end.
//!
//! ```text
//!   begin ─▶ waits ── every gateway has reported it ─▶ mints ── the next one mints ─▶ good ─▶ retired
//!              └────────────────── retire ──────────────────────────────────────────────────────▲
//! ```

use std::collections::BTreeMap;
use std::fmt;

use l402::{KeyNumber, UnixTime};

/// The state of one key number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyState {
    /// The fingerprint of its master key.
    pub fingerprint: [u8; 16],
    /// The time since which it mints; while it waits, the time since which it does.
    pub began: UnixTime,
    /// The time from which its tokens are refused, if it has one.
    pub until: Option<UnixTime>,
    /// True if a command has set [`KeyState::until`]. If not, that is a note of what the configuration
    /// says, for those who lack the key.
    pub retired: bool,
    /// True if it has not minted yet, and will once every gateway has its key.
    pub waits: bool,
}

/// The keys that one gateway has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyReport {
    /// The number of the gateway: [`Ledger::holder`](crate::Ledger::holder).
    pub holder: i64,
    /// The name for people; empty if it has reported nothing yet.
    pub name: String,
    /// Each number that the gateway knows, with the fingerprint of the key that it has for it, in the order
    /// of the numbers.
    pub keys: Vec<(KeyNumber, [u8; 16])>,
}

/// The states of all keys, and the gateways that have the ledger open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyBook {
    /// The number that mints; `None` before the first start.
    pub current: Option<KeyNumber>,
    /// The lowest number whose uses the ledger has counted from the beginning.
    pub uses_from: KeyNumber,
    /// Each number that was ever begun.
    pub keys: BTreeMap<KeyNumber, KeyState>,
    /// Every gateway that has the ledger open, in the order of their numbers.
    pub gateways: Vec<KeyReport>,
}

/// The reason why a key number cannot begin or end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyRefused {
    /// No gateway has sold with this ledger yet.
    NotStarted,
    /// No number is left.
    NoneLeft,
    /// The ledger does not know this number.
    Unknown(KeyNumber),
    /// This number mints, so it cannot end.
    Mints(KeyNumber),
    /// This number has not begun to mint yet, so another one cannot begin.
    Waits(KeyNumber),
    /// This number has begun meanwhile.
    Taken(KeyNumber),
}

impl fmt::Display for KeyRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted => f.write_str("no gateway has sold with this ledger yet"),
            Self::NoneLeft => f.write_str("no key number is left"),
            Self::Unknown(number) => write!(f, "the ledger knows no key number {}", number.0),
            Self::Mints(number) => write!(
                f,
                "key number {} mints the tokens that are sold now, and cannot be retired",
                number.0
            ),
            Self::Waits(number) => write!(
                f,
                "key number {} waits for gateways that lack its key; only then the next one can begin",
                number.0
            ),
            Self::Taken(number) => write!(f, "key number {} has begun meanwhile", number.0),
        }
    }
}

impl std::error::Error for KeyRefused {}

impl KeyReport {
    /// Returns true if the gateway has this key for this number.
    #[must_use]
    pub fn holds(&self, number: KeyNumber, fingerprint: &[u8; 16]) -> bool {
        self.keys.contains(&(number, *fingerprint))
    }
}

impl KeyBook {
    /// Returns the number that waits to mint, if there is one.
    #[must_use]
    pub fn waiting(&self) -> Option<KeyNumber> {
        let mut waiting = self.keys.iter().filter(|(_, state)| state.waits);
        waiting.next().map(|(number, _)| *number)
    }

    /// Returns the lowest number that was never begun and is above all that were.
    ///
    /// # Errors
    /// [`KeyRefused::NotStarted`] and [`KeyRefused::NoneLeft`].
    pub fn next(&self) -> Result<KeyNumber, KeyRefused> {
        let current = self.current.ok_or(KeyRefused::NotStarted)?;
        let highest = self.keys.keys().copied().max().max(Some(current));
        let next = highest.and_then(|highest| highest.0.checked_add(1));
        next.map(KeyNumber).ok_or(KeyRefused::NoneLeft)
    }

    /// Begins a number, which waits. `number` is not below [`KeyBook::next`].
    ///
    /// # Errors
    /// [`KeyRefused::Waits`] if another one waits, [`KeyRefused::Taken`] if the number is not new, and the
    /// errors of [`KeyBook::next`].
    pub fn begin(
        &mut self,
        number: KeyNumber,
        fingerprint: [u8; 16],
        now: UnixTime,
    ) -> Result<(), KeyRefused> {
        if number < self.next()? {
            return Err(KeyRefused::Taken(number));
        }
        if let Some(waiting) = self.waiting() {
            return Err(KeyRefused::Waits(waiting));
        }
        let state = KeyState {
            fingerprint,
            began: now,
            until: None,
            retired: false,
            waits: true,
        };
        self.keys.insert(number, state);
        Ok(())
    }

    /// Begins the next number with the master key of the one that mints. If another number waits already,
    /// this one does not, and that one goes on to wait under a number above it. Returns the number.
    ///
    /// # Errors
    /// Those of [`KeyBook::next`].
    pub fn begin_same(&mut self, now: UnixTime) -> Result<KeyNumber, KeyRefused> {
        let number = self.next()?;
        let current = self.current.ok_or(KeyRefused::NotStarted)?;
        let mut state = *self.keys.get(&current).ok_or(KeyRefused::NotStarted)?;
        let is_held_up = self.waiting().is_some();
        (state.began, state.until, state.retired) = (now, None, false);
        state.waits = !is_held_up;
        self.keys.insert(number, state);
        if is_held_up {
            self.current = Some(number);
        }
        self.advance(now);
        Ok(number)
    }

    /// Returns the gateways that have not reported the key of a number.
    pub fn lacking(&self, number: KeyNumber) -> impl Iterator<Item = &KeyReport> {
        let state = self.keys.get(&number);
        let holds =
            move |gateway: &KeyReport| state.is_some_and(|s| gateway.holds(number, &s.fingerprint));
        self.gateways.iter().filter(move |gateway| !holds(gateway))
    }

    /// Lets the number that waits mint, if every gateway has its key. Returns true if something has
    /// changed.
    pub fn advance(&mut self, now: UnixTime) -> bool {
        let Some(number) = self.waiting() else {
            return false;
        };
        if self.current > Some(number) {
            return self.wait_again(number, now);
        }
        if self.lacking(number).next().is_some() {
            return false;
        }
        if let Some(state) = self.keys.get_mut(&number) {
            (state.waits, state.began) = (false, now);
        }
        self.current = Some(number);
        true
    }

    /// Gives a number that was overtaken while it waited another one: numbers that mint only grow.
    fn wait_again(&mut self, number: KeyNumber, now: UnixTime) -> bool {
        let (Ok(next), Some(state)) = (self.next(), self.keys.get_mut(&number)) else {
            return false;
        };
        let again = *state;
        *state = KeyState {
            until: Some(now),
            retired: true,
            waits: false,
            ..again
        };
        self.keys.insert(next, again);
        true
    }

    /// Ends a number at `until`, or earlier if it has such an end already. One that waits will never
    /// mint. Returns its end.
    ///
    /// # Errors
    /// [`KeyRefused::Unknown`], and [`KeyRefused::Mints`] for the number that mints.
    pub fn retire(&mut self, number: KeyNumber, until: UnixTime) -> Result<UnixTime, KeyRefused> {
        if self.current == Some(number) {
            return Err(KeyRefused::Mints(number));
        }
        let state = self.keys.get_mut(&number);
        let state = state.ok_or(KeyRefused::Unknown(number))?;
        let before = state.until.filter(|_| state.retired);
        let end = before.map_or(until, |before| before.min(until));
        (state.until, state.retired, state.waits) = (Some(end), true, false);
        Ok(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> UnixTime {
        UnixTime::from_secs(secs)
    }

    fn book() -> KeyBook {
        let mut book = KeyBook {
            current: Some(KeyNumber(1)),
            ..KeyBook::default()
        };
        let state = KeyState {
            fingerprint: [1; 16],
            began: at(1),
            until: None,
            retired: false,
            waits: false,
        };
        book.keys.insert(KeyNumber(1), state);
        book
    }

    fn gateway(holder: i64, keys: &[(u16, u8)]) -> KeyReport {
        let keys = keys.iter().map(|(n, f)| (KeyNumber(*n), [*f; 16]));
        KeyReport {
            holder,
            name: format!("gateway {holder}"),
            keys: keys.collect(),
        }
    }

    #[test]
    fn a_number_mints_once_every_gateway_has_its_key() {
        let mut book = book();
        book.gateways = vec![gateway(7, &[(1, 1)]), gateway(8, &[])];
        assert_eq!(book.begin(KeyNumber(2), [2; 16], at(2)), Ok(()));
        assert!(!book.advance(at(3)));
        book.gateways[0] = gateway(7, &[(1, 1), (2, 2)]);
        assert!(!book.advance(at(3)), "the other one has reported nothing");
        book.gateways[1] = gateway(8, &[(1, 1), (2, 9)]);
        assert!(!book.advance(at(3)), "another key");
        assert_eq!(book.lacking(KeyNumber(2)).count(), 1);
        assert_eq!(
            book.begin(KeyNumber(3), [3; 16], at(3)),
            Err(KeyRefused::Waits(KeyNumber(2)))
        );
        book.gateways.pop();
        assert!(book.advance(at(4)) && !book.advance(at(5)));
        assert_eq!(book.current, Some(KeyNumber(2)));
        assert_eq!(book.keys[&KeyNumber(2)].began, at(4));
    }

    #[test]
    fn numbers_are_never_used_twice_and_only_grow() {
        let mut book = book();
        for taken in [0, 1] {
            let taken = KeyNumber(taken);
            let begun = book.begin(taken, [2; 16], at(2));
            assert_eq!(begun, Err(KeyRefused::Taken(taken)));
        }
        assert_eq!(book.begin(KeyNumber(5), [2; 16], at(2)), Ok(()));
        // A ledger that begins anew has overtaken the one that waits.
        book.keys.insert(KeyNumber(6), book.keys[&KeyNumber(1)]);
        book.current = Some(KeyNumber(6));
        assert!(book.advance(at(3)));
        assert_eq!(book.waiting(), Some(KeyNumber(7)));
        assert_eq!(book.keys[&KeyNumber(7)].fingerprint, [2; 16]);
        assert!(book.keys[&KeyNumber(5)].retired);
        assert!(book.advance(at(3)));
        assert_eq!(book.current, Some(KeyNumber(7)));

        book.current = Some(KeyNumber(u16::MAX));
        let last = book.begin(KeyNumber(u16::MAX), [3; 16], at(4));
        assert_eq!(last, Err(KeyRefused::NoneLeft));
        book.current = None;
        assert_eq!(book.next(), Err(KeyRefused::NotStarted));
    }

    #[test]
    fn what_mints_cannot_end_and_an_end_only_comes_nearer() {
        let mut book = book();
        let retire = |book: &mut KeyBook, number, end| book.retire(KeyNumber(number), at(end));
        assert_eq!(
            retire(&mut book, 1, 9),
            Err(KeyRefused::Mints(KeyNumber(1)))
        );
        assert_eq!(
            retire(&mut book, 2, 9),
            Err(KeyRefused::Unknown(KeyNumber(2)))
        );
        book.begin(KeyNumber(2), [2; 16], at(2)).unwrap();
        assert!(book.advance(at(2)));
        assert_eq!(retire(&mut book, 1, 9), Ok(at(9)));
        assert_eq!(retire(&mut book, 1, 12), Ok(at(9)));
        assert_eq!(retire(&mut book, 1, 5), Ok(at(5)));
        // One that waits is called off.
        book.begin(KeyNumber(3), [3; 16], at(3)).unwrap();
        assert_eq!(retire(&mut book, 3, 3), Ok(at(3)));
        assert!(!book.advance(at(4)) && book.waiting().is_none());
        assert_eq!(book.next(), Ok(KeyNumber(4)));
    }
}
