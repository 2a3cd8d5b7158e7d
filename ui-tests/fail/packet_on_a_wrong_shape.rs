#![allow(unused)]
use asyncapy::prelude::*;

#[derive(Packet)]
struct Pair(u32, u32);

#[derive(Packet)]
struct Nothing;

#[derive(Packet)]
enum Never {}

#[derive(Packet)]
struct Borrowed<'a> {
    user: &'a str,
}

fn main() {}
