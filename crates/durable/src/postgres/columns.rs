//! Rows as columns: UNNEST takes one array per column, and any number of rows is one statement.

use std::collections::BTreeMap;

/// One column of rows.
pub fn column<'a, R, T>(rows: &[&'a R], of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(|row| of(row)).collect()
}

/// The last of the rows of each key, by key: one statement changes a row once, and one order of rows lets
/// two statements never wait for each other in a circle.
pub fn last_of_each<'a, R, K: Ord>(rows: &'a [R], key: impl Fn(&'a R) -> K) -> Vec<&'a R> {
    rows.iter().map(|row| (key(row), row)).collect::<BTreeMap<K, &R>>().into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_each_key_counts() {
        let rows = [(2, "a"), (1, "b"), (2, "c")];
        let once = last_of_each(&rows, |row| row.0);
        assert_eq!(column(&once, |row| row.1), ["b", "c"]);
    }
}
