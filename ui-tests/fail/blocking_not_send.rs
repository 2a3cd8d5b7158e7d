#![allow(unused)]
use asyncapy::prelude::*;

use std::rc::Rc;

#[handler]
fn counted(client: Client) -> Option<Rc<()>> {
    None
}

fn main() {}
