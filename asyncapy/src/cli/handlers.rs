//! `asyncapy handlers`, and what programs call to list their own handlers.

use std::fmt;

use super::failure::Failure;
use super::output::{self, Table};
use crate::dispatch::{self, Info};
use crate::server::Server;

/// List handlers: group, order, name, filters, place
///
/// Handlers are linked into programs, and this command is one that has none of yours. A program lists its own when it
/// calls `asyncapy::cli::describe()`, with the feature `cli` of asyncapy.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {}

const EXAMPLES: &str = "\
Examples:
  asyncapy handlers          those that are linked into this command
  cargo run -- --handlers    those of a program of yours, which begins so:

    if std::env::args().any(|argument| argument == \"--handlers\") {
        asyncapy::cli::describe();
        return;
    }";

pub(super) fn run(_: &Arguments) -> Result<(), Failure> {
    let handlers = Handlers::linked();
    if handlers.is_empty() {
        output::line(
            "No handlers are linked into this command; `asyncapy handlers --help` says how a program lists its own.",
        )?;
        return Ok(());
    }
    Ok(handlers.table.print()?)
}

/// Prints the handlers that are linked into the program, in the order in which they are asked: group, order, name,
/// filters, file and line, documentation. For a `--handlers` flag of a program of your own.
///
/// ```
/// use asyncapy::prelude::*;
///
/// /// Greets people.
/// #[handler(group = -1, fields(user = r"\w+"))]
/// async fn greet(#[field] user: String) -> serde_json::Value {
///     json!({"hello": user})
/// }
///
/// asyncapy::cli::describe();
/// ```
pub fn describe() {
    // Nobody reads stdout any more, as with `| head`: there is nobody to tell.
    let _ = Handlers::linked().table.print();
}

/// A list of handlers, to be shown: [`Display`](fmt::Display) writes it as a table.
#[derive(Clone, Debug)]
pub struct Handlers {
    table: Table<6>,
}

impl Handlers {
    fn new(handlers: impl Iterator<Item = Info>) -> Self {
        let mut table = Table::new(["GROUP", "ORDER", "NAME", "FILTERS", "PLACE", "WHAT IT DOES"]);
        for Info { name, group, order, file, line, doc, filters, .. } in handlers {
            let filters = if filters.is_empty() { "every packet".to_owned() } else { filters.join(" and ") };
            let doc = doc.split_whitespace().collect::<Vec<_>>().join(" ");
            table.row([group.to_string(), order.to_string(), name, filters, format!("{file}:{line}"), doc]);
        }
        Self { table }
    }

    /// Those that are linked into the program, with the filters of their attributes.
    pub fn linked() -> Self {
        Self::new(dispatch::linked().into_iter().map(|handler| Info {
            name: handler.name.to_owned(),
            module: handler.module.to_owned(),
            group: handler.group,
            order: handler.order,
            file: handler.file,
            line: handler.line,
            column: handler.column,
            doc: handler.doc,
            filters: (handler.filters)().iter().map(|filter| filter.describe()).collect(),
        }))
    }

    /// Those of a server, with all their filters.
    pub fn of(server: &Server) -> Self {
        Self::new(server.handlers().cloned())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

impl fmt::Display for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::filter::Fields;
    use crate::packet::Packet;

    #[test]
    fn a_server_lists_its_handlers_in_the_order_in_which_they_are_asked() {
        let server = Server::builder()
            .register_fn(|packet: Packet| async move { packet })
            .name("echo")
            .register_fn(|| async {})
            .name("login")
            .group(-1)
            .filter(Fields::new().matching("user", r"\w+").present("pin"))
            .build()
            .unwrap();
        let list = Handlers::of(&server).to_string();
        let rows: Vec<Vec<&str>> = list
            .lines()
            .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
            .collect();
        assert_eq!(rows.len(), 3, "{list}");
        assert_eq!(rows[0], ["GROUP", "ORDER", "NAME", "FILTERS", "PLACE", "WHAT IT DOES"]);
        assert_eq!(rows[1][..3], ["-1", "0", "login"], "{list}");
        assert!(rows[1][3].contains(r"\w+") && rows[1][3].contains("pin"), "{list}");
        assert_eq!(rows[2][..4], ["0", "0", "echo", "every packet"], "{list}");
        assert!(rows[2][4].starts_with(file!()), "{list}");
    }
}
