use std::time::Duration;

use crate::wire::PayloadLimits;

/// The bounds of a V3 connection, the same for both sides; a server's are part of its limits.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) payload: PayloadLimits,
    /// Streams that the other side may have open at once.
    pub(crate) streams: usize,
    /// How many of them may run.
    pub(crate) calls: usize,
    /// How long one may wait for its turn.
    pub(crate) call_queue_timeout: Duration,
    /// How long a unary call may run if nothing else is said.
    pub(crate) handler_timeout: Duration,
    /// Unsent bytes above which no call begins.
    pub(crate) output_soft: usize,
    /// Unsent bytes above which nothing is read.
    pub(crate) output_hard: usize,
    pub(crate) write_stall: Duration,
    /// Silence after which the other side is asked whether it is there.
    pub(crate) ping_interval: Duration,
    /// How large a read buffer is at the start, in bytes.
    pub(crate) buf: usize,
    /// The longest head, in bytes.
    pub(crate) head_size: usize,
    /// How long a frame that has begun may take, and the slowest that its bytes may come, per second.
    pub(crate) packet_timeout: Duration,
    pub(crate) packet_min_rate: u32,
    pub(crate) packet_timeout_max: Duration,
    /// The longest frame before HELLO, where that must show or agree on something, in bytes.
    pub(crate) packet_size_unauthenticated: u32,
    /// How long such a HELLO may take.
    pub(crate) handshake_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            payload: PayloadLimits::default(),
            streams: crate::mux::STREAMS,
            calls: 128,
            call_queue_timeout: Duration::from_millis(100),
            handler_timeout: Duration::from_secs(30),
            output_soft: 1024 * 1024,
            output_hard: 4 * 1024 * 1024,
            write_stall: Duration::from_secs(10),
            ping_interval: Duration::from_secs(20),
            buf: 16 * 1024,
            head_size: 16 * 1024,
            packet_timeout: Duration::from_secs(10),
            packet_min_rate: 64 * 1024,
            packet_timeout_max: Duration::from_secs(30),
            packet_size_unauthenticated: 16 * 1024,
            handshake_timeout: Duration::from_secs(5),
        }
    }
}

impl Settings {
    /// How long a frame of `length` bytes may take from its first byte to its last.
    pub(super) fn frame_deadline(&self, length: usize) -> Duration {
        let transfer = Duration::from_millis(length as u64 * 1000 / u64::from(self.packet_min_rate.max(1)));
        self.packet_timeout.saturating_add(transfer).min(self.packet_timeout_max)
    }
}
