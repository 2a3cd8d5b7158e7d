//! JSON laid out anew without being read: the order of the fields and the digits of the numbers stay.

/// Lays out a JSON text that is known to be sound, in one line or over several. Characters that would steer a terminal
/// are escaped.
pub(super) fn lay_out(json: &str, several_lines: bool) -> String {
    let mut out = String::with_capacity(json.len());
    let mut depth = 0;
    let mut in_string = false;
    let mut chars = json.chars().peekable();
    let newline = |out: &mut String, depth: usize| {
        if several_lines {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", depth));
        }
    };
    while let Some(char) = chars.next() {
        if in_string {
            match char {
                '\\' => {
                    out.push(char);
                    out.extend(chars.next());
                }
                '"' => {
                    in_string = false;
                    out.push(char);
                }
                steering if steering.is_control() || is_direction(steering) => {
                    out.push_str(&format!("\\u{:04x}", u32::from(steering)));
                }
                _ => out.push(char),
            }
            continue;
        }
        match char {
            '"' => {
                in_string = true;
                out.push(char);
            }
            '{' | '[' => {
                out.push(char);
                while chars.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                if let Some(end) = chars.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    newline(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth -= 1;
                newline(&mut out, depth);
                out.push(char);
            }
            ',' => {
                out.push(char);
                newline(&mut out, depth);
            }
            ':' if several_lines => out.push_str(": "),
            space if space.is_ascii_whitespace() => {}
            _ => out.push(char),
        }
    }
    out
}

/// A text of the other side's for a line of our own: what would steer a terminal is escaped.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if (char.is_control() && char != '\n') || is_direction(char) {
            out.push_str(&format!("\\u{:04x}", u32::from(char)));
        } else {
            out.push(char);
        }
    }
    out
}

/// Marks that turn the direction of writing, and so show a text as what it is not.
fn is_direction(char: char) -> bool {
    matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_digits_stay() {
        let json = " {\"z\" : [1.50, 1e400 ,[ ],{ }], \"a\": \"x: {,} \\\" \\\\\" } ";
        assert_eq!(lay_out(json, false), r#"{"z":[1.50,1e400,[],{}],"a":"x: {,} \" \\"}"#);
        let several =
            "{\n  \"z\": [\n    1.50,\n    1e400,\n    [],\n    {}\n  ],\n  \"a\": \"x: {,} \\\" \\\\\"\n}";
        assert_eq!(lay_out(json, true), several);
        assert_eq!(lay_out("{}", true), "{}");
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(
            lay_out("{\"a\":\"\u{9b}2J\u{7f}\u{202e}ü\"}", false),
            "{\"a\":\"\\u009b2J\\u007f\\u202eü\"}"
        );
    }
}
