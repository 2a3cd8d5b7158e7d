#![allow(unused)]
use asyncapy::prelude::*;

use std::rc::Rc;

#[handler]
async fn counted(client: Client) {
    let count = Rc::new(1);
    std::future::ready(()).await;
    drop(count);
}

fn main() {}
