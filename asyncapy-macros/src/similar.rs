/// `; did you mean ..?` with the candidate nearest to `given`, or nothing where none is near.
pub(crate) fn did_you_mean(given: &str, candidates: &[&str]) -> String {
    let near = |candidate: &&&str| distance(given, candidate) <= candidate.len().max(3) / 3;
    match candidates.iter().filter(near).min_by_key(|candidate| distance(given, candidate)) {
        Some(candidate) => format!("; did you mean `{candidate}`?"),
        None => String::new(),
    }
}

/// How many letters must be put in, taken out or changed to make one word of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_letters() {
        assert_eq!(distance("group", "group"), 0);
        assert_eq!(distance("gruop", "group"), 2);
        assert_eq!(distance("", "ip"), 2);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn only_near_words_are_named() {
        assert_eq!(did_you_mean("feilds", &["fields", "filter"]), "; did you mean `fields`?");
        assert_eq!(did_you_mean("timout", &["timeout", "name"]), "; did you mean `timeout`?");
        assert_eq!(did_you_mean("retries", &["fields", "filter", "ip"]), "");
    }
}
