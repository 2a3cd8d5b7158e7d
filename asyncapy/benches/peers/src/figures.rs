//! What rounds come to.

/// The middle of them.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

/// How far apart the middle half of them lies, as a part of the median.
pub fn spread(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len() - 1;
    (sorted[last - last / 4] - sorted[last / 4]) / median(sorted)
}

/// The value below which such a part of the sorted values lies.
pub fn quantile(sorted: &[u32], part: f64) -> f64 {
    let at = (sorted.len() as f64 * part) as usize;
    sorted.get(at).or(sorted.last()).copied().map_or(f64::NAN, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_what_lies_around_it() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(spread(&[10.0, 8.0, 12.0, 1.0, 99.0]), 0.4);
    }

    #[test]
    fn a_part_of_them_lies_below() {
        let sorted: Vec<u32> = (0..100).collect();
        assert_eq!([0.5, 0.99, 1.0].map(|part| quantile(&sorted, part)), [50.0, 99.0, 99.0]);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
