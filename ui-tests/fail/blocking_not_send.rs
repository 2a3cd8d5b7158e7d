#![allow(unused)]
use asyncapy::prelude::*;

use std::rc::Rc;

use asyncapy::handler::{Flow, IntoReply, Reply};

struct Shared(Rc<str>);

impl IntoReply for Shared {
    fn into_reply(self, reply: &mut Reply<'_>) -> Flow {
        Flow::Continue
    }
}

#[handler]
fn shared(client: Client) -> Shared {
    Shared(Rc::from("ann"))
}

fn main() {}
