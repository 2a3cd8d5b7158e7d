use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::runtime;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tracing::info;

use super::ServerAddress;
use super::attempt::{Attempt, Waited, WaitingRoom, limit};
use super::balance::Balancer;
use super::budget::Budget;
use super::dial::Dialler;
use super::random::Random;
use super::server::{Common, Server};
use super::settings::Settings;
use super::slot::Slot;
use super::ticket::Ticket;
use crate::error::Code;
use crate::rpc::{Again, CallRequest, Choice, Peer, Status};

/// What the clones of a client, its sessions and its tasks share.
pub(super) struct Shared {
    pub(super) settings: Arc<Settings>,
    pub(super) dialler: Dialler,
    /// Read by each call, written when the list changes.
    servers: RwLock<Vec<Arc<Server>>>,
    balancer: Balancer,
    pub(super) room: WaitingRoom,
    common: Common,
    /// Servers that are dismissed and may have calls under way.
    leaving: Mutex<Vec<Arc<Server>>>,
    /// Repeats that an overload has caused.
    overloads: Budget,
    pub(super) random: Random,
    /// Latencies are measured at a time since then.
    pub(super) epoch: Instant,
    /// Where connections are kept, whoever asks for them.
    pub(super) runtime: runtime::Handle,
    stopped: AtomicBool,
    /// Wakes the task that follows the source.
    stopping: watch::Sender<bool>,
    pub(super) sessions: AtomicUsize,
}

/// The problems of so many servers are told to a call that finds none.
const PROBLEMS: usize = 3;

/// Where a call can go.
enum Found {
    Connection(Ticket),
    /// Servers are there, and their breakers are open.
    Spared,
    /// No server is connected.
    Nowhere,
    /// The server that the call names is none of ours.
    Unknown,
}

impl Shared {
    pub(super) fn new(settings: Arc<Settings>, dialler: Dialler, now: Instant) -> Self {
        let (arrived, ended) = (Arc::<Notify>::default(), Arc::<Notify>::default());
        Self {
            balancer: Balancer::new(settings.balance, Random::from_system()),
            overloads: Budget::new(settings.retry.overloaded, now),
            room: WaitingRoom::new(arrived.clone(), settings.max_waiting),
            common: Common { settings: settings.clone(), arrived, ended },
            settings,
            dialler,
            servers: RwLock::default(),
            leaving: Mutex::default(),
            random: Random::from_system(),
            epoch: now,
            runtime: runtime::Handle::current(),
            stopped: AtomicBool::new(false),
            stopping: watch::Sender::new(false),
            sessions: AtomicUsize::new(0),
        }
    }

    pub(super) fn servers(&self) -> RwLockReadGuard<'_, Vec<Arc<Server>>> {
        self.servers.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ended(&self) -> &Notify {
        &self.common.ended
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Waits until the client stops.
    pub(super) async fn stopping(&self) {
        // The sender is here: it cannot be gone.
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    /// Takes in a list of servers: who is new is connected to, who is gone is dismissed, who stays keeps what it has.
    pub(super) fn apply(self: &Arc<Self>, list: &[ServerAddress]) {
        let mut servers = self.servers.write().unwrap_or_else(PoisonError::into_inner);
        if self.is_stopped() {
            return;
        }
        let mut before = std::mem::take(&mut *servers);
        let mut added = Vec::new();
        for address in list {
            let known = before.iter().position(|server| server.is_at(address));
            servers.push(match known {
                Some(at) => {
                    let server = before.swap_remove(at);
                    server.load.set_weight(address.weight);
                    server
                }
                None => {
                    let server = Arc::new(Server::new(address, &self.common, Instant::now()));
                    added.push(server.clone());
                    server
                }
            });
        }
        let count = servers.len();
        drop(servers);
        if !added.is_empty() || !before.is_empty() {
            info!(
                part = "Client",
                added = added.len(),
                removed = before.len(),
                "There are {count} servers now"
            );
        }
        self.dismiss(before);
        for server in added {
            for _ in 0..self.settings.min_connections {
                Slot::permanent(self, &server);
            }
        }
    }

    /// No call begins any more, and connections close when theirs have ended.
    pub(super) fn stop(&self) {
        let mut servers = self.servers.write().unwrap_or_else(PoisonError::into_inner);
        self.stopped.store(true, Ordering::SeqCst);
        let all = std::mem::take(&mut *servers);
        drop(servers);
        self.dismiss(all);
        self.stopping.send_replace(true);
        self.room.arrived.notify_waiters();
    }

    fn dismiss(&self, servers: Vec<Arc<Server>>) {
        servers.iter().for_each(|server| server.dismiss());
        let mut leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        leaving.retain(|server| server.load.calls() > 0);
        leaving.extend(servers);
    }

    /// Calls under way at servers that are dismissed: once the client is stopped, all.
    pub(super) fn leaving_calls(&self) -> usize {
        let leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        leaving.iter().map(|server| server.load.calls()).sum()
    }

    /// A server to make a connection to, where that was not tried: one that is connected rather than another.
    pub(super) fn pick(&self, tried: &[Arc<Server>], named: Option<&str>) -> Option<Arc<Server>> {
        let servers = self.servers();
        let fresh = |server: &Server| {
            named.is_none_or(|name| server.is_called(name))
                && !tried.iter().any(|other| std::ptr::eq(&**other, server))
        };
        let now = || self.epoch.elapsed();
        let connected = self.balancer.choose(&servers, |server| fresh(server) && server.is_connected(), now);
        connected.or_else(|| self.balancer.choose(&servers, fresh, now)).cloned()
    }

    /// Chooses a connection for a call, and waits for one if no server can be reached at the moment.
    pub(super) fn poll_choose(
        self: &Arc<Self>,
        context: &mut Context<'_>,
        request: &CallRequest<'_>,
        choice: &mut Choice,
    ) -> Poll<Result<(Peer, Ticket), Status>> {
        loop {
            if self.is_stopped() {
                return Poll::Ready(Err(unavailable("the client has stopped".to_owned())));
            }
            match self.find(request, Attempt::of(choice)) {
                Found::Connection(ticket) => {
                    if choice.state.is_some() {
                        Attempt::enter(choice).found();
                    }
                    return Poll::Ready(Ok((ticket.connection.peer.clone(), ticket)));
                }
                Found::Spared => {
                    let why = format!("{}: too much has failed there of late", self.which(request));
                    return Poll::Ready(Err(unavailable(why)));
                }
                Found::Unknown => {
                    let why = format!("{} is none of this client's servers", self.which(request));
                    return Poll::Ready(Err(unavailable(why)));
                }
                Found::Nowhere => {}
            }
            let until = || {
                let now = Instant::now();
                // No call waits longer for a server than it may take at all.
                let end = now + self.settings.wait.min(self.settings.timeout);
                limit(request, now).map_or(end, |limit| limit.min(end))
            };
            match ready!(Attempt::enter(choice).poll_wait(context, &self.room, until)) {
                Waited::News => {}
                Waited::Late => return Poll::Ready(Err(unavailable(self.why_nowhere(request)))),
                Waited::Full => {
                    let why = format!("{}, and as many calls wait as may", self.why_nowhere(request));
                    return Poll::Ready(Err(Status::new(Code::Overloaded).message(why).not_run()));
                }
            }
        }
    }

    fn find(self: &Arc<Self>, request: &CallRequest<'_>, attempt: Option<&Attempt>) -> Found {
        let servers = self.servers();
        let named = request.options.server.as_deref();
        let wanted = |server: &Server| named.is_none_or(|name| server.is_called(name));
        let breakers = &self.settings.breakers;
        // A server may be lost between the choice and the next step: then it is chosen anew.
        for _ in 0..4 {
            let ready = |server: &Server| {
                wanted(server)
                    && server.is_connected()
                    && server.circuits.is_ready(breakers, request.target, Instant::now)
            };
            let fresh = |server: &Server| {
                ready(server) && attempt.is_none_or(|attempt| !attempt.has_failed_at(server))
            };
            // The clock is read once, and only where latencies matter.
            let started = self.balancer.measures().then(Instant::now);
            let now = || started.map_or(Duration::ZERO, |started| started - self.epoch);
            let chosen = self.balancer.choose(&servers, fresh, now);
            let chosen = match attempt {
                // Better where it has failed than nowhere.
                Some(_) => chosen.or_else(|| self.balancer.choose(&servers, ready, now)),
                None => chosen,
            };
            let Some(server) = chosen else { break };
            let Some((connection, busy)) = server.choose() else { continue };
            if busy && server.has_slot() {
                Slot::additional(self, server);
            }
            let Some(leave) = server.circuits.admit(breakers, request.target, Instant::now) else { continue };
            return Found::Connection(Ticket::new(connection, Some(leave), started));
        }
        if servers.iter().any(|server| wanted(server) && server.is_connected()) {
            Found::Spared
        } else if named.is_some() && !servers.iter().any(|server| wanted(server)) {
            Found::Unknown
        } else {
            Found::Nowhere
        }
    }

    /// Whom a call wants, for messages.
    fn which(&self, request: &CallRequest<'_>) -> String {
        match &request.options.server {
            Some(server) => format!("{server:?}"),
            None => format!("all {} servers", self.servers().len()),
        }
    }

    /// Why there is nowhere to go.
    fn why_nowhere(&self, request: &CallRequest<'_>) -> String {
        let named = request.options.server.as_deref();
        let servers = self.servers();
        let wanted = servers.iter().filter(|server| named.is_none_or(|name| server.is_called(name)));
        let problem = |server: &Arc<Server>| Some(format!("{}: {}", server.name, server.problem()?));
        let problems: Vec<_> = wanted.filter_map(problem).take(PROBLEMS).collect();
        drop(servers);
        let which = self.which(request);
        match problems.is_empty() {
            true => format!("{which} cannot be reached"),
            false => format!("{which} cannot be reached: {}", problems.join("; ")),
        }
    }

    /// A call has ended: whether it is made again.
    pub(super) fn ended_call(
        &self,
        request: &CallRequest<'_>,
        mut ticket: Ticket,
        failure: Option<&Status>,
        choice: &mut Choice,
    ) -> Again {
        let is_open = ticket.end(request.target, failure, Some(self.epoch));
        let Some(failure) = failure else { return Again::No };
        let attempts_left = choice.attempts < self.settings.retry.attempts;
        if ticket.pinned || !attempts_left || self.is_stopped() || !may_repeat(failure, request.idempotent) {
            return Again::No;
        }
        if is_overload(failure, is_open) && !self.overloads.take(Instant::now()) {
            return Again::No;
        }
        Attempt::enter(choice).fail(&ticket.connection.server);
        Again::Yes
    }
}

/// Whether what a server says means that it has too much to do, and not that it is lost or leaves.
fn is_overload(failure: &Status, is_open: bool) -> bool {
    match failure.code {
        Code::Overloaded | Code::TooManyStreams => true,
        Code::Unavailable => is_open,
        _ => false,
    }
}

/// Whether a call may be made once more: it surely was not run, or may be run twice.
fn may_repeat(failure: &Status, idempotent: bool) -> bool {
    let elsewhere = matches!(
        failure.code,
        Code::Unavailable | Code::TimedOut | Code::Overloaded | Code::TooManyStreams | Code::ShuttingDown
    );
    elsewhere && (failure.was_not_run() || idempotent)
}

/// A call that was not made.
pub(super) fn unavailable(why: String) -> Status {
    Status::new(Code::Unavailable).message(why).not_run()
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("servers", &*self.servers()).finish_non_exhaustive()
    }
}
