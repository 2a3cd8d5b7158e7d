//! Functions that are called: by their typed stubs, by name, with errors that are types.
//!
//! `cargo run --example calls` runs a server and a client. With an address it serves until Ctrl-C, and
//! `asyncapy call ADDRESS --list` shows what there is.

use std::fmt;
use std::time::Duration;

use asyncapy::client::RpcClient;
use asyncapy::prelude::*;
use asyncapy::rpc::{CallError, Description, FUNCTIONS};

/// Adds two numbers.
#[rpc(group = "math", idempotent)]
async fn sum(a: i64, b: i64) -> i64 {
    a + b
}

/// Why there is no quotient. The caller gets it back as it is, not as a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum DivisionError {
    ByZero { dividend: i64 },
}

impl fmt::Display for DivisionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::ByZero { dividend } = self;
        write!(f, "{dividend} cannot be divided by zero")
    }
}

/// Divides, with a precision of so many digits.
#[rpc(group = "math", idempotent)]
async fn divide(a: i64, b: i64, #[default = 2] digits: u32) -> Result<String, DivisionError> {
    if b == 0 {
        return Err(DivisionError::ByZero { dividend: a });
    }
    Ok(format!("{:.*}", digits as usize, a as f64 / b as f64))
}

/// Counts primes below a bound. A plain function: it runs where it holds nobody up.
#[rpc(group = "math", timeout = "5s")]
fn primes(below: u32) -> usize {
    (2..below).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0)).count()
}

/// Never ends by itself.
#[rpc]
async fn forever() {
    std::future::pending::<()>().await;
}

#[tokio::main]
async fn main() -> asyncapy::Result<()> {
    let server = Server::builder().register(sum).register(divide).register(primes).register(forever);
    if let Some(address) = std::env::args().nth(1) {
        return server.build()?.serve(&address).await;
    }
    let running = server.listen("127.0.0.1:0").build()?.start().await?;
    let address = running.local_addr().expect("a TCP listener").to_string();
    let client = RpcClient::connect([&address]).await?;

    // A function that is linked here: its stub knows its types.
    assert_eq!(sum::call(&client, 20, 22).await?, 42);
    // Any function, by name: arguments by place or by name.
    assert_eq!(client.call::<i64>("math.sum", (20, 22)).await?, 42);
    assert_eq!(client.call::<i64>("math.sum", json!({"b": 22, "a": 20})).await?, 42);
    assert_eq!(client.call::<String>("math.divide", (1, 3)).await?, "0.33");
    assert_eq!(primes::call(&client, 1_000).await?, 168);

    match divide::call(&client, 1, 0, 2).await {
        Err(CallError::Function(error)) => println!("no quotient: {error}"),
        other => panic!("not what was expected: {other:?}"),
    }
    let status =
        client.call::<i64>("math.sum", json!({"a": 20, "b": "many"})).await.expect_err("it is refused");
    println!("refused: {status}");
    assert_eq!((status.code, status.field.as_deref()), (Code::FieldInvalid, Some("b")));
    // Calls of one client run side by side.
    let (one, other) = tokio::join!(sum::call(&client, 1, 1), sum::call(&client, 2, 2));
    assert_eq!((one?, other?), (2, 4));
    // A deadline travels along: the function is dropped where it waits.
    let late = forever::call(&client).timeout(Duration::from_millis(50)).await.expect_err("it is refused");
    assert_eq!(late.code, Code::DeadlineExceeded);

    for function in client.call::<Vec<Description>>(FUNCTIONS, ()).await? {
        println!("{function}");
    }
    client.stop(Duration::from_secs(1)).await;
    running.shutdown().await?;
    Ok(())
}
