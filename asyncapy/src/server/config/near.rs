/// The candidate that is nearest to `word`, if one is so near that a slip explains the difference.
pub(super) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = (word.chars().count() / 3).clamp(1, 3);
    let near = candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)?;
    (near.0 <= most).then_some(near.1)
}

/// How many letters have to be put in, left out, replaced or swapped with their neighbour (the distance of optimal string
/// alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let replaced = last[j] + usize::from(a[i] != b[j]);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        for (a, b, slips) in [
            ("port", "port", 0),
            ("prot", "port", 1),
            ("por", "port", 1),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), slips, "{a} {b}");
            assert_eq!(distance(b, a), slips, "{b} {a}");
        }
    }

    #[test]
    fn only_what_is_near_is_proposed() {
        let keys = ["port", "addr", "timeout", "handler_timeout"];
        assert_eq!(nearest("prot", keys.into_iter()), Some("port"));
        assert_eq!(nearest("time_out", keys.into_iter()), Some("timeout"));
        assert_eq!(nearest("handle_timeout", keys.into_iter()), Some("handler_timeout"));
        assert_eq!(nearest("colour", keys.into_iter()), None);
        assert_eq!(nearest("x", std::iter::empty()), None);
    }
}
