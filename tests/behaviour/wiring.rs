//! `build()` tells every mistake of the wiring at once, each with its place.

use asyncapy::handler::filter::Fields;
use asyncapy::prelude::*;
use asyncapy::{Error, Server};

fn mistakes(server: Result<Server>) -> Vec<String> {
    match server {
        Err(Error::Build(mistakes)) => mistakes,
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("the wiring is wrong"),
    }
}

#[handler(fields(a, ..))]
async fn wide() {}

#[handler(fields(a = "x", b))]
async fn never_runs() {}

#[handler(name = "the.same")]
async fn one() {}

#[handler(name = "the.same", group = 1)]
async fn other() {}

#[handler(group = 2)]
async fn needs_state(_number: State<u16>) {}

async fn plain() {}

#[test]
fn all_at_once_with_their_places() {
    let line = line!() + 2;
    let server = Server::builder()
        .register(plain)
        .register(wide)
        .register(never_runs)
        .register(one)
        .register(other)
        .register(needs_state)
        .register_fn(plain)
        .filter(Fields::new().matching("a", "(").present("b").present("b"))
        .group(3)
        .header_size(3)
        .listen("nowhere")
        .state(1u8)
        .state(2u8)
        .limits(|limits| limits.buf = 1)
        .build();
    let mistakes = mistakes(server);
    let text = mistakes.join("\n");
    let has = |parts: &[&str]| {
        let found = mistakes.iter().filter(|mistake| parts.iter().all(|part| mistake.contains(part))).count();
        assert_eq!(found, 1, "{parts:?} in\n{text}");
    };
    has(&[&format!("wiring.rs:{line}:"), "plain", "carries neither `#[handler]` nor `#[rpc]`"]);
    has(&["wiring.rs:", "`never_runs`", "can never run", "`wide`"]);
    has(&["wiring.rs:", "the name is taken", "`the.same`"]);
    has(&["wiring.rs:", "`needs_state`", "State<u16>"]);
    has(&["wiring.rs:", "`plain`", "pattern of field `a`"]);
    has(&["wiring.rs:", "`plain`", "`b` is named twice"]);
    has(&["`3` is none of: 1, 2, 4, 8"]);
    has(&["nowhere", "unix:///path"]);
    has(&["wiring.rs:", "u8", "was given before"]);
    has(&["`buf` is 1"]);
    assert_eq!(mistakes.len(), 10, "{text}");
    let all = Error::Build(mistakes).to_string();
    assert!(all.starts_with("10 mistakes in the wiring of the server:\n  - "), "{all}");
}

#[test]
fn what_belongs_behind_a_registration_says_so() {
    let mistakes = mistakes(Server::builder().filter(Fields::new()).group(1).order(1).name("x").build());
    assert_eq!(mistakes.len(), 4, "{mistakes:?}");
    for (mistake, what) in mistakes.iter().zip(["filter", "group", "order", "name"]) {
        assert!(mistake.contains("wiring.rs:") && mistake.contains(what), "{mistake}");
    }
}

#[test]
fn who_takes_every_packet_first_is_named() {
    // The same group, nothing else to tell them apart.
    let shadowed = |builder: asyncapy::server::Builder| mistakes(builder.build());
    let found = shadowed(Server::builder().register(one).order(-1).register(wide));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("`the.same`"), "{found:?}");
    // By order, by group or by a filter they can all run.
    Server::builder().register(one).order(1).register(wide).build().unwrap();
    Server::builder().register(one).order(-1).register(wide).group(1).build().unwrap();
    Server::builder()
        .register(one)
        .order(-1)
        .filter(|_: &Client, _: &Packet| true)
        .register(wide)
        .build()
        .unwrap();
}

#[test]
fn places_are_those_of_the_functions() {
    let server = Server::builder().register(never_runs).register(other).build().unwrap();
    let infos: Vec<_> = server.handlers().collect();
    assert_eq!(infos.len(), 2);
    assert!(infos[0].file.ends_with("wiring.rs") && infos[0].line > 10);
    assert_eq!((infos[0].name.as_str(), infos[0].group), ("never_runs", 0));
    assert_eq!((infos[1].name.as_str(), infos[1].group), ("the.same", 1));
    assert_eq!(infos[0].filters, [r#"fields(a = "x", b)"#]);
}

/// Handlers of a module of its own, for `linked_in`.
mod linked {
    use asyncapy::prelude::*;

    #[handler(fields(a))]
    async fn of_the_module() -> serde_json::Value {
        json!({"from": "the module"})
    }

    pub(super) mod inner {
        use asyncapy::prelude::*;

        #[handler(fields(b))]
        pub(in super::super) async fn of_the_inner_one() -> serde_json::Value {
            json!({"from": "the inner one"})
        }
    }

    pub(super) const PATH: &str = module_path!();
}

/// A module whose name begins like another's.
mod linked_not {
    use asyncapy::prelude::*;

    #[handler(fields(c))]
    async fn of_another() {}
}

fn names(server: &Server) -> Vec<&str> {
    server.handlers().map(|info| info.name.as_str()).collect()
}

#[test]
fn linked_in_takes_a_module_and_those_inside_it() {
    let server = Server::builder().linked_in(linked::PATH).build().unwrap();
    assert_eq!(names(&server), ["of_the_module", "of_the_inner_one"]);
    // One that was registered by itself is not there twice.
    let server =
        Server::builder().register(linked::inner::of_the_inner_one).linked_in(linked::PATH).build().unwrap();
    assert_eq!(names(&server), ["of_the_module", "of_the_inner_one"]);
    let mistakes = mistakes(Server::builder().linked_in("no::such::module").build());
    assert!(mistakes[0].contains("no::such::module"), "{mistakes:?}");
}

#[test]
fn linked_takes_all_of_them_and_nothing_else_does() {
    // This binary's handlers are not meant to live together: the report says so, of all files.
    let error = Server::builder().linked().check().unwrap_err().to_string();
    assert!(error.contains("wiring.rs:") && error.contains("sessions.rs:"), "{error}");
    assert!(!error.contains("State<"), "states are the program's: {error}");
    assert_eq!(names(&Server::builder().build().unwrap()), Vec::<&str>::new());
}

mod checked {
    use super::*;

    asyncapy::check!(Server::builder().linked_in(linked::PATH).register(needs_state).state(1u16));
}

#[test]
fn a_link_order_decides_nothing() {
    let one_way =
        Server::builder().register(wide).register(other).register(never_runs).order(-1).build().unwrap();
    let other_way =
        Server::builder().register(never_runs).order(-1).register(other).register(wide).build().unwrap();
    assert_eq!(names(&one_way), names(&other_way));
    assert_eq!(names(&one_way), ["never_runs", "wide", "the.same"]);
}
