#![allow(unused)]
use asyncapy::prelude::*;

#[derive(Packet, Serialize, Deserialize)]
enum Shape {
    Point,
    Circle { radius: f64 },
}

fn main() {}
