use tokio::time::Instant;
use tracing::{Level, info};

use super::{Middleware, Next, Outcome, Passing};
use crate::error::{Code, Failure};

/// A line in the log for each packet or call: for whom, from where, how it ended, how long it took.
///
/// The lines are events of `tracing` at the level INFO with the target `asyncapy::access` and the fields `name`,
/// `address`, `session`, `code` (`OK`, an error's code, or `GIVEN_UP` for one that was dropped before its end), `message`
/// (an error's) and `milliseconds`. Where that target is not enabled, it costs next to nothing.
///
/// ```
/// use asyncapy::Server;
/// use asyncapy::rpc::middleware::AccessLog;
///
/// let builder = Server::builder().middleware(AccessLog::new()).packet_middleware(AccessLog::new());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AccessLog(());

impl AccessLog {
    /// A line for each.
    pub const fn new() -> Self {
        Self(())
    }
}

/// A line in the making; dropped before its end, it says so.
struct Line {
    name: String,
    address: Option<crate::handler::Address>,
    session: Option<uuid::Uuid>,
    begun: Instant,
    written: bool,
}

impl Line {
    fn write(&mut self, code: &str, message: Option<&str>) {
        self.written = true;
        let milliseconds = self.begun.elapsed().as_secs_f64() * 1000.0;
        info!(
            target: "asyncapy::access",
            part = "Access log",
            name = ?self.name,
            address = self.address.map(tracing::field::display),
            session = self.session.map(tracing::field::display),
            code = ?code,
            message = message.map(tracing::field::debug),
            milliseconds,
            "Answered"
        );
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.written {
            let panics = std::thread::panicking();
            let code = if panics { Code::HandlerPanicked } else { Code::custom("GIVEN_UP") };
            self.write(code.as_str(), None);
        }
    }
}

impl<Q: Passing> Middleware<Q> for AccessLog {
    async fn handle(&self, request: Q, next: Next<Q>) -> Outcome<Q> {
        if !tracing::enabled!(target: "asyncapy::access", Level::INFO) {
            return next.run(request).await;
        }
        let client = request.client();
        let mut line = Line {
            name: request.name().to_owned(),
            address: client.map(|client| client.address()),
            session: client.map(|client| client.session().id()),
            begun: Instant::now(),
            written: false,
        };
        let outcome = next.run(request).await;
        match &outcome {
            Ok(_) => line.write("OK", None),
            Err(failure) => line.write(failure.code().as_str(), failure.message().as_deref()),
        }
        outcome
    }
}
