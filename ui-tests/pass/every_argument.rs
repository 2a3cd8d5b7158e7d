use asyncapy::prelude::*;

mod security {
    use super::*;
    pub static KEYS: ApiKeys = ApiKeys::new();
    pub static ALLOWED: Ip = Ip;
}

#[handler(
    group = -1,
    order = 2,
    fields(user = r"\w+", pin, "odd-name" = "x", r#type, ..),
    ip = ["127.0.0.1", "10.0.0.0/8", "::1"],
    api_key(field = "key", keys = security::KEYS),
    filter = security::ALLOWED,
    timeout = "500ms",
    name = "users.login",
    crate = asyncapy,
)]
async fn login(client: Client) {}

const EARLY: i32 = -5;

#[handler(group = EARLY, ip = "::1", api_key(field = "key"), filter = Ip, timeout = 5, crate = "::asyncapy")]
async fn logout(client: Client) {}

#[handler()]
async fn nothing() {}

fn main() {}
