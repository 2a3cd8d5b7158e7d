use std::io::{self, Write};

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
