//! `tracestate`: what tracing systems say to one another (W3C Trace Context, section 3.3).

/// The most members of a list.
const MEMBERS: usize = 32;

/// The longest key, and the longest value.
const LENGTH: usize = 256;

/// Whether a `tracestate` is well formed: a list of keys and values of which no key stands twice.
pub(super) fn is_valid(text: &str) -> bool {
    let blank = |character| matches!(character, ' ' | '\t');
    let mut keys: Vec<&str> = Vec::new();
    for member in text.split(',').map(|member| member.trim_matches(blank)) {
        // Empty members are allowed, and say nothing.
        if member.is_empty() {
            continue;
        }
        let Some((key, value)) = member.split_once('=') else { return false };
        if !is_key(key) || !is_value(value) || keys.contains(&key) || keys.len() == MEMBERS {
            return false;
        }
        keys.push(key);
    }
    !keys.is_empty()
}

/// `vendor`, or `tenant@vendor`.
fn is_key(key: &str) -> bool {
    let rest = |text: &[u8]| {
        text.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/'))
    };
    match key.split_once('@') {
        None => matches!(key.as_bytes(), [b'a'..=b'z', tail @ ..] if tail.len() < LENGTH && rest(tail)),
        Some((tenant, vendor)) => {
            matches!(tenant.as_bytes(), [b'a'..=b'z' | b'0'..=b'9', tail @ ..] if tail.len() <= 240 && rest(tail))
                && matches!(vendor.as_bytes(), [b'a'..=b'z', tail @ ..] if tail.len() <= 13 && rest(tail))
        }
    }
}

/// Printable ASCII without `,` and `=`; it does not end with a space.
fn is_value(value: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'=');
    (1..=LENGTH).contains(&value.len()) && value.bytes().all(allowed) && !value.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_follow_the_grammar() {
        let long = "a".repeat(256);
        let thirty_three = (0..33).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
        for good in [
            "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
            "a=1, b=2 ,\tc=3,",
            "fw529a3039@dt=FfAAAA",
            "0tenant@v=x",
            "a/b-c_d*=!~ x",
            &format!("{long}={long}"),
        ] {
            assert!(is_valid(good), "{good}");
        }
        for bad in [
            "",
            ",",
            "a",
            "=1",
            "a=",
            "A=1",
            "1a=1",
            "a=1,a=2",
            "a=b=c",
            "a=\u{e9}",
            "a=\n",
            "a b=1",
            "a@=1",
            "@a=1",
            "t@1v=1",
            "a@b@c=1",
            &format!("{long}a=1"),
            &format!("a={long}a"),
            &thirty_three,
            &format!("a@{}=1", "b".repeat(15)),
        ] {
            assert!(!is_valid(bad), "{bad}");
        }
    }
}
