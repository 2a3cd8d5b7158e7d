//! A typed login: the packet's type says what a client must send, the error's type what it can be told.

use asyncapy::prelude::*;

#[derive(Packet)]
#[serde(deny_unknown_fields)]
struct Login {
    user: String,
    pin: u32,
    /// May be missing.
    device: Option<String>,
}

#[derive(Packet, Debug, PartialEq)]
struct Welcome {
    welcome: String,
}

#[derive(Failure)]
enum LoginError {
    #[failure(code = "ERR_BAD_PIN", message = "the pin is wrong", field = "pin")]
    BadPin,
}

/// `user` must begin with a letter: what the type cannot say, the filter does.
#[handler(fields(user = "[a-z]", pin, ..))]
async fn login(Typed(login): Typed<Login>) -> Result<Welcome, LoginError> {
    if login.pin != 1234 {
        return Err(LoginError::BadPin);
    }
    let device = login.device.as_deref().unwrap_or("an unknown device");
    Ok(Welcome { welcome: format!("{} on {device}", login.user) })
}

#[tokio::main]
async fn main() -> Result<()> {
    let client = Server::builder().register(login).build()?.test_client().await?;

    let welcome: Welcome = client.request_typed(&json!({"user": "ann", "pin": 1234})).await?;
    println!("{welcome:?}");
    assert_eq!(welcome.welcome, "ann on an unknown device");

    for (wrong, code) in [
        (json!({"user": "ann", "pin": 1}), "ERR_BAD_PIN"),
        (json!({"user": "ann", "pin": "1234"}), "ERR_FIELD_INVALID"),
        (json!({"user": "ann", "pin": 1234, "colour": "red"}), "ERR_FIELD_UNKNOWN"),
        (json!({"user": "007", "pin": 1234}), "ERR_NO_HANDLER"),
    ] {
        client.send(&wrong).await?;
        let reply = client.receive().await?;
        println!("{wrong} -> {reply}");
        assert_eq!(reply["error"], code);
    }
    Ok(())
}
