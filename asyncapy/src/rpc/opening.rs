use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::time::Instant;

use super::args::Arguments;
use super::caller::{Again, CallOptions, CallRequest, Caller, Choice};
use super::middleware::{Exchange, Meters, OutgoingCall};
use super::watch::Watch;
use super::{Peer, Status, frame_buffer};
use crate::error::Error;
use crate::mux::{Handle, Open, Ticket};
use crate::wire::{EncodeError, Encoding, v3};

/// A call on its way out: a connection is chosen, the OPEN is written. What comes back is for [`Call`](super::Call) and
/// its like.
pub(super) struct Opening<'a, C: Caller, A> {
    caller: &'a C,
    target: &'a str,
    arguments: A,
    idempotent: bool,
    pub(super) options: CallOptions,
    /// Who counts its bytes, if anybody.
    meters: Option<Box<Meters>>,
    choice: Choice,
    deadline: Option<Instant>,
    /// The place in the line of those who wait for the connection.
    ticket: Option<Ticket>,
    /// The connection that was chosen.
    chosen: Option<(Peer, C::Ticket)>,
    /// The stream, where it is open and middleware has not yet said its last word.
    pub(super) opened: Option<(Handle, Encoding)>,
}

impl<'a, C: Caller, A: Arguments> Opening<'a, C, A> {
    pub(super) fn new(caller: &'a C, target: &'a str, idempotent: bool, arguments: A) -> Self {
        Self {
            caller,
            target,
            arguments,
            idempotent,
            options: CallOptions::default(),
            meters: None,
            choice: Choice::default(),
            deadline: None,
            ticket: None,
            chosen: None,
            opened: None,
        }
    }

    /// Whether there is middleware around the call.
    #[inline]
    pub(super) fn has_middleware(&self) -> bool {
        self.caller.middleware().is_some()
    }

    /// The way through it, begun where it was not.
    pub(super) fn exchange<'e>(
        &mut self,
        exchange: &'e mut Option<Box<Exchange>>,
        streams: bool,
    ) -> Option<&'e mut Exchange> {
        if exchange.is_none() {
            let mut options = std::mem::take(&mut self.options);
            // What the middleware takes counts, too.
            let until = options.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
            options.deadline = [until, options.deadline].into_iter().flatten().min();
            let call = OutgoingCall::new(self.target, streams, self.idempotent, options);
            *exchange = Some(Box::new(Exchange::new(&self.caller.middleware()?.0, call)));
        }
        exchange.as_deref_mut()
    }

    /// Goes on with what middleware has made of the call.
    pub(super) fn begin(&mut self, call: OutgoingCall) {
        (self.options, self.meters) = call.into_parts();
    }

    fn request(&self) -> CallRequest<'_> {
        CallRequest {
            target: self.target,
            idempotent: self.options.idempotent.unwrap_or(self.idempotent),
            deadline: self.deadline,
            options: &self.options,
        }
    }

    /// Ready when the OPEN is on its way. `ends` says that no items follow; `lasts` that there is no deadline unless
    /// one was asked for; otherwise the task is woken when the stream ends.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        ends: bool,
        lasts: bool,
    ) -> Poll<Result<(Handle, Encoding), Status>> {
        loop {
            let (peer, ticket) = match self.chosen.take() {
                Some(chosen) => chosen,
                None => {
                    let mut choice = std::mem::take(&mut self.choice);
                    let polled = self.caller.poll_choose(context, &self.request(), &mut choice);
                    self.choice = choice;
                    ready!(polled)?
                }
            };
            let now = Instant::now();
            if self.deadline.is_none() && !(lasts && self.options.timeout.is_none()) {
                let limit = self.options.timeout.unwrap_or(peer.timeout());
                self.deadline = now.checked_add(limit);
            }
            let deadline = [self.deadline, self.options.deadline].into_iter().flatten().min();
            let mut waits = self.ticket.take();
            let opened = self.poll_open(&peer, context, (deadline, now), (ends, !lasts), &mut waits);
            if opened.is_pending() {
                self.ticket = waits;
            }
            match opened {
                Poll::Ready(Ok(handle)) => {
                    let opened = (handle, peer.encoding());
                    self.chosen = Some((peer, ticket));
                    return Poll::Ready(Ok(opened));
                }
                Poll::Ready(Err(status)) => {
                    if self.again(ticket, &status) == Again::No {
                        return Poll::Ready(Err(status));
                    }
                }
                Poll::Pending => {
                    self.chosen = Some((peer, ticket));
                    return Poll::Pending;
                }
            }
        }
    }

    fn poll_open(
        &self,
        peer: &Peer,
        context: &Context<'_>,
        (deadline, now): (Option<Instant>, Instant),
        (ends, awaits): (bool, bool),
        ticket: &mut Option<Ticket>,
    ) -> Poll<Result<Handle, Status>> {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(now));
        if left.is_some_and(|left| left.is_zero()) {
            return Poll::Ready(Err(Status::new(crate::Code::DeadlineExceeded).not_run()));
        }
        let polled = frame_buffer::lend(|frame| {
            let payload = self.write(peer, left, ends, frame)?;
            let open = Open { target: self.target, deadline, payload, ended: ends, awaits };
            let polled = peer.mux().poll_open(context, frame, open, ticket);
            if let (Some(meters), Poll::Ready(Ok(_))) = (&self.meters, &polled) {
                meters.sent(payload);
            }
            Ok::<_, EncodeError>(polled)
        });
        match polled {
            Err(error) => Poll::Ready(Err(Status::from(Error::from(error)).not_run())),
            Ok(Poll::Ready(Ok(key))) => Poll::Ready(Ok(Handle::new(peer.mux().clone(), key))),
            Ok(Poll::Ready(Err(outcome))) => Poll::Ready(Err(Status::of(outcome))),
            Ok(Poll::Pending) => Poll::Pending,
        }
    }

    /// Writes the OPEN, but for its numbers, and tells how long its payload is.
    fn write(
        &self,
        peer: &Peer,
        left: Option<Duration>,
        ends: bool,
        frame: &mut BytesMut,
    ) -> Result<usize, EncodeError> {
        if self.target.is_empty() || self.target.len() > usize::from(u8::MAX) {
            return Err(EncodeError::new("a function's name must have 1 to 255 bytes"));
        }
        let header = v3::OpenHeader {
            encoding: Some(peer.encoding()),
            flags: v3::Flags::NONE.with(v3::Flags::END, ends),
            // Rounded up, so that a server never gives up before its caller.
            deadline: left.map(|left| u32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u32::MAX)),
            metadata: self.options.metadata.as_deref(),
            ..v3::OpenHeader::default()
        };
        let mut payload = 0;
        peer.mux().outgoing().encode_open(frame, &header, |out| {
            let start = out.len();
            self.arguments.encode(peer.encoding(), out)?;
            payload = out.len() - start;
            Ok::<_, EncodeError>(())
        })?;
        Ok(payload)
    }

    /// The call has failed: whether it is made again.
    fn again(&mut self, ticket: C::Ticket, status: &Status) -> Again {
        let mut choice = std::mem::take(&mut self.choice);
        choice.attempts += 1;
        let again = self.caller.ended(&self.request(), ticket, Some(status), &mut choice);
        self.choice = choice;
        again
    }

    /// The call has ended; with a failure, whether it is made again.
    pub(super) fn end(&mut self, failure: Option<&Status>) -> Again {
        match (self.chosen.take(), failure) {
            (Some((_, ticket)), Some(status)) => self.again(ticket, status),
            (Some((_, ticket)), None) => {
                let mut choice = std::mem::take(&mut self.choice);
                self.caller.ended(&self.request(), ticket, None, &mut choice);
                Again::No
            }
            (None, _) => Again::No,
        }
    }

    /// Who is to be told of a stream that outlives its opening; its items are counted or not.
    pub(super) fn into_watch(mut self, counted: bool) -> Option<Box<Watch>> {
        let (_, ticket) = self.chosen.take()?;
        let kept = self.caller.keep(&self.request(), ticket);
        Watch::new(kept, self.meters.filter(|_| counted))
    }
}
