//! "did you mean": the allowed word that is nearest to one that was given.

/// The one of `allowed` that was probably meant by `given`, if one is near enough.
pub(crate) fn nearest<'a>(given: &str, allowed: &[&'a str]) -> Option<&'a str> {
    let near = given.chars().count().max(3) / 3;
    let distances = allowed.iter().map(|word| (distance(given, word), *word));
    distances
        .filter(|(distance, _)| *distance <= near)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// What an error about the unknown word `given` says after its first clause: the nearest word, or all of them.
pub(crate) fn hint(given: &str, allowed: &[&str]) -> String {
    match nearest(given, allowed) {
        Some(word) => format!("did you mean `{word}`?"),
        None if allowed.is_empty() => "none is allowed here".to_owned(),
        None => {
            let words: Vec<_> = allowed.iter().map(|word| format!("`{word}`")).collect();
            format!("allowed are {}", words.join(", "))
        }
    }
}

/// How many letters must be changed, added, left out or swapped with the next one (optimal string alignment).
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows = vec![vec![0; right.len() + 1]; left.len() + 1];
    for i in 0..=left.len() {
        for j in 0..=right.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let changed = rows[i - 1][j - 1] + usize::from(left[i - 1] != right[j - 1]);
                let mut least = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                    least = least.min(rows[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found() {
        assert_eq!(nearest("mesage", &["code", "message", "field"]), Some("message"));
        assert_eq!(nearest("crtae", &["crate"]), Some("crate"));
        assert_eq!(nearest("banana", &["code", "message", "field"]), None);
        assert_eq!(hint("x", &["code", "field"]), "allowed are `code`, `field`");
    }
}
