//! What the commands print: lines, JSON, tables. Nothing panics when nobody reads it.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use serde_json::Value;

/// Writes a line to stdout and flushes it.
///
/// # Errors
/// That stdout is closed is one; `println!` would panic.
pub(super) fn line(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Writes a remark to stderr, where it is in the way of no program that reads the result.
pub(super) fn note(text: &str) {
    // Nobody may be there to read it.
    let _ = anstream::stderr().lock().write_all(format!("{text}\n").as_bytes());
}

/// Writes JSON to stdout: over several lines for people, in one line for programs.
///
/// # Errors
/// Those of [`line()`].
pub(super) fn json(value: &Value) -> io::Result<()> {
    if io::stdout().is_terminal() { line(&format!("{value:#}")) } else { line(&value.to_string()) }
}

/// A table whose columns are as wide as what stands in them.
#[derive(Clone, Debug)]
pub(super) struct Table<const N: usize> {
    head: [&'static str; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(head: [&'static str; N]) -> Self {
        Self { head, rows: Vec::new() }
    }

    /// Adds a row; what a client may have sent is escaped, so that it can forge no other.
    pub(super) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| {
            if cell.contains(char::is_control) { cell.escape_debug().to_string() } else { cell }
        }));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes it to stdout, its head bold on a terminal.
    ///
    /// # Errors
    /// Those of [`line()`].
    pub(super) fn print(&self) -> io::Result<()> {
        let text = self.to_string();
        let (head, rows) = text.split_once('\n').unwrap_or((&text, ""));
        line(format!("\u{1b}[1m{head}\u{1b}[0m\n{rows}").trim_end())
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |text: &str| text.chars().count();
        let mut widths = self.head.map(width);
        for row in &self.rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = width(cell).max(*widest);
            }
        }
        let joined = |cells: [&str; N]| {
            let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        writeln!(f, "{}", joined(self.head))?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{}", joined(row.each_ref().map(String::as_str))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_cells() {
        let mut table = Table::new(["ID", "NAME"]);
        table.row(["1".to_owned(), "Jürgen".to_owned()]);
        table.row(["1000".to_owned(), "a\nb".to_owned()]);
        assert_eq!(table.to_string(), "ID    NAME\n1     Jürgen\n1000  a\\nb\n");
    }
}
