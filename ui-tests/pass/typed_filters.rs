use asyncapy::prelude::*;

/// Every name of the table: renamed, an alias, one that is a keyword, one that is no identifier.
#[derive(Packet)]
struct Login {
    #[serde(rename = "userName", alias = "user_name")]
    user: String,
    pin: u32,
    r#type: Option<bool>,
    #[serde(rename = "odd-name", default)]
    odd: u8,
}

#[handler(fields(userName = r"\w+", pin = r"\d{4}", r#type = "t|n", "odd-name"))]
async fn login(Typed(login): Typed<Login>) -> Login {
    login
}

#[handler(order = 1, fields(user_name, pin, ..))]
async fn by_alias(login: Typed<Login>) {
    drop(login);
}

/// A field that another argument takes need not be the type's.
#[handler(order = 2, fields(userName, pin, kind = "login"))]
async fn routed(Typed(login): Typed<Login>, #[field] kind: String) {
    drop((login, kind));
}

/// A type that does not know all of its fields lets any be named.
#[derive(Packet, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Shape {
    Circle { radius: f64 },
    Square { side: f64 },
}

#[handler(group = 1, fields(kind = "Circle|Square", radius, "odd-name", ..))]
async fn draw(Typed(shape): Typed<Shape>) -> Shape {
    shape
}

fn main() {}
