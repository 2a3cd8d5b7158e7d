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

fn main() {}
