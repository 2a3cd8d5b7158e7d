use std::any::TypeId;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::invocation::ErasedFunction;
use super::private::Place;
use crate::handler::Requirements;

/// What a function is called and what it takes and gives, as its attribute and its signature say.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its name within its group.
    pub name: &'static str,
    /// Its group, empty for none: the full name is `group.name`.
    pub group: &'static str,
    /// `module_path!()` of the function.
    pub module: &'static str,
    /// `file!()` of its name.
    pub file: &'static str,
    /// `line!()` of its name.
    pub line: u32,
    /// `column!()` of its name.
    pub column: u32,
    /// The first paragraph of its documentation, or what the attribute says.
    pub doc: &'static str,
    /// Its own timeout.
    pub timeout: Option<Duration>,
    /// Whether it may be run twice for one call without harm: then a client repeats it elsewhere when a server is lost.
    pub idempotent: bool,
    /// Where it may be called from; none for anywhere.
    pub private: Option<&'static [Place]>,
    /// What goes each way.
    pub shape: Shape,
    /// Its arguments, by name and in order.
    pub parameters: &'static [Parameter],
    /// The types of what it gives, as they are written.
    pub returns: Returns,
}

/// What goes each way of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shape {
    /// Arguments, and a result.
    Unary,
    /// Arguments, and a stream of items.
    ServerStream,
    /// Arguments and a stream of items, and a result.
    ClientStream,
    /// Streams both ways.
    Duplex,
}

impl Shape {
    /// Its name, as listings have it.
    pub const fn name(self) -> &'static str {
        match self {
            Shape::Unary => "unary",
            Shape::ServerStream => "server_stream",
            Shape::ClientStream => "client_stream",
            Shape::Duplex => "duplex",
        }
    }
}

/// An argument.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Parameter {
    /// Its name on the wire.
    pub name: &'static str,
    /// Its type, as it is written.
    pub ty: &'static str,
    /// Whether it must be given.
    pub required: bool,
}

/// The types of what a function gives, as they are written; empty for those that it has not.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Returns {
    /// The result's.
    pub result: &'static str,
    /// Its own error's.
    pub error: &'static str,
    /// That of the items that it takes.
    pub takes: &'static str,
    /// That of the items that it gives.
    pub gives: &'static str,
}

impl Function {
    /// A function of which no more is known than its name.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            group: "",
            module: "",
            file: "",
            line: 0,
            column: 0,
            doc: "",
            timeout: None,
            idempotent: false,
            private: None,
            shape: Shape::Unary,
            parameters: &[],
            returns: Returns { result: "", error: "", takes: "", gives: "" },
        }
    }

    /// The name on the wire: `group.name`, or the name alone.
    pub fn full_name(&self) -> String {
        if self.group.is_empty() { self.name.to_owned() } else { format!("{}.{}", self.group, self.name) }
    }

    /// The order of listings: link order is not source order and decides nothing.
    pub(super) fn rank(&self) -> (&'static str, &'static str, &'static str, u32, u32) {
        (self.group, self.name, self.module, self.line, self.column)
    }
}

impl Parameter {
    /// An argument, for what the macros write.
    pub const fn new(name: &'static str, ty: &'static str, required: bool) -> Self {
        Self { name, ty, required }
    }
}

impl Returns {
    /// The types, for what the macros write.
    pub const fn new(
        result: &'static str,
        error: &'static str,
        takes: &'static str,
        gives: &'static str,
    ) -> Self {
        Self { result, error, takes, gives }
    }
}

/// An annotated function, collected at link time.
pub struct FunctionRegistration {
    /// What is known of it.
    pub function: Function,
    /// The type of the function, by which `register(f)` finds this.
    pub type_id: fn() -> TypeId,
    /// Tells what the extractors need of the server.
    pub requires: fn(&mut Requirements),
    /// Makes what runs it.
    pub build: fn() -> Box<dyn ErasedFunction>,
}

inventory::collect!(FunctionRegistration);

impl fmt::Debug for FunctionRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Function { module, name, file, line, .. } = self.function;
        write!(f, "FunctionRegistration({module}::{name}, {file}:{line})")
    }
}

/// All functions that are linked into the program, by name.
pub fn linked() -> Vec<&'static FunctionRegistration> {
    let mut all: Vec<_> = inventory::iter::<FunctionRegistration>.into_iter().collect();
    all.sort_by_key(|registration| registration.function.rank());
    all
}

/// A function together with what runs it: a method of a service, whose state it holds.
pub struct Method {
    pub(super) function: Function,
    pub(super) requires: fn(&mut Requirements),
    pub(super) erased: Box<dyn ErasedFunction>,
}

impl Method {
    /// A method, for what the macros write.
    pub fn new(function: Function, requires: fn(&mut Requirements), erased: Box<dyn ErasedFunction>) -> Self {
        Self { function, requires, erased }
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Method").field(&self.function.full_name()).finish()
    }
}

/// What serves the calls of a `#[service]`: the attribute writes it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "cannot be served",
    note = "put `#[service]` on its impl; an implementation of a `#[service]` trait `Bank` is wrapped: `BankServer::new(..)`"
)]
pub trait Service: Send + Sync + 'static {
    /// Its methods, each with a share in the state.
    fn methods(self: Arc<Self>) -> Vec<Method>;
}

/// A service that the program has a share in besides, to use it in process.
impl<S: Service> Service for Arc<S> {
    fn methods(self: Arc<Self>) -> Vec<Method> {
        Arc::unwrap_or_clone(self).methods()
    }
}
