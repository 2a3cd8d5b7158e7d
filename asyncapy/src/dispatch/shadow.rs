//! Handlers that can never run, because another of their group takes every packet first.

use super::Route;
use crate::handler::filter::{Fields, Filter, Shape};

/// A report for each route that can never run. `routes` are in the order in which they are asked.
pub(super) fn find(routes: &[Route]) -> Vec<String> {
    let shapes: Vec<_> = routes.iter().map(|route| flat(&route.filters)).collect();
    let mut reports = Vec::new();
    let mut start = 0;
    for (at, later) in routes.iter().enumerate() {
        if later.info.group != routes[start].info.group {
            start = at;
        }
        if let Some(first) = (start..at).find(|&first| covers(&shapes[first], &shapes[at])) {
            let first = &routes[first].info;
            reports.push(format!(
                "{}: can never run, since {first} takes every packet that it would; give it a group of its own, \
                 narrow the other's filters, or let it be asked first by `order`",
                later.info
            ));
        }
    }
    reports
}

/// The filters that must all pass, nested ones taken out.
fn flat(filters: &[Box<dyn Filter>]) -> Vec<Shape<'_>> {
    filters
        .iter()
        .flat_map(|filter| match filter.shape() {
            Shape::All(inner) => flat(inner),
            other => vec![other],
        })
        .collect()
}

/// Whether every packet that passes `narrow` passes `wide`, as far as that can be seen.
fn covers(wide: &[Shape<'_>], narrow: &[Shape<'_>]) -> bool {
    wide.iter().all(|wide| {
        narrow.iter().any(|narrow| match (wide, narrow) {
            (Shape::Fields(wide), Shape::Fields(narrow)) => Fields::covers(wide, narrow),
            (Shape::Ip(wide), Shape::Ip(narrow)) => wide.covers(narrow),
            (Shape::ApiKey(wide), Shape::ApiKey(narrow)) => wide.covers(narrow),
            _ => false,
        })
    })
}
