use std::time::Duration;

use crate::rpc;
use crate::wire::{HeaderSize, PayloadLimits};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// What "never" comes to: the clock can say no more.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// The most connections that the default allows, however many files the process may open.
const MOST_CONNECTIONS: usize = 16_384;

/// Descriptors that the default leaves to the rest of the program: files, listeners, outgoing connections.
const SPARE_FILES: usize = 512;

/// Every bound of a server: sizes, deadlines, counts. Each has a default that is safe on the open internet, is enforced,
/// and is answered with an error code of its own, which its documentation names.
///
/// ```
/// use std::time::Duration;
/// use asyncapy::server::Limits;
///
/// let mut limits = Limits::default();
/// limits.timeout = Duration::from_secs(5);
/// limits.max_packet_size = 64 * 1024;
/// assert_eq!(limits.validate(Default::default()), Vec::<String>::new());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest packet in bytes, its Content-Length header not counted; checked before one byte of the payload is
    /// buffered. `ERR_PACKET_TOO_LARGE`, then the connection closes (protocol V2, rule 2). Default 1 MiB, or what the
    /// header can say where that is less: see [`Limits::packet_size`].
    pub max_packet_size: u32,
    /// The longest frame of a client that has not shown who it is yet, in bytes, where the server asks for that by
    /// [`credentials`](crate::server::Builder::credentials) or `sealed`; its HELLO must fit in. `ERR_PACKET_TOO_LARGE`,
    /// then the connection closes (protocol V3). Default 16 KiB.
    pub max_packet_size_unauthenticated: u32,
    /// How deep a payload may nest and how many values it may hold. `ERR_PAYLOAD_TOO_COMPLEX`, then the connection
    /// closes. Default 64 levels, 65,536 values.
    pub payload: PayloadLimits,
    /// How long a TLS handshake may take. No reply: the connection closes. As long may a V3 client take for its HELLO,
    /// where that must show who it is or how it seals: `ERR_TIMED_OUT`, then the connection closes. Default 5 s.
    pub handshake_timeout: Duration,
    /// How long a packet that has begun may take, before its length is added at
    /// [`packet_min_rate`](Limits::packet_min_rate). `ERR_TIMED_OUT`, then the connection closes. Default 10 s.
    pub packet_timeout: Duration,
    /// The slowest a packet may arrive, in bytes per second. Default 64 KiB/s.
    pub packet_min_rate: u32,
    /// The most that [`packet_timeout`](Limits::packet_timeout) and the time for the length make together.
    /// Default 30 s.
    pub packet_timeout_max: Duration,
    /// How long a session may be idle: the wait for the next whole packet, from the last one's end; a handler's own
    /// time is not counted. `ERR_TIMED_OUT`, then the connection closes (protocol V2, rule 4). Default 60 s.
    pub timeout: Duration,
    /// How long a handler may run for one packet. `ERR_HANDLER_TIMED_OUT`; the session stays (protocol V2, rule 7).
    /// Default 30 s.
    pub handler_timeout: Duration,
    /// How many connections the server holds at once. `ERR_TOO_MANY_CONNECTIONS`, then the connection closes. Default:
    /// the lesser of 16,384 and the process's limit of open files less 512.
    pub connections: usize,
    /// How many of them may come from one address. `ERR_TOO_MANY_CONNECTIONS`, then the connection closes. Default 256.
    pub connections_per_address: usize,
    /// How many new connections one address may open per second. `ERR_TOO_MANY_CONNECTIONS`, then the connection
    /// closes. Default 64.
    pub new_connections_per_address: u32,
    /// How many sessions one address may have at once, 0 for no limit but `connections_per_address`.
    /// `ERR_SESSION_LIMIT_REACHED`, then the connection closes (protocol V2, rule 6). Default 0.
    pub session_limit: usize,
    /// Unsent bytes of a connection above which its senders wait, no further packet of it is read, and nothing else
    /// suffers. Default 1 MiB.
    pub output_soft: usize,
    /// Unsent bytes of a connection above which nothing more is taken, not even from those who do not wait:
    /// `ERR_OVERLOADED` to the sender. One reply may exceed it, whatever its size; a client that reads nothing of it
    /// is closed by [`write_stall`](Limits::write_stall). Default 4 MiB.
    pub output_hard: usize,
    /// How long a write may make no progress at all. `ERR_READER_TOO_SLOW` in the log; the connection closes.
    /// Default 10 s.
    pub write_stall: Duration,
    /// How long a shutdown waits for the packets in hand before it cuts them, 0 for not at all. `ERR_SHUTTING_DOWN` to
    /// those that come meanwhile. Default 10 s.
    pub shutdown_deadline: Duration,
    /// The first pause after a failed accept, such as when descriptors run out; it doubles up to
    /// [`accept_backoff_max`](Limits::accept_backoff_max). Default 10 ms.
    pub accept_backoff: Duration,
    /// The longest pause after a failed accept. Default 1 s.
    pub accept_backoff_max: Duration,
    /// The read buffer of a connection in bytes, at the start; it grows with the bytes received. AsyncAPY's `buf`.
    /// Default 16 KiB, at least 256 bytes.
    pub buf: usize,
    /// How many handlers may run at once in the whole server; a connection has one at a time (protocol V2, rule 5).
    /// `ERR_OVERLOADED` after [`call_queue_timeout`](Limits::call_queue_timeout); the session stays. Default 8,192.
    pub calls_in_flight: usize,
    /// How long a packet may wait for its turn when `calls_in_flight` handlers run. `ERR_OVERLOADED`; the session
    /// stays. Default 100 ms.
    pub call_queue_timeout: Duration,
    /// How many streams, calls among them, one client may have open at once (protocol V3). `ERR_TOO_MANY_STREAMS` to
    /// the stream. Default 1,024.
    pub streams_per_connection: usize,
    /// How many of them may run at once; the others wait for their turn, up to
    /// [`call_queue_timeout`](Limits::call_queue_timeout). `ERR_OVERLOADED`. Default 128.
    pub calls_per_connection: usize,
    /// How long a V3 connection may be silent before the client is asked whether it is there; after two questions
    /// without an answer the connection closes. Default 20 s.
    pub ping_interval: Duration,
    /// The longest metadata of a call in bytes. `ERR_PACKET_TOO_LARGE` to the stream. Default 16 KiB.
    pub max_head_size: usize,
    /// How long a function of the application's may take that the server waits for outside of a packet: a connection
    /// guard, one around the start, the stop or a session. A guard or an `on_connect` function that takes longer:
    /// `ERR_OVERLOADED`, then the connection closes; one of the start: the start fails. Default 10 s.
    pub hook_timeout: Duration,
    /// How many addresses may be banned at once; the oldest ban is let go for a new one. No reply: the connection closes.
    /// Default 65,536.
    pub bans: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_packet_size: DEFAULT_PACKET_SIZE,
            max_packet_size_unauthenticated: 16 * 1024,
            payload: PayloadLimits::default(),
            handshake_timeout: Duration::from_secs(5),
            packet_timeout: Duration::from_secs(10),
            packet_min_rate: 64 * 1024,
            packet_timeout_max: Duration::from_secs(30),
            timeout: Duration::from_secs(60),
            handler_timeout: Duration::from_secs(30),
            connections: connections_for(open_files()),
            connections_per_address: 256,
            new_connections_per_address: 64,
            session_limit: 0,
            output_soft: MIB,
            output_hard: 4 * MIB,
            write_stall: Duration::from_secs(10),
            shutdown_deadline: Duration::from_secs(10),
            accept_backoff: Duration::from_millis(10),
            accept_backoff_max: Duration::from_secs(1),
            buf: 16 * KIB,
            calls_in_flight: 8_192,
            call_queue_timeout: Duration::from_millis(100),
            streams_per_connection: 1024,
            calls_per_connection: 128,
            ping_interval: Duration::from_secs(20),
            max_head_size: 16 * KIB,
            hook_timeout: Duration::from_secs(10),
            bans: 65_536,
        }
    }
}

const DEFAULT_PACKET_SIZE: u32 = 1024 * 1024;

impl Limits {
    /// The longest packet in bytes that a header of this size can announce and `max_packet_size` allows.
    ///
    /// ```
    /// use asyncapy::{server::Limits, wire::HeaderSize};
    /// assert_eq!(Limits::default().packet_size(HeaderSize::Two), 65_535);
    /// assert_eq!(Limits::default().packet_size(HeaderSize::Four), 1_048_576);
    /// ```
    pub fn packet_size(&self, header_size: HeaderSize) -> u32 {
        self.max_packet_size.min(longest(header_size))
    }

    /// The same limits, those that stand for "none" cut to what can be reckoned with.
    pub(super) fn reckonable(&self) -> Self {
        let mut limits = self.clone();
        for duration in [
            &mut limits.handshake_timeout,
            &mut limits.packet_timeout,
            &mut limits.packet_timeout_max,
            &mut limits.timeout,
            &mut limits.handler_timeout,
            &mut limits.write_stall,
            &mut limits.shutdown_deadline,
            &mut limits.accept_backoff,
            &mut limits.accept_backoff_max,
            &mut limits.call_queue_timeout,
            &mut limits.ping_interval,
            &mut limits.hook_timeout,
        ] {
            *duration = (*duration).min(FOR_EVER);
        }
        limits.calls_in_flight = limits.calls_in_flight.min(tokio::sync::Semaphore::MAX_PERMITS);
        limits
    }

    /// What of these holds for V3 connections.
    pub(super) fn streams(&self) -> rpc::settings::Settings {
        rpc::settings::Settings {
            payload: self.payload,
            streams: self.streams_per_connection,
            calls: self.calls_per_connection,
            call_queue_timeout: self.call_queue_timeout,
            handler_timeout: self.handler_timeout,
            output_soft: self.output_soft,
            output_hard: self.output_hard,
            write_stall: self.write_stall,
            ping_interval: self.ping_interval,
            buf: self.buf,
            head_size: self.max_head_size,
            packet_timeout: self.packet_timeout,
            packet_min_rate: self.packet_min_rate,
            packet_timeout_max: self.packet_timeout_max,
            packet_size_unauthenticated: self.max_packet_size_unauthenticated,
            handshake_timeout: self.handshake_timeout,
        }
    }

    /// How long a packet of `length` bytes may take from its first byte to its last: `packet_timeout` and the length at
    /// `packet_min_rate`, at most `packet_timeout_max`.
    pub fn packet_deadline(&self, length: u32) -> Duration {
        let transfer =
            Duration::from_millis(u64::from(length) * 1000 / u64::from(self.packet_min_rate.max(1)));
        self.packet_timeout.saturating_add(transfer).min(self.packet_timeout_max)
    }

    /// Every mistake in these limits, a sentence each, for packets whose Content-Length has this size; none when they
    /// are sound.
    ///
    /// The default `max_packet_size` is never a mistake; [`Limits::packet_size`] cuts it to what the header can say.
    pub fn validate(&self, header_size: HeaderSize) -> Vec<String> {
        // The default was not chosen: it gives way to the header without a word.
        let chosen = self.max_packet_size != DEFAULT_PACKET_SIZE;
        let mut mistakes: Vec<_> =
            self.chosen_packet_size(header_size).filter(|_| chosen).into_iter().collect();
        let mut must = |sound: bool, mistake: &dyn Fn() -> String| {
            if !sound {
                mistakes.push(mistake());
            }
        };

        must(self.max_packet_size >= SHORTEST, &|| {
            format!("`max_packet_size` is {}; the shortest packet has {SHORTEST} bytes", self.max_packet_size)
        });
        must(self.buf >= 256, &|| format!("`buf` is {}; a read buffer has at least 256 bytes", self.buf));
        must(self.bans > 0, &|| "`bans` is 0, so nobody could ever be banned".to_owned());
        must(self.output_soft <= self.output_hard, &|| {
            format!("`output_soft` is {}, above `output_hard`, {}", self.output_soft, self.output_hard)
        });
        must(self.packet_timeout <= self.packet_timeout_max, &|| {
            format!(
                "`packet_timeout` is {:?}, above `packet_timeout_max`, {:?}",
                self.packet_timeout, self.packet_timeout_max
            )
        });
        must(self.accept_backoff <= self.accept_backoff_max, &|| {
            format!(
                "`accept_backoff` is {:?}, above `accept_backoff_max`, {:?}",
                self.accept_backoff, self.accept_backoff_max
            )
        });
        for (key, value) in [
            ("handshake_timeout", self.handshake_timeout),
            ("packet_timeout", self.packet_timeout),
            ("timeout", self.timeout),
            ("handler_timeout", self.handler_timeout),
            ("write_stall", self.write_stall),
            ("accept_backoff", self.accept_backoff),
            ("call_queue_timeout", self.call_queue_timeout),
            ("ping_interval", self.ping_interval),
            ("hook_timeout", self.hook_timeout),
        ] {
            must(!value.is_zero(), &|| format!("`{key}` is zero, so nothing could ever be in time"));
        }
        for (key, value) in [
            ("payload_depth", usize::from(self.payload.depth)),
            ("payload_nodes", self.payload.nodes as usize),
            ("packet_min_rate", self.packet_min_rate as usize),
            ("connections", self.connections),
            ("connections_per_address", self.connections_per_address),
            ("new_connections_per_address", self.new_connections_per_address as usize),
            ("output_soft", self.output_soft),
            ("calls_in_flight", self.calls_in_flight),
            ("max_packet_size_unauthenticated", self.max_packet_size_unauthenticated as usize),
            ("streams_per_connection", self.streams_per_connection),
            ("calls_per_connection", self.calls_per_connection),
        ] {
            must(value > 0, &|| format!("`{key}` is 0, so nothing would ever be let through"));
        }
        mistakes
    }

    /// The mistake of a `max_packet_size` that was chosen and that the header cannot say.
    pub(super) fn chosen_packet_size(&self, header_size: HeaderSize) -> Option<String> {
        let most = longest(header_size);
        (self.max_packet_size > most).then(|| {
            format!(
                "`max_packet_size` is {}; a Content-Length header of {} byte(s) can say {most} at most",
                self.max_packet_size, header_size as u8
            )
        })
    }
}

/// The shortest packet: version, encoding and a payload of 3 bytes (protocol V2, rule 2).
const SHORTEST: u32 = 5;

/// The greatest Content-Length that a header of this size can say, as far as a `u32` goes.
fn longest(header_size: HeaderSize) -> u32 {
    match header_size {
        HeaderSize::One => u32::from(u8::MAX),
        HeaderSize::Two => u32::from(u16::MAX),
        HeaderSize::Four | HeaderSize::Eight => u32::MAX,
    }
}

/// How many connections a process that may open `files` files can hold. A process with few files keeps a quarter of
/// them for connections rather than none.
fn connections_for(files: usize) -> usize {
    files.saturating_sub(SPARE_FILES).max(files / 4).clamp(1, MOST_CONNECTIONS)
}

/// The soft limit of open files; 1024, the common default, where it cannot be read.
fn open_files() -> usize {
    std::fs::read_to_string("/proc/self/limits").ok().as_deref().and_then(soft_open_files).unwrap_or(1024)
}

/// Finds `Max open files  <soft>  <hard>  files` in the text of `/proc/self/limits`.
fn soft_open_files(limits: &str) -> Option<usize> {
    let soft =
        limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?;
    if soft == "unlimited" { Some(usize::MAX) } else { soft.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_sound_for_every_header() {
        for header in [HeaderSize::One, HeaderSize::Two, HeaderSize::Four, HeaderSize::Eight] {
            assert_eq!(Limits::default().validate(header), Vec::<String>::new(), "{header:?}");
        }
        assert_eq!(Limits::default().packet_size(HeaderSize::One), 255);
    }

    #[test]
    fn a_packet_size_beyond_the_header_is_a_mistake_only_when_it_was_chosen() {
        let limits = Limits { max_packet_size: 70_000, ..Limits::default() };
        assert_eq!(
            limits.validate(HeaderSize::Two),
            ["`max_packet_size` is 70000; a Content-Length header of 2 byte(s) can say 65535 at most"]
        );
        assert!(limits.validate(HeaderSize::Four).is_empty());
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let limits = Limits {
            max_packet_size: 4,
            buf: 255,
            output_soft: 10,
            output_hard: 9,
            timeout: Duration::ZERO,
            connections: 0,
            packet_timeout: Duration::from_secs(31),
            ..Limits::default()
        };
        let mistakes = limits.validate(HeaderSize::Four);
        assert_eq!(mistakes.len(), 6, "{mistakes:#?}");
        for key in ["max_packet_size", "buf", "output_soft", "timeout", "connections", "packet_timeout"] {
            assert!(
                mistakes.iter().any(|mistake| mistake.starts_with(&format!("`{key}`"))),
                "{key}: {mistakes:?}"
            );
        }
    }

    #[test]
    fn a_shutdown_may_cut_at_once_and_sessions_may_be_unlimited() {
        let limits = Limits { shutdown_deadline: Duration::ZERO, session_limit: 0, ..Limits::default() };
        assert!(limits.validate(HeaderSize::Four).is_empty());
    }

    #[test]
    fn a_packet_has_time_for_its_length_but_not_for_ever() {
        let limits = Limits::default();
        assert_eq!(limits.packet_deadline(0), Duration::from_secs(10));
        assert_eq!(limits.packet_deadline(64 * 1024), Duration::from_secs(11));
        assert_eq!(limits.packet_deadline(u32::MAX), Duration::from_secs(30));
    }

    #[test]
    fn connections_leave_files_to_the_rest_of_the_program() {
        assert_eq!(connections_for(1024), 512);
        assert_eq!(connections_for(1 << 20), 16_384);
        assert_eq!(connections_for(usize::MAX), 16_384);
        assert_eq!(connections_for(256), 64);
        assert_eq!(connections_for(0), 1);
    }

    #[test]
    fn the_soft_limit_is_read_from_the_table() {
        let table = "Limit                     Soft Limit           Hard Limit           Units     \n\
                     Max processes             63434                63434                processes \n\
                     Max open files            1024                 1048576              files     \n";
        assert_eq!(soft_open_files(table), Some(1024));
        assert_eq!(soft_open_files("Max open files  unlimited  unlimited  files"), Some(usize::MAX));
        assert_eq!(soft_open_files("Max cpu time  unlimited"), None);
    }
}
