#![allow(unused)]
use asyncapy::prelude::*;

struct Database;

#[handler(gruop = 1, fields(user = r"\w+(", pin, pin), ip = "10.0.0.1/8", timeout = "5 parsecs")]
async fn login(database: Database) -> Result<()> {
    Ok(())
}

fn main() {}
