use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::function::{Function, FunctionRegistration, Method, linked};
use super::invocation::ErasedFunction;
use super::middleware::{IncomingCall, Middleware, around};
use super::reflect::{FUNCTIONS, lister};
use crate::handler::middleware::{AnyMiddleware, Chain, layer};
use crate::handler::{Requirements, StateMap};

/// The functions that a side serves, by name.
pub(crate) struct Functions {
    entries: Vec<Entry>,
    by_name: HashMap<String, usize>,
    /// Distinguishes tables, so that a thread's spare calls are of the right one.
    id: u64,
}

/// One of them.
pub(crate) struct Entry {
    pub(crate) function: Function,
    /// The full name.
    pub(crate) name: String,
    pub(crate) erased: Box<dyn ErasedFunction>,
}

/// Functions in the making, and what is wrong with them.
#[derive(Default)]
pub(crate) struct Draft {
    entries: Vec<(Entry, Requirements)>,
    /// What stands around the functions, the outermost first.
    layers: Vec<Layer>,
    mistakes: Vec<String>,
}

/// Middleware, and the functions that it is for: one by its full name, a group by its name and a point, or all.
struct Layer {
    functions: Option<String>,
    at: &'static Location<'static>,
    middleware: Arc<dyn AnyMiddleware<IncomingCall>>,
}

impl Layer {
    fn is_for(&self, name: &str) -> bool {
        match self.functions.as_deref() {
            Some(group) if group.ends_with('.') => name.starts_with(group),
            Some(function) => name == function,
            None => true,
        }
    }
}

impl Functions {
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn get(&self, at: usize) -> Option<&Entry> {
        self.entries.get(at)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Function> {
        self.entries.iter().map(|entry| &entry.function)
    }
}

impl Default for Functions {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self { entries: Vec::new(), by_name: HashMap::new(), id: NEXT.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Draft {
    /// Adds an annotated function, unless it is there.
    pub(crate) fn annotated(&mut self, registration: &FunctionRegistration) {
        let mut requirements = Requirements::default();
        (registration.requires)(&mut requirements);
        let same = |(entry, _): &(Entry, Requirements)| {
            let (ours, theirs) = (entry.function, registration.function);
            (ours.file, ours.line, ours.column, ours.name)
                == (theirs.file, theirs.line, theirs.column, theirs.name)
                && ours.module == theirs.module
        };
        if !self.entries.iter().any(same) {
            self.add(registration.function, (registration.build)(), requirements);
        }
    }

    /// Adds all annotated functions of `module` and the modules inside it; the whole program's for an empty name. Tells
    /// whether there are any.
    pub(crate) fn linked(&mut self, module: &str) -> bool {
        let inside = |path: &str| {
            module.is_empty()
                || path == module
                || path.strip_prefix(module).is_some_and(|rest| rest.starts_with("::"))
        };
        let mut found = false;
        for registration in linked().into_iter().filter(|it| inside(it.function.module)) {
            found = true;
            self.annotated(registration);
        }
        found
    }

    /// Adds a method of a service.
    pub(crate) fn method(&mut self, method: Method) {
        let mut requirements = Requirements::default();
        (method.requires)(&mut requirements);
        self.add(method.function, method.erased, requirements);
    }

    /// One more layer, inside those that are there: around all functions, or those that are named.
    #[track_caller]
    pub(crate) fn middleware(&mut self, functions: Option<&str>, middleware: impl Middleware<IncomingCall>) {
        let (functions, at) = (functions.map(str::to_owned), Location::caller());
        self.layers.push(Layer { functions, at, middleware: layer(middleware) });
    }

    fn add(&mut self, function: Function, erased: Box<dyn ErasedFunction>, requirements: Requirements) {
        let name = function.full_name();
        self.entries.push((Entry { function, name, erased }, requirements));
    }

    /// The table, or every mistake: names that are taken or too long, states that are missing.
    pub(crate) fn build(self, state: Option<&StateMap>) -> Result<Functions, Vec<String>> {
        let mut functions = Functions::default();
        let mut mistakes = self.mistakes;
        for (entry, requirements) in self.entries {
            let Function { file, line, column, .. } = entry.function;
            let at = format!("{file}:{line}:{column}");
            if let Some(state) = state {
                for missing in requirements.missing(state) {
                    mistakes.push(format!(
                        "{at}: function `{}` needs a state of type `{missing}`: `.state(..)`",
                        entry.name
                    ));
                }
            }
            if entry.name.len() > usize::from(u8::MAX) {
                mistakes.push(format!("{at}: the name `{}` is longer than 255 bytes", entry.name));
            }
            if entry.name == FUNCTIONS {
                mistakes.push(format!("{at}: the name `{FUNCTIONS}` is taken by the list of functions"));
                continue;
            }
            if let Some(before) = functions.find(&entry.name).and_then(|at| functions.get(at)) {
                let Function { file, line, column, .. } = before.function;
                mistakes.push(format!(
                    "{at}: a function `{}` is there already, at {file}:{line}:{column}",
                    entry.name
                ));
                continue;
            }
            functions.by_name.insert(entry.name.clone(), functions.entries.len());
            functions.entries.push(entry);
        }
        for layer in &self.layers {
            if let Some(wanted) = &layer.functions
                && !functions.entries.iter().any(|entry| layer.is_for(&entry.name))
            {
                let at = layer.at;
                mistakes.push(format!("{at}: middleware for `{wanted}`, and there is no such function"));
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        // A side that serves nothing has nothing to list.
        if !functions.entries.is_empty() {
            let Method { function, erased, .. } = lister(&functions);
            let name = function.full_name();
            functions.by_name.insert(name.clone(), functions.entries.len());
            functions.entries.push(Entry { function, name, erased });
        }
        functions.entries = functions.entries.into_iter().map(|entry| wrapped(entry, &self.layers)).collect();
        Ok(functions)
    }
}

/// A function with the middleware that is for it; one without costs nothing.
fn wrapped(entry: Entry, layers: &[Layer]) -> Entry {
    let for_it = layers.iter().filter(|layer| layer.is_for(&entry.name));
    let chain: Chain<IncomingCall> = for_it.map(|layer| layer.middleware.clone()).collect();
    if chain.is_empty() {
        return entry;
    }
    let Entry { function, name, erased } = entry;
    let erased = around(erased, function, &name, chain);
    Entry { function, name, erased }
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.entries.iter().map(|entry| &entry.name)).finish()
    }
}
