use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::{Middleware, Next, Outcome, Passing};
use crate::error::{Code, Rejection};

/// A tower layer as middleware; see [`Layered::new`].
#[derive(Clone, Copy)]
pub struct Layered<S>(S);

/// The service that a tower layer is put around: it passes a request on to what comes next.
pub struct NextService<Q>(std::marker::PhantomData<fn(Q)>);

impl<S> Layered<S> {
    /// Makes middleware of a tower layer.
    ///
    /// The layer's service is made once and cloned for each request, as tower expects: what its clones share, such as the
    /// permits of a concurrency limit, all requests share. An error of its own that is no failure of the request (a
    /// `Status`, a `Rejection`) is logged and told as `ERR_HANDLER_FAILED`; a `map_err` layer outside says it better.
    ///
    /// ```
    /// use asyncapy::Server;
    /// use asyncapy::rpc::middleware::{IncomingCall, Layered};
    /// use tower_layer::Identity;
    ///
    /// let builder = Server::builder().middleware(Layered::new::<IncomingCall, _>(Identity::new()));
    /// ```
    pub fn new<Q: Passing, L>(layer: L) -> Self
    where
        L: Layer<NextService<Q>, Service = S>,
    {
        Self(layer.layer(NextService(std::marker::PhantomData)))
    }
}

impl<Q: Passing> Service<Q> for NextService<Q> {
    type Response = Q::Reply;
    type Error = Q::Failure;
    type Future = Pin<Box<dyn Future<Output = Outcome<Q>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Q::Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Q) -> Self::Future {
        match request.next().take() {
            Some(next) => next.begin(request),
            // A request comes from the middleware, and cannot be made elsewhere or cloned.
            None => Box::pin(async { Err(Rejection::new(Code::HandlerFailed).into()) }),
        }
    }
}

impl<Q, S> Middleware<Q> for Layered<S>
where
    Q: Passing,
    S: Service<Q, Response = Q::Reply> + Clone + Send + Sync + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send,
{
    async fn handle(&self, mut request: Q, next: Next<Q>) -> Outcome<Q> {
        let mut service = self.0.clone();
        poll_fn(|context| service.poll_ready(context)).await.map_err(failure::<Q>)?;
        *request.next() = Some(next);
        service.call(request).await.map_err(failure::<Q>)
    }
}

/// What a layer's error says of a request.
fn failure<Q: Passing>(error: impl Into<Box<dyn Error + Send + Sync>>) -> Q::Failure {
    let error = match error.into().downcast::<Q::Failure>() {
        Ok(failure) => return *failure,
        Err(error) => error,
    };
    match error.downcast::<Rejection>() {
        Ok(rejection) => (*rejection).into(),
        Err(error) => {
            tracing::error!(part = "Response handler", error = ?error.to_string(), "A tower layer failed");
            Rejection::new(Code::HandlerFailed).into()
        }
    }
}

impl<Q> Clone for NextService<Q> {
    fn clone(&self) -> Self {
        Self(std::marker::PhantomData)
    }
}

impl<S> fmt::Debug for Layered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Layered")
    }
}

impl<Q> fmt::Debug for NextService<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NextService")
    }
}
