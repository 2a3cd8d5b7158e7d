/// The one in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The value that so many of a hundred do not exceed; `values` are sorted.
pub fn percentile(values: &[u32], percent: usize) -> u32 {
    values.get((values.len() * percent / 100).min(values.len().saturating_sub(1))).copied().unwrap_or(0)
}

/// Whether a figure is what it should be, in a word.
pub fn verdict(holds: bool) -> &'static str {
    if holds { "ok" } else { "MISSED" }
}

/// Runs `ours` and `theirs` in turns, so many times each; which goes first alternates. Gives pairs of figures.
pub fn in_turns(
    rounds: usize,
    mut ours: impl FnMut() -> f64,
    mut theirs: impl FnMut() -> f64,
) -> Vec<(f64, f64)> {
    let pair = |round| {
        if round % 2 == 0 {
            let first = ours();
            (first, theirs())
        } else {
            let first = theirs();
            (ours(), first)
        }
    };
    (0..rounds).map(pair).collect()
}

/// The medians of both columns, and of the ratios.
pub fn compare(pairs: &[(f64, f64)]) -> (f64, f64, f64) {
    let of = |figure: fn(&(f64, f64)) -> f64| median(pairs.iter().map(figure).collect());
    (of(|pair| pair.0), of(|pair| pair.1), of(|pair| pair.0 / pair.1))
}

/// What this thread has spent on a CPU so far, in nanoseconds: other programs' time does not count.
pub fn thread_cpu() -> u64 {
    // The kernel books a thread's time when it gives way.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}
