//! Streams: items that a function gives one by one, and items that it takes.
//!
//! `cargo run --example streams` runs a server and a client.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use asyncapy::client::RpcClient;
use asyncapy::prelude::*;

/// Counts the items that were made, to show how few more there are than were taken.
static MADE: AtomicU64 = AtomicU64::new(0);

/// Numbers, as many as are wanted.
#[rpc]
async fn numbers() -> Streaming<impl Stream<Item = u64>> {
    Streaming::iter((0..).inspect(|_| {
        MADE.fetch_add(1, Ordering::Relaxed);
    }))
}

/// What an async closure sends, until it fails.
#[rpc]
async fn countdown(from: u32) -> Streaming<impl Stream<Item = Result<u32, Code>>> {
    Streaming::produce(async move |sink| {
        for number in (0..=from).rev() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            sink.send(if number == 0 { Err(Code::custom("ERR_LIFT_OFF")) } else { Ok(number) }).await;
        }
    })
}

/// Takes numbers and gives their average.
#[rpc]
async fn average(mut numbers: Channel<f64>) -> Result<Option<f64>, Status> {
    let (mut sum, mut count) = (0.0, 0u32);
    while let Some(number) = numbers.recv().await? {
        sum += number;
        count += 1;
    }
    Ok((count > 0).then(|| sum / f64::from(count)))
}

#[tokio::main]
async fn main() -> asyncapy::Result<()> {
    let server = Server::builder().register(numbers).register(countdown).register(average);
    let running = server.listen("127.0.0.1:0").build()?.start().await?;
    let address = running.local_addr().expect("a TCP listener").to_string();
    let client = RpcClient::connect([&address]).await?;

    let mut items = numbers::call(&client).await?;
    let mut taken = 0;
    while let Some(number) = items.next().await {
        assert_eq!(number?, taken);
        taken += 1;
        if taken == 1_000 {
            break;
        }
    }
    // Dropped early, the stream ends where it waits: nothing was made for nobody.
    drop(items);
    println!("{taken} numbers taken of {} that were made", MADE.load(Ordering::Relaxed));

    let mut items = countdown::call(&client, 3).await?;
    let end = loop {
        match items.next().await {
            Some(Ok(number)) => println!("{number}"),
            Some(Err(status)) => break status,
            None => panic!("the stream ends by an error"),
        }
    };
    println!("{end}");
    assert_eq!(end.code, Code::custom("ERR_LIFT_OFF"));

    let channel = average::call(&client).await?;
    for number in [1.0, 2.0, 6.0] {
        channel.send(number).await?;
    }
    channel.finish();
    assert_eq!(channel.result::<Option<f64>>().await?, Some(3.0));

    running.shutdown().await?;
    Ok(())
}
