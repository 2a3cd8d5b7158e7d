use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::{Next, OutgoingCall, Reply};
use crate::error::Code;
use crate::handler::middleware::{Chain, End, Running};
use crate::rpc::Status;

/// A call on its way out through middleware. What is at the end of the chain borrows from the caller, and the chain must
/// not: so the end asks for the call, and whoever polls this makes it.
pub(crate) struct Exchange {
    chain: Running<OutgoingCall>,
    /// None once the call was asked for and given up.
    asked: Option<oneshot::Receiver<Asked>>,
    /// Who waits for what comes of the call, while it is under way.
    waiting: Option<oneshot::Sender<Result<Reply, Status>>>,
}

struct Asked {
    call: OutgoingCall,
    waiting: oneshot::Sender<Result<Reply, Status>>,
}

/// What is to be done about the call itself.
pub(crate) enum Step {
    /// Make it.
    Begin(OutgoingCall),
    /// Go on with it.
    GoOn,
    /// Give it up.
    GiveUp,
}

/// The end of the chain.
struct Way(oneshot::Sender<Asked>);

impl End<OutgoingCall> for Way {
    fn run(self: Box<Self>, call: OutgoingCall) -> Running<OutgoingCall> {
        Box::pin(async move {
            let (waiting, outcome) = oneshot::channel();
            let asked = self.0.send(Asked { call, waiting });
            let given_up = || Err(Status::new(Code::Cancelled).message("the call was given up"));
            if asked.is_err() { given_up() } else { outcome.await.unwrap_or_else(|_| given_up()) }
        })
    }
}

/// Does what is to be done about the call itself.
type Act<'a> = dyn FnMut(Step, &mut Context<'_>) -> Poll<Result<Reply, Status>> + 'a;

impl Exchange {
    pub(crate) fn new(chain: &Chain<OutgoingCall>, call: OutgoingCall) -> Self {
        let (asks, asked) = oneshot::channel();
        let chain = Next::new(chain.clone(), Box::new(Way(asks))).begin(call);
        Self { chain, asked: Some(asked), waiting: None }
    }

    /// Goes on; `call` is told what to do about the call itself.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
        call: &mut Act<'_>,
    ) -> Poll<Result<Reply, Status>> {
        loop {
            if let Poll::Ready(outcome) = self.chain.as_mut().poll(context) {
                return Poll::Ready(outcome);
            }
            let step = match (&mut self.waiting, &mut self.asked) {
                (Some(waiting), _) => {
                    if waiting.poll_closed(context).is_ready() {
                        Step::GiveUp
                    } else {
                        Step::GoOn
                    }
                }
                (None, Some(asked)) => match Pin::new(asked).poll(context) {
                    Poll::Ready(Ok(Asked { call, waiting })) => {
                        self.asked = None;
                        self.waiting = Some(waiting);
                        Step::Begin(call)
                    }
                    Poll::Ready(Err(_)) => {
                        self.asked = None;
                        return Poll::Pending;
                    }
                    Poll::Pending => return Poll::Pending,
                },
                (None, None) => return Poll::Pending,
            };
            let gives_up = matches!(step, Step::GiveUp);
            let polled = call(step, context);
            if gives_up {
                self.waiting = None;
                return Poll::Pending;
            }
            let Poll::Ready(outcome) = polled else { return Poll::Pending };
            // Whoever does not wait any more need not be told.
            let _ = self.waiting.take().map(|waiting| waiting.send(outcome));
        }
    }
}
