#![allow(unused)]
use asyncapy::prelude::*;

#[derive(Failure)]
enum LoginError {
    #[failure(cdoe = "ERR_BAD_PIN")]
    BadPin,
    #[failure(message = "no user {nmae}")]
    NoUser { name: String },
    #[failure(transparent)]
    Two(asyncapy::Error, asyncapy::Error),
}

fn main() {}
