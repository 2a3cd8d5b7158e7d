use tracing::debug;

use super::{Connection, End};
use crate::mux::Farewell;

impl Connection {
    /// Writes what is left, closes our side, and reads the client's until it closes too: all that no longer than a
    /// shutdown waits.
    pub(super) async fn farewell(&mut self, end: &End) {
        let shared = self.shared.clone();
        tokio::select! {
            biased;
            () = shared.until_cut() => debug!(part = "Client handler", "The connection is cut in its farewell"),
            () = self.say_farewell(end) => {}
        }
    }

    async fn say_farewell(&mut self, end: &End) {
        if matches!(end, End::Cut | End::Stuck | End::Io(_)) {
            return;
        }
        self.let_go();
        let owing = !self.output.is_empty() || self.core().outbox.is_filled();
        if owing {
            debug!(part = "Response handler", "Sending response to client");
        }
        // Nothing more comes in: the session is closing.
        self.client.core().outbox.drain_into(&mut self.output);
        let mut farewell = Farewell {
            io: &mut self.stream,
            output: &mut self.output,
            stall: self.shared.limits.write_stall,
        };
        match farewell.write_all().await {
            Ok(Ok(())) if owing => debug!(part = "Response handler", "Response sent"),
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                return debug!(part = "Client handler", %error, "The last replies were not written");
            }
            Err(_) => return debug!(part = "Client handler", "The client does not read its last replies"),
        }
        if !matches!(end, End::PeerClosed) {
            farewell.linger().await;
        }
    }
}
