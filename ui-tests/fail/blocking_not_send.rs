#![allow(unused)]
use asyncapy::prelude::*;

use std::rc::Rc;

#[derive(Packet)]
struct Welcome {
    name: Name,
}

#[derive(Serialize, Deserialize)]
#[serde(from = "String")]
struct Name(#[serde(skip)] Option<Rc<str>>);

impl From<String> for Name {
    fn from(name: String) -> Self {
        Name(Some(name.into()))
    }
}

#[handler]
fn welcome(client: Client) -> Option<Welcome> {
    None
}

fn main() {}
