use std::future::Future;
use std::panic::Location;

use super::{Ended, Hook};
use crate::error::Result;
use crate::handler::Session;
use crate::server::guard::Refusal;
use crate::server::{Builder, Handle};

/// Declares the methods that take a hook around the server's start or stop.
macro_rules! hooks {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        /// # The server's life
        ///
        /// Functions that run around the start, the stop and each session: see the [guide](crate::guide::middleware). Each
        /// has [`Limits::hook_timeout`](crate::server::Limits::hook_timeout), 10 s by default. Each of these methods may be
        /// called more than once: the functions run in order.
        impl Builder {
            $(
                $(#[$doc])*
                #[track_caller]
                pub fn $name<F, R>(mut self, hook: F) -> Self
                where
                    F: FnOnce(Handle) -> R + Send + Sync + 'static,
                    R: Future<Output = Result<()>> + Send + 'static,
                {
                    self.lifecycle.$name.push(Hook::new(stringify!($name), Location::caller(), hook));
                    self
                }
            )*
        }
    };
}

hooks! {
    /// Runs before anything else, no place bound yet: the handle's endpoints are empty. A failure stops the start with
    /// [`Error::Hook`](crate::Error::Hook), and [`after_stop`](Self::after_stop) runs if a function before it had
    /// succeeded.
    ///
    /// ```
    /// use asyncapy::prelude::*;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let server = Server::builder().before_start(async |_| Err(asyncapy::Error::Config("no database".to_owned())));
    /// let error = server.build().unwrap().start_in_memory().await.unwrap_err().to_string();
    /// assert!(error.starts_with("the before_start hook at ") && error.ends_with(" failed: configuration: no database"));
    /// # }
    /// ```
    before_start;
    /// Runs before the first connection is accepted, with the places bound; a failure stops the start, and is what the
    /// start fails with, as it is. AsyncAPY's `setup`.
    on_start;
    /// Runs when connections are accepted. A failure stops the server, in order, and is what the start fails with:
    /// [`Error::Hook`](crate::Error::Hook).
    after_start;
    /// Runs when the server is to stop: nothing more is accepted, the sessions are still served. The drain begins when it
    /// is done. A failure is logged and stands in the [`Report`](crate::server::Report).
    before_stop;
    /// Runs when the last connection is gone; a failure is what the stop fails with, as it is. AsyncAPY's `shutdown`.
    on_stop;
    /// Runs at the very end. It runs as well where a start failed and a function of the start had succeeded before. A
    /// failure is logged and stands in the [`Report`](crate::server::Report).
    after_stop;
}

impl Builder {
    /// Runs when a session begins, before its first packet is read, and may refuse it: the client reads the code and the
    /// message, then the connection closes. What it sends is written first. A stop does not wait for it: the client reads
    /// `ERR_SHUTTING_DOWN`.
    ///
    /// ```
    /// use asyncapy::prelude::*;
    /// use asyncapy::server::Ended;
    ///
    /// # #[handler]
    /// # async fn echo(packet: Packet) -> Packet { packet }
    /// let server = Server::builder()
    ///     .register(echo)
    ///     .on_connect(async |session: Session| {
    ///         session.client().send(json!({"welcome": session.id().to_string()})).await?;
    ///         Ok(())
    ///     })
    ///     .on_disconnect(async |session: Session, ended: Ended| {
    ///         println!("{}: {ended}", session.id());
    ///     });
    /// ```
    #[track_caller]
    pub fn on_connect<F, R>(mut self, hook: F) -> Self
    where
        F: Fn(Session) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), Refusal>> + Send + 'static,
    {
        self.session_hooks.on_connect(Location::caller(), hook);
        self
    }

    /// Runs when a session has ended and its connection is closed, and is told why. The stop waits for it.
    ///
    /// It runs for each session that [`on_connect`](Self::on_connect) let in; where there are several and a later one
    /// refused, with [`Ended::Refused`].
    #[track_caller]
    pub fn on_disconnect<F, R>(mut self, hook: F) -> Self
    where
        F: Fn(Session, Ended) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        self.session_hooks.on_disconnect(Location::caller(), hook);
        self
    }
}
