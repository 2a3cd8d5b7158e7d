use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::select::Selector;
use crate::handler::filter::Filter;
use crate::handler::{ErasedHandler, Request};

/// What is known of a handler: for logs, reports and listings.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Info {
    /// The handler's name.
    pub name: String,
    /// The module of its function.
    pub module: String,
    /// The group; lower ones come first.
    pub group: i32,
    /// The place among the handlers of the group; lower ones are asked first.
    pub order: i32,
    /// The file of its function.
    pub file: &'static str,
    /// The line of its function.
    pub line: u32,
    /// The column of its function.
    pub column: u32,
    /// The first paragraph of its documentation.
    pub doc: &'static str,
    /// Its filters in words.
    pub filters: Vec<String>,
}

impl Info {
    pub(super) fn rank(&self) -> (i32, i32, &str, u32, u32) {
        (self.group, self.order, &self.module, self.line, self.column)
    }
}

/// `src/main.rs:12: handler `login` (group 0)`.
impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: handler `{}` (group {})", self.file, self.line, self.name, self.group)
    }
}

/// A handler and what must hold for it to run.
pub(crate) struct Route {
    pub(crate) info: Info,
    pub(crate) filters: Vec<Box<dyn Filter>>,
    pub(crate) handler: Box<dyn ErasedHandler>,
    pub(crate) timeout: Option<Duration>,
}

impl Route {
    pub(super) fn matches(&self, request: &Request<'_>) -> bool {
        self.filters.iter().all(|filter| filter.check_request(request))
    }
}

/// All routes of a server, ready to be asked.
#[derive(Default)]
pub(crate) struct Table {
    routes: Vec<Route>,
    groups: Vec<Group>,
    /// Tells the tables of one process apart: calls that a thread keeps ready belong to one of them.
    id: u64,
}

/// The routes of one group.
pub(crate) struct Group {
    pub(crate) number: i32,
    selector: Selector,
}

impl Table {
    /// `routes` are in the order in which they are asked.
    pub(super) fn new(routes: Vec<Route>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let mut groups: Vec<Group> = Vec::new();
        let mut from = 0;
        while let Some(first) = routes.get(from) {
            let number = first.info.group;
            let length = routes[from..].iter().take_while(|route| route.info.group == number).count();
            groups.push(Group { number, selector: Selector::new(&routes, from..from + length) });
            from += length;
        }
        Self { routes, groups, id: NEXT.fetch_add(1, Ordering::Relaxed) }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The groups, lowest first.
    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    pub(crate) fn route(&self, at: usize) -> &Route {
        &self.routes[at]
    }

    pub(crate) fn len(&self) -> usize {
        self.routes.len()
    }

    pub(crate) fn infos(&self) -> impl Iterator<Item = &Info> {
        self.routes.iter().map(|route| &route.info)
    }

    /// The first route of a group whose filters all pass. `candidates` is room to work in.
    pub(crate) fn first_match(
        &self,
        group: &Group,
        request: &Request<'_>,
        candidates: &mut Vec<u32>,
    ) -> Option<usize> {
        let matches = |at: &usize| self.routes[*at].matches(request);
        match &group.selector {
            Selector::Few(routes) => routes.clone().find(matches),
            Selector::Indexed(indexed) => {
                indexed.candidates(&request.view(), candidates);
                candidates.iter().map(|&at| at as usize).find(matches)
            }
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.infos().map(|info| &info.name)).finish()
    }
}
