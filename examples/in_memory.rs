//! Testing handlers without a socket: `cargo test --example in_memory`, or run it.

use asyncapy::prelude::*;

#[derive(Packet, Debug, PartialEq)]
struct Sum {
    sum: i64,
}

#[handler(fields(a, b))]
async fn add(#[field] a: i64, #[field] b: i64) -> Sum {
    Sum { sum: a + b }
}

// The whole wiring of this program, as a test.
asyncapy::check!();

async fn adds() -> Result<()> {
    // The function itself is an ordinary function.
    assert_eq!(add(1, 2).await, Sum { sum: 3 });

    // With filters, extractors and bytes around it.
    let client = Server::builder().linked().build()?.test_client().await?;
    let sum: Sum = client.request_typed(&json!({"a": 20, "b": 22})).await?;
    assert_eq!(sum, Sum { sum: 42 });

    client.send(&json!({"a": 20, "b": "x"})).await?;
    let reply = client.receive().await?;
    assert_eq!((&reply["error"], &reply["field"]), (&json!("ERR_FIELD_INVALID"), &json!("b")));
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    adds().await?;
    println!("handlers behave");
    Ok(())
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn adds() {
        super::adds().await.unwrap();
    }
}
