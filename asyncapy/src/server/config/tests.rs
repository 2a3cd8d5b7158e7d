//! Files and variables as people write them, and what is said when they slip.

use std::time::Duration;

use super::*;
use crate::server::logging::LogLevel;
use crate::wire::{ByteOrder, Encoding, HeaderSize};

fn file(name: &str, text: &str) -> Result<Settings> {
    let mut draft = Draft::default();
    draft.take(read_text(name, text));
    draft.finish()
}

fn ini(text: &str) -> Settings {
    file("server.ini", text).unwrap()
}

fn toml(text: &str) -> Settings {
    file("server.toml", text).unwrap()
}

/// The mistakes of a file, a line each.
fn mistakes(name: &str, text: &str) -> Vec<String> {
    let Error::Config(all) = file(name, text).unwrap_err() else { panic!("no mistake of the configuration") };
    match all.split_once(" mistakes:\n  - ") {
        Some((count, list)) => {
            let list: Vec<_> = list.split("\n  - ").map(str::to_owned).collect();
            assert_eq!(count, list.len().to_string());
            list
        }
        None => vec![all],
    }
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect()
}

/// A file in a folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("asyncapy-config-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn every_key_of_asyncapy_is_read() {
    let settings = ini("\u{feff}# The server of the shop\r\n\
         [AsyncAPY]\r\n\
         addr = 0.0.0.0\r\n\
         Port: 1500\r\n\
         encoding = ziproto\r\n\
         header_size = 2\r\n\
         byteorder = little\r\n\
         ; as Python counts them\r\n\
         logging_level = 10\r\n\
         console_format = %(levelname)s:%(message)s\r\n\
         datefmt = %H:%M:%S\r\n\
         buf = 1024\r\n\
         timeout = 30\r\n\
         SESSION_LIMIT = 5\r\n");
    assert_eq!((settings.addr.as_str(), settings.port), ("0.0.0.0", 1500));
    assert_eq!(settings.encoding, Encoding::ZiProto);
    assert_eq!(settings.header_size, HeaderSize::Two);
    assert_eq!(settings.byte_order, ByteOrder::Little);
    assert_eq!(settings.logging.level, LogLevel::Debug);
    assert_eq!(settings.logging.format, "%(levelname)s:%(message)s");
    assert_eq!(settings.logging.datefmt, "%H:%M:%S");
    assert_eq!(settings.limits.buf, 1024);
    assert_eq!(settings.limits.timeout, Duration::from_secs(30));
    assert_eq!(settings.limits.session_limit, 5);
}

#[test]
fn an_empty_file_leaves_the_defaults() {
    for (name, text) in [("a.ini", ""), ("a.ini", "[AsyncAPY]\n"), ("a.toml", ""), ("a.toml", "[limits]\n")] {
        assert_eq!(file(name, text).unwrap(), Settings::default(), "{name} {text:?}");
    }
}

#[test]
fn percent_signs_are_read_doubled_and_plain() {
    for format in ["[%(levelname)s] %(message)s", "[%%(levelname)s] %%(message)s"] {
        let settings = ini(&format!("[AsyncAPY]\nconsole_format = {format}\n"));
        assert_eq!(settings.logging.format, "[%(levelname)s] %(message)s");
    }
    assert_eq!(ini("[AsyncAPY]\ndatefmt = %%d/%%m/%%Y\n").logging.datefmt, "%d/%m/%Y");
    assert_eq!(ini("[AsyncAPY]\nconsole_format = 100%% %(message)s\n").logging.format, "100%% %(message)s");
    assert_eq!(toml(r#"datefmt = "%%""#).logging.datefmt, "%%");
}

#[test]
fn sections_group_what_belongs_together() {
    let settings = ini("[AsyncAPY]\nport = 1\n[limits]\nmax_packet_size = 64 KiB\nwrite_stall: 500ms\n\
         [logging]\nlevel = warning\nformat = %(message)s\n[TLS]\ncert = a.pem\nkey = b.pem\nclient_ca = c.pem\n\
         [asyncapy]\ntimeout = 2m\n");
    assert_eq!(settings.port, 1);
    assert_eq!(settings.limits.max_packet_size, 65_536);
    assert_eq!(settings.limits.write_stall, Duration::from_millis(500));
    assert_eq!(settings.limits.timeout, Duration::from_secs(120));
    assert_eq!(
        (settings.logging.level, settings.logging.format.as_str()),
        (LogLevel::Warning, "%(message)s")
    );
    assert_eq!(settings.tls.cert.as_deref(), Some(Path::new("a.pem")));
    assert_eq!(settings.tls.key.as_deref(), Some(Path::new("b.pem")));
    assert_eq!(settings.tls.client_ca.as_deref(), Some(Path::new("c.pem")));
}

#[test]
fn an_indented_line_goes_on_with_the_value() {
    let settings = ini(
        "[AsyncAPY]\nlisteners =\n    tcp://0.0.0.0:1\n\n    # the second\n\tunix:///run/a.sock\nport = 7\n",
    );
    assert_eq!(settings.listeners, ["tcp://0.0.0.0:1", "unix:///run/a.sock"]);
    assert_eq!(settings.port, 7);
}

#[test]
fn toml_is_read_flat_and_in_tables() {
    let settings = toml(
        "port = 1500\ntimeout = 0.5\nbuf = 0x1000\nlisteners = [\"tcp://a:1\", \"unix:///b\"]\n\
         [asyncapy]\naddr = \"::1\"\n[limits]\nmax_packet_size = \"2 MiB\"\nhandler_timeout = \"500ms\"\n\
         connections = 1_000\n[logging]\nlevel = 40\n[tls]\ncert = 'c.pem'\nkey = 'k.pem'\n",
    );
    assert_eq!((settings.addr.as_str(), settings.port), ("::1", 1500));
    assert_eq!(settings.limits.timeout, Duration::from_millis(500));
    assert_eq!(settings.limits.buf, 4096);
    assert_eq!(settings.listeners, ["tcp://a:1", "unix:///b"]);
    assert_eq!(settings.limits.max_packet_size, 2 << 20);
    assert_eq!(settings.limits.handler_timeout, Duration::from_millis(500));
    assert_eq!(settings.limits.connections, 1000);
    assert_eq!(settings.logging.level, LogLevel::Error);
    assert_eq!(settings.tls.cert.as_deref(), Some(Path::new("c.pem")));
}

#[test]
fn all_mistakes_of_an_ini_file_are_told_at_once_with_their_lines() {
    let told = mistakes(
        "server.ini",
        "[AsyncAPY]\n# a comment\nprot = 80\nheader_size = 3\n\ncolour = red\ntimeout = soon\nbuf\nport = 1\nPORT = 2\n\
         console_format = %(mesage)s\noutput_soft = 8 MiB\n",
    );
    assert_eq!(told.len(), 8, "{told:#?}");
    assert_eq!(told[0], "server.ini:8: `buf` sets nothing; allowed: key = value");
    assert_eq!(told[1], "server.ini:3: `prot` (set to \"80\") is no setting; did you mean `port`?");
    assert_eq!(told[2], "server.ini:4: `header_size` is \"3\"; allowed: 1, 2, 4 or 8");
    assert!(
        told[3].starts_with("server.ini:6: `colour` (set to \"red\") is no setting; allowed: addr, port, "),
        "{}",
        told[3]
    );
    assert_eq!(
        told[4],
        "server.ini:7: `timeout` is \"soon\"; allowed: a number of seconds, or one with a unit: 60, 0.5, 500ms, 10s, 2m, 1h"
    );
    assert_eq!(told[5], "server.ini:10: `PORT` is set twice, first at server.ini:9");
    assert!(told[6].starts_with(
        "server.ini:11: `console_format` is \"%(mesage)s\": `%(mesage)` is not known; allowed: "
    ));
    assert_eq!(told[7], "server.ini:12: `output_soft` is 8388608, above `output_hard`, 4194304");
}

#[test]
fn all_mistakes_of_a_toml_file_are_told_at_once_with_their_lines() {
    let told = mistakes(
        "server.toml",
        "port = 70000\nadr = \"::1\"\n\n[limits]\ntimeout = true\nbuf = [\"1\"]\nmax_packet_size = -1\n[tls]\ncert = \"a\"\n\
         [colours]\nred = 1\n[logging.level]\nx = 1\n",
    );
    assert_eq!(told.len(), 8, "{told:#?}");
    assert_eq!(
        told[0],
        "server.toml:10: [colours] is no table of settings; allowed: [asyncapy], [limits], [logging], [tls]"
    );
    assert_eq!(
        told[1],
        "server.toml:1: `port` is \"70000\"; allowed: a port, 0 to 65535; 0 lets the system pick one"
    );
    assert_eq!(told[2], "server.toml:2: `adr` (set to \"::1\") is no setting; did you mean `addr`?");
    assert!(
        told[3].starts_with("server.toml:5: `timeout` is a boolean; allowed: a number of seconds"),
        "{}",
        told[3]
    );
    assert!(told[4].starts_with("server.toml:6: `buf` is a list; allowed: "), "{}", told[4]);
    assert!(
        told[5].starts_with("server.toml:7: `max_packet_size` is \"-1\"; allowed: a number of bytes"),
        "{}",
        told[5]
    );
    assert!(told[6].starts_with("server.toml:12: `level` is a table; allowed: DEBUG (10)"), "{}", told[6]);
    assert_eq!(told[7], "server.toml:9: `tls_cert` is set and `tls_key` is not; TLS needs both");
}

#[test]
fn a_file_of_the_wrong_form_names_the_line() {
    let told = mistakes("server.toml", "port = 1\ntimeout = \nbuf = 300\n");
    assert!(told[0].starts_with("server.toml:2: "), "{told:?}");
    assert_eq!(
        mistakes("a.ini", "port = 1\n"),
        ["a.ini:1: `port` stands before the first section; write [AsyncAPY] above it"]
    );
    assert_eq!(
        mistakes("a.ini", "\n[Server]\nport = 1\n"),
        ["a.ini:2: [Server] is no section; allowed: [AsyncAPY], [limits], [logging], [tls]"]
    );
    assert_eq!(
        mistakes("a.ini", "[AsyncAPY\n")[0],
        "a.ini:1: a section stands alone in its line, as [AsyncAPY] does"
    );
    assert_eq!(
        mistakes("a.ini", "[AsyncAPY]\n= 1\n")[0],
        "a.ini:2: `= 1` sets nothing; allowed: key = value"
    );
}

#[test]
fn a_packet_size_that_was_chosen_fits_its_header() {
    assert_eq!(ini("[AsyncAPY]\nheader_size = 1\n").header_size, HeaderSize::One);
    for size in ["1 MiB", "256"] {
        let told = mistakes("a.ini", &format!("[AsyncAPY]\nheader_size = 1\nmax_packet_size = {size}\n"));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("a.ini:3: `max_packet_size` is "), "{told:?}");
        assert!(told[0].ends_with("a Content-Length header of 1 byte(s) can say 255 at most"), "{told:?}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let folder = Folder::new();
    let path = folder.0.join("none.ini");
    let error = Settings::from_file(&path).unwrap_err().to_string();
    assert!(error.starts_with(&format!("configuration: {}: ", path.display())), "{error}");
}

#[test]
fn the_environment_goes_before_the_file_and_the_file_before_the_defaults() {
    let folder = Folder::new();
    let path = folder.file("server.toml", "port = 1\ntimeout = 2\n");
    let settings = Settings::from_file(&path).unwrap();
    assert_eq!((settings.port, settings.limits.timeout), (1, Duration::from_secs(2)));

    let environment =
        variables(&[("ASYNCAPY_PORT", "3"), ("PATH", "/bin"), ("ASYNCAPY_LOGGING_LEVEL", "debug")]);
    let settings = Settings::default().layered(Some(&path), environment).unwrap();
    assert_eq!((settings.port, settings.limits.timeout), (3, Duration::from_secs(2)));
    assert_eq!(settings.logging.level, LogLevel::Debug);
    assert_eq!(settings.addr, "127.0.0.1");
}

#[test]
fn a_variable_may_name_the_file() {
    let folder = Folder::new();
    let (one, two) =
        (folder.file("one.ini", "[AsyncAPY]\nport = 1\n"), folder.file("two.ini", "[AsyncAPY]\nport = 2\n"));
    let environment = || variables(&[("ASYNCAPY_CONFIG", one.to_str().unwrap())]);
    assert_eq!(Settings::default().layered(None, environment()).unwrap().port, 1);
    assert_eq!(Settings::default().layered(Some(&two), environment()).unwrap().port, 2);
    assert_eq!(Settings::default().layered(None, variables(&[("ASYNCAPY_CONFIG", "")])).unwrap().port, 8081);
}

#[test]
fn mistakes_of_the_file_and_of_the_environment_are_told_together() {
    let folder = Folder::new();
    let path = folder.file("a.ini", "[AsyncAPY]\nport = x\noutput_hard = 100\n");
    let environment =
        variables(&[("ASYNCAPY_TIMEOUTS", "1"), ("ASYNCAPY_OUTPUT_SOFT", "200"), ("ASYNCAPY_BUF", "?")]);
    let error = Settings::default().layered(Some(&path), environment).unwrap_err().to_string();
    assert!(error.starts_with("configuration: 4 mistakes:"), "{error}");
    for part in [
        "a.ini:2: `port` is \"x\"",
        "environment variable ASYNCAPY_TIMEOUTS: `timeouts` (set to \"1\") is no setting; did you mean `timeout`?",
        "environment variable ASYNCAPY_BUF: `buf` is \"?\"",
        "environment variable ASYNCAPY_OUTPUT_SOFT: `output_soft` is 200, above `output_hard`, 100",
    ] {
        assert!(error.contains(part), "{part}\n{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_named() {
    use std::os::unix::ffi::OsStringExt;
    let value = OsString::from_vec(vec![0xff]);
    let error =
        Settings::default().layered(None, vec![("ASYNCAPY_ADDR".into(), value)]).unwrap_err().to_string();
    assert_eq!(error, "configuration: environment variable ASYNCAPY_ADDR is not UTF-8");
}

#[test]
fn a_wrong_argument_leaves_the_settings_as_they_were() {
    let mut settings = Settings::default();
    settings.set("header-size", "2").unwrap();
    assert_eq!(settings.header_size, HeaderSize::Two);
    let before = settings.clone();
    let error = settings.set("byteorder", "middle").unwrap_err().to_string();
    assert_eq!(error, "configuration: argument: `byteorder` is \"middle\"; allowed: big or little");
    assert_eq!(settings, before);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(\\[AsyncAPY\\]\n)?([a-z=:%\\[\\]\\\\#;\" \t\r\n'0-9]|port|\\PC){0,80}") {
        let _ = file("a.ini", &text);
        let _ = file("a.toml", &text);
    }
}
