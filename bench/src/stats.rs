//! What many figures come to.

use serde::{Deserialize, Serialize};

/// The middle of some figures, and their ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// `None` of no figures.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Some(Self {
            median,
            least,
            most,
        })
    }
}

/// The figure that so many of 1,000 do not exceed (nearest rank); 0 of no figures.
pub(crate) fn permille(sorted: &[u32], rank: usize) -> u32 {
    let index = (sorted.len() * rank).div_ceil(1000).saturating_sub(1);
    sorted.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_odd_and_of_an_even_number() {
        let spread = Spread::of([3.0, 1.0, 8.0]).unwrap();
        assert_eq!((spread.least, spread.median, spread.most), (1.0, 3.0, 8.0));
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 8.0]).unwrap().median, 3.0);
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn ranks_are_those_of_the_sorted_figures() {
        let sorted: Vec<u32> = (1..=200).collect();
        assert_eq!(permille(&sorted, 500), 100);
        assert_eq!(permille(&sorted, 990), 198);
        assert_eq!(permille(&sorted, 1000), 200);
        assert_eq!(permille(&[7], 990), 7);
        assert_eq!(permille(&[], 500), 0);
    }
}
