use std::fmt::{self, Write};

/// Appends to a text and escapes on the way what could forge a line or hide a part of it.
pub(super) struct Escaped<'a>(pub(super) &'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, letter)) = rest.char_indices().find(|(_, letter)| forges(*letter)) {
            self.0.push_str(&rest[..at]);
            self.0.extend(letter.escape_default());
            rest = &rest[at + letter.len_utf8()..];
        }
        self.0.push_str(rest);
        Ok(())
    }
}

/// Control characters, the line and paragraph separators, and the marks that turn the direction of writing.
fn forges(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_ends_a_line_or_turns_it_passes() {
        let mut line = String::new();
        Escaped(&mut line).write_str("a\nb\r\tc\x1b[31m\u{85}\u{2028}\u{202e}é €").unwrap();
        assert_eq!(line, r"a\nb\r\tc\u{1b}[31m\u{85}\u{2028}\u{202e}é €");
    }
}
