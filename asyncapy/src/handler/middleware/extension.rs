use std::any::type_name;
use std::ops::Deref;
use std::sync::Arc;

use crate::error::{Code, Rejection};
use crate::handler::{Extract, Request};

/// What middleware has put into the request, by type: an extractor, for handlers and functions.
///
/// A request that holds none is a mistake of the program: it is logged, and the client reads `ERR_HANDLER_FAILED`. Take
/// `Option<Extension<T>>` for what may be missing.
///
/// ```
/// use asyncapy::prelude::*;
/// use asyncapy::handler::middleware::Extension;
/// use asyncapy::rpc::middleware::{IncomingCall, Next, from_fn};
///
/// struct Tenant(String);
///
/// #[rpc]
/// async fn whose(tenant: Extension<Tenant>) -> String {
///     tenant.0.0.clone()
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> asyncapy::Result<()> {
/// let server = Server::builder()
///     .register(whose)
///     .middleware(from_fn(async |call: IncomingCall, next: Next| {
///         call.insert(Tenant("ada & sons".to_owned()));
///         next.run(call).await
///     }))
///     .build()?
///     .start_in_memory()
///     .await?;
/// assert_eq!(whose::call(&server.handle().peer()?).await?, "ada & sons");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Extension<T>(pub Arc<T>);

impl<T> Clone for Extension<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Extension<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Send + Sync + 'static> Extract for Extension<T> {
    fn extract(request: &mut Request<'_>) -> Result<Self, Rejection> {
        request.extension::<T>().map(Extension).ok_or_else(|| {
            let missing = type_name::<T>();
            tracing::error!(part = "API Parser", "No middleware has put a `{missing}` into the request");
            Rejection::new(Code::HandlerFailed)
        })
    }
}
