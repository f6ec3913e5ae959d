//! Several measurements of one thing, shown as the median with its range.

use std::fmt;

/// Measurements in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Figure(Vec<f64>);

impl Figure {
    /// One more.
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The middle one; the mean of the two middle ones of an even number; 0 of none.
    pub(crate) fn median(&self) -> f64 {
        let sorted = self.sorted();
        let upper = sorted.len() / 2;
        match (sorted.get(upper), upper.checked_sub(1).and_then(|lower| sorted.get(lower))) {
            (Some(upper), Some(lower)) if sorted.len().is_multiple_of(2) => f64::midpoint(*lower, *upper),
            (Some(middle), _) => *middle,
            (None, _) => 0.0,
        }
    }

    /// The largest; 0 of none.
    pub(crate) fn max(&self) -> f64 {
        self.sorted().last().copied().unwrap_or_default()
    }

    /// Whether nothing was measured.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn min(&self) -> f64 {
        self.sorted().first().copied().unwrap_or_default()
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

impl FromIterator<f64> for Figure {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// `14,210 (13,900–15,020)`; below a hundred with one decimal.
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}–{})", plain(self.median()), plain(self.min()), plain(self.max()))
    }
}

/// A number as people read it: thousands apart, and decimals only where they say something.
pub(crate) fn plain(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_its_median_and_range() {
        let figure: Figure = [9_000.0, 14_210.4, 12_000.0].into_iter().collect();
        assert_eq!(figure.to_string(), "12,000 (9,000–14,210)");
        let even: Figure = [1.0, 2.0].into_iter().collect();
        assert_eq!(even.to_string(), "1.5 (1.0–2.0)");
        assert_eq!(plain(1_234_567.0), "1,234,567");
        assert_eq!(plain(100.0), "100");
    }
}
