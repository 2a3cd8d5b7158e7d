#![allow(unused)]
use asyncapy::prelude::*;

struct Report;

#[handler]
async fn report(client: Client) -> Report {
    Report
}

#[handler]
fn blocking(client: Client) -> Result<Report> {
    Ok(Report)
}

fn main() {}
