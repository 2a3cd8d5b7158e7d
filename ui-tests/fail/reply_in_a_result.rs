#![allow(unused)]
use asyncapy::prelude::*;

struct Report;

#[handler]
async fn report() -> Result<Report> {
    Ok(Report)
}

#[handler]
async fn stopped(#[field] user: String) -> Option<(Report, Stop)> {
    None
}

fn main() {}
