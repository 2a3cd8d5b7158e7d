//! The table of settings: one row serves files, the environment, the errors and the documentation.

use std::fmt;

use super::kind::{
    Codec, Count, Date, File, Header, Host, Kind, Level, Line, Mode, Order, Port, Size, Span, Urls,
};
use crate::server::Settings;

/// A setting that files and the environment can make, as documentation and `--help` show it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Setting {
    /// Its name in files; in the environment it stands in capitals behind `ASYNCAPY_`.
    pub key: &'static str,
    /// Other names of it.
    pub aliases: &'static [&'static str],
    /// The default, as it would be written in a file.
    pub default: &'static str,
    /// The unit of a bare number; empty where there is none.
    pub unit: &'static str,
    /// What is allowed.
    pub allowed: &'static str,
    /// What it does, in a line.
    pub meaning: &'static str,
    /// Whether it may be a list.
    pub(super) list: bool,
    /// Reads a value into the settings; an error says what is wrong where `allowed` does not say it all.
    pub(super) set: fn(&mut Settings, &str) -> Result<(), Option<String>>,
}

impl Setting {
    /// Its name in the environment, such as `ASYNCAPY_PORT`.
    pub fn variable(&self) -> String {
        format!("{}{}", super::env::PREFIX, self.key.to_ascii_uppercase())
    }

    /// Finds a setting by its name or one of its other names, in either case; `-` is as good as `_`.
    pub(super) fn find(key: &str) -> Option<&'static Setting> {
        let key = key.to_ascii_lowercase().replace('-', "_");
        SETTINGS.iter().find(|setting| setting.key == key || setting.aliases.contains(&key.as_str()))
    }
}

/// `port = 8081  the port to bind [a port, 0 to 65535; 0 lets the system pick one]`
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}  {} [{}]", self.key, self.default, self.meaning, self.allowed)
    }
}

/// All settings, in the order in which documentation shows them.
///
/// ```
/// let settings = asyncapy::server::config::describe();
/// let port = settings.iter().find(|setting| setting.key == "port").unwrap();
/// assert_eq!((port.default, port.variable().as_str()), ("8081", "ASYNCAPY_PORT"));
/// ```
pub fn describe() -> &'static [Setting] {
    SETTINGS
}

macro_rules! settings {
    ($($key:literal $([$($alias:literal),*])? = $default:literal, $kind:ident => $($field:ident).+, $meaning:literal;)*) => {
        const SETTINGS: &[Setting] = &[$(Setting {
            key: $key,
            aliases: &[$($($alias),*)?],
            default: $default,
            unit: <$kind as Kind>::UNIT,
            allowed: <$kind as Kind>::ALLOWED,
            meaning: $meaning,
            list: <$kind as Kind>::LIST,
            set: |settings, text| {
                settings.$($field).+ = fit(<$kind as Kind>::read(text)?)?;
                Ok(())
            },
        },)*];
    };
}

/// Brings a value into its field, where it may be too great for it.
fn fit<T, U: TryFrom<T>>(value: T) -> Result<U, Option<String>> {
    U::try_from(value).map_err(|_| Some(format!("too great; at most {} bits", size_of::<U>() * 8)))
}

settings! {
    "addr" ["address", "host"] = "127.0.0.1", Host => addr, "the address or host name to bind";
    "port" = "8081", Port => port, "the port to bind";
    "header_size" = "4", Header => header_size, "the size of the Content-Length header";
    "byteorder" ["byte_order"] = "big", Order => byte_order, "the byte order of the Content-Length header";
    "encoding" = "json", Codec => encoding, "the encoding of what handlers send before a session's first packet";
    "listeners" = "", Urls => listeners, "further places to listen at";
    "unix_mode" = "0600", Mode => unix_mode, "the permissions of the files of UNIX sockets";
    "tls_cert" = "", File => tls.cert, "the server's certificate and those that lead to its authority, PEM";
    "tls_key" = "", File => tls.key, "the certificate's private key, PEM";
    "tls_client_ca" = "", File => tls.client_ca, "the authority that clients' certificates must come from, PEM";
    "logging_level" ["log_level"] = "INFO", Level => logging.level, "the least level that the log shows";
    "console_format" ["logging_format", "log_format"] = "[%(levelname)s] %(asctime)s %(message)s", Line => logging.format,
        "a line of the log";
    "datefmt" ["logging_datefmt"] = "%d/%m/%Y %H:%M:%S %p", Date => logging.datefmt, "the time in a line of the log";
    "buf" ["buffer_size"] = "16 KiB", Size => limits.buf, "the read buffer of a connection at the start, at least 256 bytes";
    "max_packet_size" = "1 MiB", Size => limits.max_packet_size,
        "the longest packet, and no longer than the header can say: ERR_PACKET_TOO_LARGE";
    "max_packet_size_unauthenticated" = "16 KiB", Size => limits.max_packet_size_unauthenticated,
        "the longest frame of a client that must show who it is and has not yet: ERR_PACKET_TOO_LARGE";
    "payload_depth" = "64", Count => limits.payload.depth, "how deep a payload may nest: ERR_PAYLOAD_TOO_COMPLEX";
    "payload_nodes" = "65536", Count => limits.payload.nodes, "how many values a payload may hold: ERR_PAYLOAD_TOO_COMPLEX";
    "timeout" = "60s", Span => limits.timeout, "how long a session may be idle: ERR_TIMED_OUT";
    "handler_timeout" = "30s", Span => limits.handler_timeout, "how long a handler may run: ERR_HANDLER_TIMED_OUT";
    "handshake_timeout" = "5s", Span => limits.handshake_timeout, "how long a TLS handshake may take: the connection closes";
    "packet_timeout" = "10s", Span => limits.packet_timeout,
        "how long a packet may take, its length at packet_min_rate not counted: ERR_TIMED_OUT";
    "packet_min_rate" = "64 KiB", Size => limits.packet_min_rate, "the slowest a packet may arrive, per second: ERR_TIMED_OUT";
    "packet_timeout_max" = "30s", Span => limits.packet_timeout_max, "how long any packet may take in all: ERR_TIMED_OUT";
    "connections" ["max_connections"] = "16384", Count => limits.connections,
        "connections at once, by default no more than the limit of open files less 512: ERR_TOO_MANY_CONNECTIONS";
    "connections_per_address" = "256", Count => limits.connections_per_address,
        "connections of one address at once: ERR_TOO_MANY_CONNECTIONS";
    "new_connections_per_address" = "64", Count => limits.new_connections_per_address,
        "new connections of one address per second: ERR_TOO_MANY_CONNECTIONS";
    "session_limit" = "0", Count => limits.session_limit,
        "sessions of one address at once, 0 for no limit: ERR_SESSION_LIMIT_REACHED";
    "output_soft" = "1 MiB", Size => limits.output_soft, "unsent bytes of a connection above which its senders wait";
    "output_hard" = "4 MiB", Size => limits.output_hard, "unsent bytes above which nothing more is taken: ERR_OVERLOADED";
    "write_stall" = "10s", Span => limits.write_stall, "how long a write may make no progress: the connection closes";
    "calls_in_flight" = "8192", Count => limits.calls_in_flight, "handlers that run at once: ERR_OVERLOADED";
    "call_queue_timeout" = "100ms", Span => limits.call_queue_timeout,
        "how long a packet waits while calls_in_flight handlers run: ERR_OVERLOADED";
    "calls_per_connection" = "128", Count => limits.calls_per_connection,
        "calls of one client that run at once; others wait for their turn: ERR_OVERLOADED";
    "streams_per_connection" = "1024", Count => limits.streams_per_connection,
        "calls and streams that one client may have open: ERR_TOO_MANY_STREAMS";
    "ping_interval" = "20s", Span => limits.ping_interval,
        "silence after which a client of streams is asked whether it is there, twice; then its connection closes";
    "max_head_size" = "16 KiB", Size => limits.max_head_size, "the longest metadata of a call: ERR_PACKET_TOO_LARGE";
    "shutdown_deadline" ["shutdown_timeout"] = "10s", Span => limits.shutdown_deadline,
        "how long a shutdown waits for packets in hand, 0 for not at all: ERR_SHUTTING_DOWN";
    "hook_timeout" = "10s", Span => limits.hook_timeout,
        "how long a connection guard or a function around the start, the stop or a session may take: ERR_OVERLOADED";
    "bans" = "65536", Count => limits.bans, "addresses that may be banned at once; the oldest ban is let go for a new one";
    "accept_backoff" = "10ms", Span => limits.accept_backoff, "the first pause after a failed accept";
    "accept_backoff_max" = "1s", Span => limits.accept_backoff_max, "the longest pause after a failed accept";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_the_table_are_those_of_the_settings() {
        for setting in SETTINGS {
            let mut settings = Settings::default();
            (setting.set)(&mut settings, setting.default).unwrap();
            // Its default depends on the process that asks.
            if setting.key == "connections" {
                assert_eq!(settings.limits.connections, 16_384);
                settings.limits.connections = Settings::default().limits.connections;
            }
            assert_eq!(settings, Settings::default(), "{}", setting.key);
        }
    }

    #[test]
    fn each_setting_reaches_a_field_of_its_own() {
        let mut changed = Vec::new();
        for setting in SETTINGS {
            let mut settings = Settings::default();
            let done = ["7", "unix:///x", "%%", "little", "ziproto", "1", "debug"]
                .iter()
                .any(|text| (setting.set)(&mut settings, text).is_ok() && settings != Settings::default());
            assert!(done, "{}", setting.key);
            assert!(!changed.contains(&settings), "{} changes what another does", setting.key);
            changed.push(settings);
        }
    }

    #[test]
    fn names_are_told_apart() {
        let mut names: Vec<_> =
            SETTINGS.iter().flat_map(|s| s.aliases.iter().copied().chain([s.key])).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
        for python in "addr port buf logging_level console_format datefmt timeout header_size byteorder session_limit encoding"
            .split(' ')
        {
            assert_eq!(Setting::find(&python.to_uppercase()).unwrap().key, python);
        }
        assert_eq!(Setting::find("Byte-Order").unwrap().key, "byteorder");
    }

    #[test]
    fn the_guide_names_each_setting() {
        let chapter = include_str!("../../../docs/sessions-and-limits.md");
        let rows: Vec<_> =
            chapter.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next()).collect();
        for setting in SETTINGS {
            let key = format!("`{}`", setting.key);
            assert_eq!(rows.iter().filter(|row| row.contains(&key)).count(), 1, "{key}");
        }
    }

    #[test]
    fn a_value_too_great_for_its_field_is_refused() {
        let mut settings = Settings::default();
        let depth = Setting::find("payload_depth").unwrap();
        assert_eq!((depth.set)(&mut settings, "65536"), Err(Some("too great; at most 16 bits".to_owned())));
        assert_eq!(settings, Settings::default());
    }
}
