//! How the text of a setting becomes its value, one kind of value at a time.

use std::path::PathBuf;
use std::time::Duration;

use crate::server::logging::template::{Template, check_datefmt};
use crate::server::logging::{LogLevel, UnknownLevel};
use crate::wire::{ByteOrder, Encoding, HeaderSize};

/// A kind of value: how it is read, what is allowed, in which unit it counts.
pub(super) trait Kind {
    /// What is read.
    type Value;

    /// The unit, in a word; empty where there is none.
    const UNIT: &'static str = "";

    /// What is allowed, as it follows "allowed: ".
    const ALLOWED: &'static str;

    /// Whether it may be a list.
    const LIST: bool = false;

    /// Reads a text whose blanks at both ends are cut; an error is a sentence of its own, or nothing where
    /// [`Kind::ALLOWED`] says all there is to say.
    fn read(text: &str) -> Result<Self::Value, Option<String>>;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident: $value:ty $([$unit:literal])?, $allowed:expr, $read:expr;)*) => {$(
        $(#[$doc])*
        pub(super) struct $kind;

        impl Kind for $kind {
            type Value = $value;
            $(const UNIT: &'static str = $unit;)?
            const ALLOWED: &'static str = $allowed;

            fn read(text: &str) -> Result<$value, Option<String>> {
                let read: fn(&str) -> Option<$value> = $read;
                read(text).ok_or(None)
            }
        }
    )*};
}

kinds! {
    /// A host name or an address.
    Host: String, "an address or a host name, such as 127.0.0.1, 0.0.0.0, ::1 or localhost",
        |text| (!text.is_empty() && !text.contains(|c: char| c.is_whitespace() || "/[]".contains(c))).then(|| text.to_owned());
    /// A port of TCP.
    Port: u16, "a port, 0 to 65535; 0 lets the system pick one", |text| text.parse().ok();
    /// A number of things.
    Count: u64, "a whole number, 0 or more", |text| text.replace('_', "").parse().ok();
    /// A number of bytes.
    Size: u64 ["bytes"], "a number of bytes, or one with a unit: 512, 64 KiB, 1 MiB, 1 GiB, 500 kB, 1 MB", size;
    /// A time.
    Span: Duration ["seconds"], "a number of seconds, or one with a unit: 60, 0.5, 500ms, 10s, 2m, 1h", duration;
    /// The permissions of a file.
    Mode: u32, "permissions in octal digits, such as 600, 0660 or 0o666", |text| {
        let digits = text.strip_prefix("0o").unwrap_or(text);
        let plain = digits.bytes().all(|digit| digit.is_ascii_digit());
        u32::from_str_radix(digits, 8).ok().filter(|mode| plain && *mode <= 0o777)
    };
    /// A path; empty for none.
    File: Option<PathBuf>, "a path", |text| Some((!text.is_empty()).then(|| PathBuf::from(text)));
    /// The size of the Content-Length header.
    Header: HeaderSize ["bytes"], "1, 2, 4 or 8", |text| Some(match text {
        "1" => HeaderSize::One,
        "2" => HeaderSize::Two,
        "4" => HeaderSize::Four,
        "8" => HeaderSize::Eight,
        _ => return None,
    });
    /// The byte order of the Content-Length header.
    Order: ByteOrder, "big or little", |text| Some(match text.to_ascii_lowercase().as_str() {
        "big" => ByteOrder::Big,
        "little" => ByteOrder::Little,
        _ => return None,
    });
    /// An encoding of payloads.
    Codec: Encoding, "json or ziproto", |text| Some(match text.to_ascii_lowercase().as_str() {
        "json" => Encoding::Json,
        "ziproto" => Encoding::ZiProto,
        _ => return None,
    });
    /// A level of the log.
    Level: LogLevel, UnknownLevel::ALLOWED, |text| text.parse().ok();
}

/// A line of the log.
pub(super) struct Line;

impl Kind for Line {
    type Value = String;
    const ALLOWED: &'static str =
        "a line in the style of Python's logging, such as [%(levelname)s] %(message)s";

    fn read(text: &str) -> Result<String, Option<String>> {
        Template::parse(text).map(|_| text.to_owned()).map_err(Some)
    }
}

/// The time in a line of the log.
pub(super) struct Date;

impl Kind for Date {
    type Value = String;
    const ALLOWED: &'static str = "text with the codes of strftime, such as %Y-%m-%d %H:%M:%S";

    fn read(text: &str) -> Result<String, Option<String>> {
        check_datefmt(text).map(|()| text.to_owned()).map_err(Some)
    }
}

/// Places to listen at.
pub(super) struct Urls;

impl Kind for Urls {
    type Value = Vec<String>;
    const ALLOWED: &'static str =
        "URLs between commas or on lines of their own: tcp://host:port, tls://host:port, unix:///path";
    const LIST: bool = true;

    fn read(text: &str) -> Result<Vec<String>, Option<String>> {
        let urls = text.split([',', '\n']).map(str::trim).filter(|url| !url.is_empty());
        urls.map(|url| {
            let place = ["tcp://", "tls://", "unix://"].iter().find_map(|scheme| url.strip_prefix(scheme));
            match place {
                Some(place) if !place.is_empty() => Ok(url.to_owned()),
                _ => Err(Some(format!("{url:?} is no place to listen at; allowed: {}", Self::ALLOWED))),
            }
        })
        .collect()
    }
}

/// Splits `1.5 MiB` into the number and the unit.
fn unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '_')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim())
}

fn size(text: &str) -> Option<u64> {
    let (number, unit) = unit(text);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1000 * 1000,
        "gb" => 1000 * 1000 * 1000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        _ => return None,
    };
    number.replace('_', "").parse::<u64>().ok()?.checked_mul(factor)
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = unit(text);
    let seconds = match unit {
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "" | "s" | "sec" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    let seconds = number.replace('_', "").parse::<f64>().ok()? * seconds;
    // A century is as good as for ever, and no sum of such times overflows.
    let most = Duration::from_secs(100 * 366 * 86_400);
    Duration::try_from_secs_f64(seconds).ok().filter(|duration| *duration <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        for (text, bytes) in [
            ("0", 0),
            ("1024", 1024),
            ("1 MiB", 1 << 20),
            ("16KiB", 16 << 10),
            ("64k", 64 << 10),
            ("500 kB", 500_000),
            ("1_000", 1000),
        ] {
            assert_eq!(Size::read(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "-1", "MiB", "1.5 MiB", "1 TiB", "99999999999999 GiB", "1 2"] {
            assert_eq!(Size::read(wrong), Err(None), "{wrong:?}");
        }
    }

    #[test]
    fn times_are_read_with_and_without_units() {
        for (text, milliseconds) in [
            ("60", 60_000),
            ("0.5", 500),
            ("500ms", 500),
            ("10 s", 10_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(Span::read(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for wrong in ["", "-1", "s", "1e3", "inf", "nan", "1 week", "999999999999h"] {
            assert_eq!(Span::read(wrong), Err(None), "{wrong:?}");
        }
    }

    #[test]
    fn permissions_are_octal() {
        for (text, mode) in [("600", 0o600), ("0660", 0o660), ("0o777", 0o777), ("0", 0)] {
            assert_eq!(Mode::read(text), Ok(mode), "{text}");
        }
        for wrong in ["", "1000", "8", "-1", "+7", "0x1ff", "rw-------"] {
            assert_eq!(Mode::read(wrong), Err(None), "{wrong:?}");
        }
    }

    #[test]
    fn words_are_read_in_either_case() {
        assert_eq!(Order::read("Little"), Ok(ByteOrder::Little));
        assert_eq!(Codec::read("ZiProto"), Ok(Encoding::ZiProto));
        assert_eq!(Header::read("2"), Ok(HeaderSize::Two));
        assert_eq!(Level::read("10"), Ok(LogLevel::Debug));
        assert_eq!(Header::read("3"), Err(None));
        assert_eq!(Order::read("middle"), Err(None));
    }

    #[test]
    fn hosts_hold_no_blanks_or_ports_in_brackets() {
        for host in ["127.0.0.1", "localhost", "::1", "0.0.0.0"] {
            assert_eq!(Host::read(host), Ok(host.to_owned()));
        }
        for wrong in ["", "a b", "[::1]:80", "tcp://x"] {
            assert_eq!(Host::read(wrong), Err(None), "{wrong:?}");
        }
    }

    #[test]
    fn places_are_split_and_their_schemes_checked() {
        let urls = vec!["tcp://0.0.0.0:1".to_owned(), "unix:///run/x".to_owned()];
        assert_eq!(Urls::read("tcp://0.0.0.0:1, unix:///run/x"), Ok(urls.clone()));
        assert_eq!(Urls::read("\ntcp://0.0.0.0:1\n  unix:///run/x\n"), Ok(urls));
        assert_eq!(Urls::read(""), Ok(Vec::new()));
        let error = Urls::read("tcp://a:1, ftp://b").unwrap_err().unwrap();
        assert!(error.starts_with("\"ftp://b\" is no place to listen at; allowed: "), "{error}");
    }
}
