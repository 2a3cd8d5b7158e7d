use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::warn;

use super::backoff::Failures;
use super::discover::{SHORTEST, Source};
use super::shared::Shared;

/// Takes in what the source says until the client stops.
pub(super) async fn follow(mut source: Source, shared: Arc<Shared>) {
    let mut failures = Failures::default();
    loop {
        let changed = tokio::select! {
            biased;
            () = shared.stopping() => return,
            changed = source.changed() => changed,
        };
        let pause = match changed {
            Ok(servers) => {
                failures = Failures::default();
                shared.apply(&servers);
                SHORTEST
            }
            Err(error) => {
                warn!(part = "Client", %error, "The list of servers stays as it was");
                failures.pause(&shared.settings.backoff, Duration::ZERO, &shared.random)
            }
        };
        // A source that never waits is not to take the thread for itself.
        tokio::select! {
            biased;
            () = shared.stopping() => return,
            () = sleep(pause) => {}
        }
    }
}
