#![allow(unused)]
use asyncapy::prelude::*;

#[rpc(gruop = "math", timeout = "5 s", idempotent, idempotent)]
async fn one() {}

#[rpc(group = "", name = "a b", timeout = 0, doc = 5)]
async fn two() {}

#[rpc(private("loopbak", "identity:", 5), private)]
async fn three() {}

#[rpc(private())]
async fn four() {}

#[rpc(private = "unix", order = 3)]
async fn five() {}

#[rpc(name = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz")]
async fn six() {}

#[rpc(private(nobody))]
async fn seven() {}

fn main() {}
