#![allow(unused)]
use asyncapy::prelude::*;

macro_rules! handlers {
    ($($name:ident: $argument:ident as $type:ty => $group:literal, $pattern:literal;)*) => {
        $(
            #[handler(group = $group, fields(user = $pattern, ..))]
            async fn $name($argument: $type) {}
        )*
    };
}

handlers! {
    first: client as Client => 1, "a";
    second: packet as Packet => -1, r"\w+";
}

macro_rules! functions {
    ($($name:ident($argument:ident: $type:ty = $default:expr) -> $output:ty, $group:literal;)*) => {
        $(
            #[rpc(group = $group)]
            async fn $name(#[default = $default] $argument: $type) -> $output {
                $argument.into()
            }
        )*
    };
}

functions! {
    third(number: u32 = 5) -> u64, "a";
    fourth(number: u32 = 1 + 1) -> i64, "b";
}

macro_rules! services {
    ($name:ident { $($method:ident($argument:ident: $type:ty) -> $output:ty;)* }) => {
        #[service]
        trait $name {
            $(async fn $method(&self, $argument: $type) -> $output;)*
        }
    };
}

services!(Bank {
    balance(id: u32) -> u64;
    history(id: u32) -> Streaming<impl Stream<Item = u32>>;
});

fn main() {}
