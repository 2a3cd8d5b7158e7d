//! Markdown, that reads well in a terminal too.

use crate::figures::{median, spread};

/// The system that the others' figures are told as ratios to, when it is in a table.
pub const BASE: &str = "asyncapy";

/// A column: its head, and how many digits its figures have after the point.
pub type Column = (&'static str, usize);

/// A system's figures, of each round: as many as there are columns, the one that matters most first.
pub struct Row {
    pub name: String,
    pub rounds: Vec<Vec<f64>>,
}

impl Row {
    fn column(&self, at: usize) -> Vec<f64> {
        self.rounds.iter().map(|figures| figures[at]).collect()
    }

    /// The median, and the median of the rounds' ratios to the base's rounds: what is side by side in time is compared.
    /// What was not measured in rounds has a ratio to the base's median.
    fn cell(&self, at: usize, digits: usize, base: Option<&Row>) -> String {
        let figures = self.column(at);
        let ratio = match base {
            _ if figures.iter().any(|figure| figure.is_nan()) => String::new(),
            Some(base) if base.rounds.len() == figures.len() => {
                let ratios =
                    figures.iter().zip(base.column(at)).map(|(figure, base)| figure / base).collect();
                format!(" ({:.2})", median(ratios))
            }
            Some(base) => format!(" ({:.2})", median(figures.clone()) / median(base.column(at))),
            None => String::new(),
        };
        format!("{}{ratio}", grouped(median(figures), digits))
    }
}

/// Prints the table; the last column is how far the first one's rounds lie apart.
pub fn print(title: &str, columns: &[Column], rows: &[Row]) {
    println!("### {title}\n");
    let base = rows.iter().find(|row| row.name == BASE);
    let mut lines = vec![vec![String::new()]];
    lines[0].extend(columns.iter().map(|(head, _)| (*head).to_owned()));
    lines[0].push("spread".to_owned());
    for row in rows {
        let mut line = vec![row.name.clone()];
        line.extend(columns.iter().enumerate().map(|(at, (_, digits))| row.cell(at, *digits, base)));
        line.push(match row.rounds.len() {
            0 | 1 => "-".to_owned(),
            _ => format!("{:.0} %", 100.0 * spread(&row.column(0))),
        });
        lines.push(line);
    }
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|at| lines.iter().map(|line| line[at].len()).max().unwrap_or(0).max(3))
        .collect();
    for (number, line) in lines.iter().enumerate() {
        let cells = line.iter().zip(&widths).enumerate();
        let cells = cells.map(|(at, (cell, &width))| match at {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        println!("| {} |", cells.collect::<Vec<_>>().join(" | "));
        if number == 0 {
            let rules = widths.iter().enumerate().map(|(at, &width)| match at {
                0 => "-".repeat(width),
                _ => format!("{}:", "-".repeat(width - 1)),
            });
            println!("| {} |", rules.collect::<Vec<_>>().join(" | "));
        }
    }
    println!();
}

/// With a comma between the thousands.
fn grouped(figure: f64, digits: usize) -> String {
    if figure.is_nan() {
        return "-".to_owned();
    }
    let text = format!("{figure:.digits$}");
    let whole = text.split('.').next().map_or(0, str::len);
    let mut out = String::new();
    for (at, digit) in text.chars().enumerate() {
        if at > 0 && at < whole && (whole - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, figures: &[f64]) -> Row {
        Row { name: name.to_owned(), rounds: figures.iter().map(|figure| vec![*figure]).collect() }
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let base = row(BASE, &[100.0, 200.0, 400.0]);
        let other = row("other", &[50.0, 100.0, 400.0]);
        assert_eq!(other.cell(0, 0, Some(&base)), "100 (0.50)");
        assert_eq!(other.cell(0, 1, None), "100.0");
        assert_eq!(row("quoted", &[50.0]).cell(0, 0, Some(&base)), "50 (0.25)");
        assert_eq!(row("unknown", &[f64::NAN]).cell(0, 0, Some(&base)), "-");
    }

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!(grouped(1_234_567.8, 1), "1,234,567.8");
        assert_eq!(grouped(999.0, 0), "999");
    }
}
