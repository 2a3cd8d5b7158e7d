#![allow(unused)]
use asyncapy::prelude::*;

#[handler(fields(user, pin = r"\d+", "odd-name", note))]
async fn login(
    #[field] user: String,
    #[field(name = "pin")] Pin(pin): Pin,
    #[field("odd-name")] odd: i64,
    #[field] mut note: Option<String>,
    #[field(default)] tries: u8,
    #[field(default = 5 * 60)] seconds: u64,
    #[field("names", default = vec![String::from("none")])] names: Vec<String>,
) {
    note.take();
    let _ = (user, pin, odd, tries, seconds, names);
}

#[derive(serde::Deserialize)]
struct Pin(u32);

fn main() {}
