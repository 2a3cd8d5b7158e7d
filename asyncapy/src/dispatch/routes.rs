use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::{AnnotatedFn, Info, PlainFn, Registration, Route, Table, linked, shadow};
use crate::handler::middleware::{AnyMiddleware, Chain, IncomingPacket, Middleware, around, layer};
use crate::handler::{Requirements, StateMap};

/// What a server was told to serve, in the making.
#[derive(Default)]
pub(crate) struct Routes {
    drafts: Vec<Draft>,
    /// The functions that were named one by one: where a module's linked ones are asked for too, these come first.
    registered: HashMap<TypeId, usize>,
    /// What stands around every handler, the outermost first.
    middleware: Vec<Arc<dyn AnyMiddleware<IncomingPacket>>>,
    mistakes: Vec<String>,
}

/// A route that may still be given filters.
struct Draft {
    route: Route,
    requirements: Requirements,
    /// The name was chosen, so that it must be the only one of its kind.
    named: bool,
}

impl Routes {
    /// Adds all annotated functions of `module` and the modules inside it; the whole program's for an empty name.
    pub(crate) fn linked(&mut self, module: &str) {
        let inside = |path: &str| {
            module.is_empty()
                || path == module
                || path.strip_prefix(module).is_some_and(|rest| rest.starts_with("::"))
        };
        let mut found = false;
        for registration in linked().into_iter().filter(|registration| inside(registration.module)) {
            found = true;
            if !self.registered.contains_key(&(registration.function)()) {
                self.annotated(registration);
            }
        }
        if !found && !module.is_empty() {
            self.mistakes.push(format!("no annotated function is linked from module `{module}`"));
        }
    }

    /// Adds an annotated function.
    #[track_caller]
    pub(crate) fn register<A, F: AnnotatedFn<A>>(&mut self, function: F) {
        let id = function.type_id();
        match linked().into_iter().find(|registration| (registration.function)() == id) {
            Some(registration) => match self.registered.get(&id) {
                // Named one by one after it came with its module: this is the one that `.filter(..)` goes on.
                Some(&at) => {
                    let draft = self.drafts.remove(at);
                    self.drafts.push(draft);
                    self.registered.values_mut().filter(|place| **place > at).for_each(|place| *place -= 1);
                    self.registered.insert(id, self.drafts.len() - 1);
                }
                None => self.annotated(registration),
            },
            None => {
                let at = Location::caller();
                let name = type_name::<F>();
                self.mistakes.push(format!(
                    "{at}: `{name}` carries neither `#[handler]` nor `#[rpc]`; annotate it, or use `register_fn` for a plain handler"
                ));
            }
        }
    }

    /// Adds a function that was not annotated.
    #[track_caller]
    pub(crate) fn register_fn<A, F: PlainFn<A>>(&mut self, function: F) {
        let at = Location::caller();
        let name = type_name::<F>();
        let (module, name) = name.rsplit_once("::").unwrap_or(("", name));
        let mut requirements = Requirements::default();
        F::require(&mut requirements);
        let info = Info {
            name: name.to_owned(),
            module: module.to_owned(),
            group: 0,
            order: 0,
            file: at.file(),
            line: at.line(),
            column: at.column(),
            doc: "",
            filters: Vec::new(),
        };
        let route = Route { info, filters: Vec::new(), handler: function.erase(), timeout: None };
        self.drafts.push(Draft { route, requirements, named: false });
    }

    fn annotated(&mut self, registration: &Registration) {
        let mut requirements = Requirements::default();
        (registration.requires)(&mut requirements);
        let info = Info {
            name: registration.name.to_owned(),
            module: registration.module.to_owned(),
            group: registration.group,
            order: registration.order,
            file: registration.file,
            line: registration.line,
            column: registration.column,
            doc: registration.doc,
            filters: Vec::new(),
        };
        let route = Route {
            info,
            filters: (registration.filters)(),
            handler: (registration.build)(),
            timeout: registration.timeout,
        };
        let named = registration.name != registration.function_name;
        self.registered.insert((registration.function)(), self.drafts.len());
        self.drafts.push(Draft { route, requirements, named });
    }

    /// One more layer around every handler, inside those that are there.
    pub(crate) fn middleware(&mut self, middleware: impl Middleware<IncomingPacket>) {
        self.middleware.push(layer(middleware));
    }

    /// Changes the route that was registered last; `what` names the change where there is none.
    #[track_caller]
    pub(crate) fn last(&mut self, what: &str, change: impl FnOnce(&mut Route)) {
        match self.drafts.last_mut() {
            Some(draft) => change(&mut draft.route),
            None => {
                let at = Location::caller();
                self.mistakes.push(format!("{at}: `.{what}(..)` belongs after `.register(..)`"));
            }
        }
    }

    pub(crate) fn name_last(&mut self, name: String) {
        if let Some(draft) = self.drafts.last_mut() {
            draft.route.info.name = name;
            draft.named = true;
        }
    }

    /// The table, or every mistake in it. Without `state`, what handlers need of it is not asked.
    pub(crate) fn build(mut self, state: Option<&StateMap>, timeout: Duration) -> Result<Table, Vec<String>> {
        let mut mistakes = std::mem::take(&mut self.mistakes);
        self.drafts.sort_by(|a, b| a.route.info.rank().cmp(&b.route.info.rank()));
        for draft in &mut self.drafts {
            let Draft { route, requirements, .. } = draft;
            route.filters.iter().for_each(|filter| filter.require(requirements));
            for mistake in route.filters.iter().flat_map(|filter| filter.mistakes()) {
                mistakes.push(format!("{}: {mistake}", route.info));
            }
            for missing in state.map_or_else(Vec::new, |state| requirements.missing(state)) {
                mistakes.push(format!(
                    "{}: needs `State<{missing}>`, which was not given by `.state(..)`",
                    route.info
                ));
            }
            if route.timeout.unwrap_or(timeout).is_zero() {
                mistakes.push(format!("{}: a timeout of zero lets nothing finish", route.info));
            }
            route.info.filters = route.filters.iter().map(|filter| filter.describe()).collect();
        }
        self.duplicate_names(&mut mistakes);
        let mut routes: Vec<_> = self.drafts.into_iter().map(|draft| draft.route).collect();
        if !self.middleware.is_empty() {
            let chain: Chain<IncomingPacket> = self.middleware.into();
            let wrap = |Route { info, filters, handler, timeout }| {
                let handler = around(handler, &info.name, chain.clone());
                Route { info, filters, handler, timeout }
            };
            routes = routes.into_iter().map(wrap).collect();
        }
        mistakes.extend(shadow::find(&routes));
        if mistakes.is_empty() { Ok(Table::new(routes)) } else { Err(mistakes) }
    }

    fn duplicate_names(&self, mistakes: &mut Vec<String>) {
        let mut known: HashMap<&str, &Info> = HashMap::new();
        for draft in self.drafts.iter().filter(|draft| draft.named) {
            let info = &draft.route.info;
            if let Some(first) = known.insert(&info.name, info) {
                mistakes.push(format!("{info}: the name is taken by {first}"));
            }
        }
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.drafts.iter().map(|draft| &draft.route.info)).finish()
    }
}
