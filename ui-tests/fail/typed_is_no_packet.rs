#![allow(unused)]
use asyncapy::prelude::*;

struct Login {
    user: String,
}

#[handler(fields(user))]
async fn login(login: Typed<Login>) {}

fn main() {}
