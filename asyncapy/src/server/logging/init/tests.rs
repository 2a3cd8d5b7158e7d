//! Golden lines, at a time that does not move.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use tracing::{debug, error, info, info_span, trace, warn};

use super::*;

/// A buffer that a subscriber writes to and a test reads.
#[derive(Clone, Debug, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Page {
    type Writer = Page;

    fn make_writer(&'a self) -> Page {
        self.clone()
    }
}

/// The time of the document's sample log, 45 ms past the second.
fn then() -> Zoned {
    let time = jiff::civil::date(2020, 2, 10).at(16, 39, 35, 45_000_000);
    time.to_zoned(jiff::tz::TimeZone::UTC).unwrap()
}

/// What `events` write, in this format, at all levels.
fn lines_in(settings: &LogSettings, colours: bool, events: impl FnOnce()) -> String {
    let page = Page::default();
    let mut layer = layer(settings, page.clone()).unwrap();
    layer.clock = then;
    layer.format.colours = colours;
    tracing::subscriber::with_default(registry().with(threshold(settings.level)).with(layer), events);
    let bytes = page.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn lines(format: &str, events: impl FnOnce()) -> String {
    let format = format.to_owned();
    lines_in(&LogSettings { level: LogLevel::Trace, format, ..LogSettings::default() }, false, events)
}

const ID: &str = "7fd5fab0-5393-44ec-a75d-fa4f2c7e4562";

/// Shows the same by `Debug` and by `Display`, as a UUID does.
struct Shown(&'static str);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[test]
fn the_lines_are_those_of_the_document() {
    let settings = LogSettings { level: LogLevel::Debug, ..LogSettings::default() };
    let log = lines_in(&settings, false, || {
        info!(part = "Client handler", "New session started, UUID is {ID}");
        let session = info_span!("session", id = %Shown(ID));
        let _inside = session.enter();
        debug!(part = "Client handler", "Expected stream length is {}", 11);
        debug!(part = "API Parser", "Protocol-Version is V2, Content-Encoding is json");
        trace!(part = "API Parser", "Not at this level");
    });
    assert_eq!(
        log,
        "[INFO] 10/02/2020 16:39:35 PM {Client handler} New session started, UUID is 7fd5fab0-5393-44ec-a75d-fa4f2c7e4562\n\
         [DEBUG] 10/02/2020 16:39:35 PM (7fd5fab0-5393-44ec-a75d-fa4f2c7e4562) {Client handler} Expected stream length is 11\n\
         [DEBUG] 10/02/2020 16:39:35 PM (7fd5fab0-5393-44ec-a75d-fa4f2c7e4562) {API Parser} Protocol-Version is V2, Content-Encoding is json\n"
    );
}

#[test]
fn a_span_within_the_session_does_not_hide_it_and_an_id_may_come_late() {
    let log = lines("%(message)s", || {
        let session = info_span!("session", id = tracing::field::Empty);
        let _inside = session.enter();
        info!("before");
        session.record("id", "abc");
        let _deeper = info_span!("handler", id = 9).entered();
        info!("after");
    });
    assert_eq!(log, "before\n(abc) after\n");
}

#[test]
fn python_has_its_own_names_for_levels() {
    let log = lines("%(levelname)-8s|%(levelno)3d|%(message)s", || {
        error!("e");
        warn!("w");
        info!("i");
        debug!("d");
        trace!("t");
    });
    assert_eq!(log, "ERROR   | 40|e\nWARNING | 30|w\nINFO    | 20|i\nDEBUG   | 10|d\nTRACE   |  0|t\n");
}

#[test]
fn what_the_format_names_itself_is_not_repeated_in_the_message() {
    let log = lines("%(session)s %(part)s: %(message)s", || {
        info!(part = "Server", "up");
        let _inside = info_span!("session", id = "abc").entered();
        info!(part = "Client handler", "in");
    });
    assert_eq!(log, "- Server: up\nabc Client handler: in\n");
}

#[test]
fn every_attribute_has_its_value() {
    let format =
        "%(name)s %(module)s %(filename)s %(pathname)s %(process)d %(thread)d %(threadName)s %(lineno)d";
    let mut line = 0;
    let log = lines(format, || {
        line = line!() + 1;
        info!(target: "some::target", "x");
    });
    let thread = std::thread::current();
    let expected = format!(
        "some::target tests tests.rs {} {} {} {} {line}\n",
        file!(),
        std::process::id(),
        format!("{:?}", thread.id()).trim_start_matches("ThreadId(").trim_end_matches(')'),
        thread.name().unwrap(),
    );
    assert_eq!(log, expected);
}

#[test]
fn times_are_laid_out_as_asked() {
    let log = lines("%(created)d %(created).3f %(created)s %(msecs)03d %(msecs)s", || info!("x"));
    assert_eq!(log, "1581352775 1581352775.045 1581352775.045000 045 45\n");
    let python =
        LogSettings { format: "%(asctime)s".to_owned(), datefmt: String::new(), ..LogSettings::default() };
    assert_eq!(lines_in(&python, false, || info!("x")), "2020-02-10 16:39:35,045\n");
}

#[test]
fn widths_and_precisions_count_characters() {
    let log = lines("%(message)6s|%(message)-6s|%(message).2s|%(message)06s|100%%", || info!("äöü"));
    assert_eq!(log, "   äöü|äöü   |äö|   äöü|100%\n");
}

#[test]
fn no_text_forges_a_line() {
    let evil = "x\n[INFO] 10/02/2020 16:39:35 PM {Client handler} granted";
    let log = lines("%(message)s", || {
        info!(part = evil, "{evil}");
        info!(from = evil, from_debug = ?evil, from_display = %evil, "said");
        let _inside = info_span!("session", id = evil).entered();
        info!(error = &io::Error::other(evil) as &dyn std::error::Error, "failed");
    });
    assert_eq!(log.lines().count(), 3, "{log}");
    assert_eq!(log.matches(r"\n[INFO]").count(), 7, "{log}");
}

#[test]
fn fields_follow_the_message() {
    let log = lines("%(message)s", || {
        info!(part = "Server", port = 8081, name = "a b", "listening");
        info!(port = 1);
    });
    assert_eq!(log, "{Server} listening port=8081 name=\"a b\"\nport=1\n");
}

#[test]
fn only_the_level_has_a_colour() {
    let settings = LogSettings { format: "[%(levelname)s] %(message)s".to_owned(), ..LogSettings::default() };
    assert_eq!(lines_in(&settings, true, || warn!("careful")), "[\x1b[33mWARNING\x1b[0m] careful\n");
}

#[test]
fn the_level_decides_what_is_shown() {
    for (level, shown) in [
        (LogLevel::Trace, "ewidt"),
        (LogLevel::Debug, "ewid"),
        (LogLevel::Info, "ewi"),
        (LogLevel::Warning, "ew"),
        (LogLevel::Error, "e"),
        (LogLevel::Critical, ""),
    ] {
        let page = Page::default();
        let settings = LogSettings { level, format: "%(message)s".to_owned(), ..LogSettings::default() };
        tracing::subscriber::with_default(subscriber(&settings, page.clone()).unwrap(), || {
            error!("e");
            warn!("w");
            info!("i");
            debug!("d");
            trace!("t");
        });
        let log = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert_eq!(log.replace('\n', ""), shown, "{level}");
    }
}

#[test]
fn a_wrong_format_is_an_error_that_says_what_is_allowed() {
    let settings = LogSettings { format: "%(mesage)s".to_owned(), ..LogSettings::default() };
    let error = layer(&settings, io::sink).unwrap_err().to_string();
    assert!(
        error.starts_with("configuration: `console_format` is \"%(mesage)s\": `%(mesage)` is not known"),
        "{error}"
    );
    assert!(error.contains("%(message)s"), "{error}");
    let settings = LogSettings { datefmt: "%L".to_owned(), ..LogSettings::default() };
    let error = layer(&settings, io::sink).unwrap_err().to_string();
    assert!(error.starts_with("configuration: `datefmt` is \"%L\": "), "{error}");
}

#[test]
fn a_wrong_wish_is_an_error() {
    assert!(filter_from("asyncapy=debug,warn").is_ok());
    let error = filter_from("asyncapy=loud").unwrap_err().to_string();
    assert!(error.contains("RUST_LOG is \"asyncapy=loud\""), "{error}");
}

#[test]
fn every_code_that_is_allowed_can_be_written() {
    for code in crate::server::logging::template::DATE_CODES.chars() {
        let datefmt = format!("%{code}");
        assert!(jiff::fmt::strtime::format(&datefmt, &then()).is_ok(), "{datefmt}");
    }
}
