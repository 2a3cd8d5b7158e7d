use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;

use super::{Extract, Request};
use crate::error::{Code, Rejection};

/// What the handlers of a server share, a value a type.
#[derive(Default)]
pub(crate) struct StateMap {
    values: HashMap<TypeId, Box<dyn Any + Send + Sync>>,
}

impl StateMap {
    /// Keeps `value`; false if there was one of its type.
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, value: T) -> bool {
        self.values.insert(TypeId::of::<T>(), Box::new(value)).is_none()
    }

    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.values.get(&TypeId::of::<T>()).and_then(|value| value.downcast_ref())
    }

    pub(crate) fn has(&self, id: TypeId) -> bool {
        self.values.contains_key(&id)
    }
}

/// A value that all handlers of a server share, given by `Server::builder().state(value)`.
///
/// It is cloned for each call, so make it cheap to clone: an `Arc`, a pool, a handle. A server that lacks it is not
/// built: the report names the handler and the type.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use asyncapy::prelude::*;
///
/// #[derive(Packet)]
/// struct Visits {
///     visits: u64,
/// }
///
/// #[handler]
/// async fn count(State(visits): State<Arc<AtomicU64>>) -> Visits {
///     Visits { visits: visits.fetch_add(1, Ordering::Relaxed) + 1 }
/// }
///
/// let server = Server::builder().register(count).state(Arc::new(AtomicU64::new(0))).build()?;
/// # Ok::<(), asyncapy::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State<T>(pub T);

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone + Send + Sync + 'static> Extract for State<T> {
    fn extract(request: &mut Request<'_>) -> Result<Self, Rejection> {
        request.state::<T>().cloned().map(State).ok_or_else(|| Rejection::new(Code::HandlerFailed))
    }

    fn require(requirements: &mut Requirements) {
        requirements.state::<T>();
    }
}

/// What a handler and its filters need of the server: checked when the server is built.
#[derive(Default)]
pub struct Requirements {
    states: Vec<(TypeId, &'static str)>,
}

impl Requirements {
    /// The server must have been given a state of type `T`.
    pub fn state<T: Send + Sync + 'static>(&mut self) {
        self.states.push((TypeId::of::<T>(), type_name::<T>()));
    }

    /// The names of the types that `state` lacks.
    pub(crate) fn missing(&self, state: &StateMap) -> Vec<&'static str> {
        let mut missing: Vec<_> =
            self.states.iter().filter(|(id, _)| !state.has(*id)).map(|(_, name)| *name).collect();
        missing.dedup();
        missing
    }
}

impl fmt::Debug for Requirements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.states.iter().map(|(_, name)| name)).finish()
    }
}
