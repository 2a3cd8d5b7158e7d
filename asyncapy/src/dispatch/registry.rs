use std::any::TypeId;
use std::fmt;
use std::time::Duration;

use crate::handler::filter::Filter;
use crate::handler::{ErasedHandler, Requirements};

/// An annotated function, as its attribute describes it; collected at link time.
pub struct Registration {
    /// The handler's name: `name = ".."`, or the function's.
    pub name: &'static str,
    /// The function's name.
    pub function_name: &'static str,
    /// The group.
    pub group: i32,
    /// The place among the handlers of a group: lower ones are asked first.
    pub order: i32,
    /// `module_path!()` of the function.
    pub module: &'static str,
    /// `file!()` of the function.
    pub file: &'static str,
    /// `line!()` of the function's name.
    pub line: u32,
    /// `column!()` of the function's name.
    pub column: u32,
    /// The first paragraph of the function's documentation.
    pub doc: &'static str,
    /// The handler's own timeout.
    pub timeout: Option<Duration>,
    /// The type of the function, by which `register(f)` finds this.
    pub function: fn() -> TypeId,
    /// Makes the filters.
    pub filters: fn() -> Vec<Box<dyn Filter>>,
    /// Tells what the extractors need of the server.
    pub requires: fn(&mut Requirements),
    /// Makes the handler.
    pub build: fn() -> Box<dyn ErasedHandler>,
}

inventory::collect!(Registration);

impl Registration {
    /// The order in which handlers are asked: link order is not source order and decides nothing.
    pub(crate) fn rank(&self) -> (i32, i32, &'static str, u32, u32) {
        (self.group, self.order, self.module, self.line, self.column)
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registration({}::{}, {}:{})", self.module, self.name, self.file, self.line)
    }
}

/// All annotated functions that are linked into the program, in the order in which they are asked.
pub fn linked() -> Vec<&'static Registration> {
    let mut all: Vec<_> = inventory::iter::<Registration>.into_iter().collect();
    all.sort_by_key(|registration| registration.rank());
    all
}

/// Whether a handler of `module`, or of a module inside it, is linked into the program.
pub(crate) fn has_linked(module: &str) -> bool {
    linked().iter().any(|registration| {
        let path = registration.module;
        path == module || path.strip_prefix(module).is_some_and(|rest| rest.starts_with("::"))
    })
}
