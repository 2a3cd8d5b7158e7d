use bytes::BytesMut;

use super::{Connection, End};
use crate::mux::{Io, Side};
use crate::rpc::connection::{self, Parts};

impl Connection {
    /// Goes on as a V3 connection: the version of the first frame says so (protocol V3).
    pub(super) async fn streams(&mut self) -> End {
        let parts = Parts {
            io: std::mem::replace(&mut self.stream, Io::none()),
            core: self.core().clone(),
            framing: self.shared.framing,
            side: Side::Accepting,
            serving: self.shared.serving.clone(),
            encoding: self.shared.encoding,
            timeout: self.shared.limits.handler_timeout,
            hello: None,
            input: std::mem::take(&mut self.input),
        };
        self.core().speaks_streams();
        let mut connection = connection::Connection::new(parts);
        let end = connection.run().await;
        self.output = std::mem::replace(&mut connection.output, BytesMut::new());
        self.stream = connection.io;
        match end {
            connection::End::PeerClosed => End::PeerClosed,
            connection::End::Closed => End::Closed,
            connection::End::Protocol(code) => End::Protocol(code),
            connection::End::Silent => End::TimedOut,
            connection::End::Stuck => End::Stuck,
            connection::End::Cut => End::Cut,
            connection::End::Io(error) => End::Io(error),
        }
    }
}
