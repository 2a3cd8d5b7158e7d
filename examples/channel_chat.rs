//! A chat by channels: each member has one, whatever somebody says goes to all the others.
//!
//! `cargo run --example channel_chat` lets three members talk. With an address it serves until Ctrl-C, and
//! `asyncapy call ADDRESS chat --json '["ada"]'` joins in.

use asyncapy::client::RpcClient;
use asyncapy::prelude::*;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Said {
    from: String,
    text: String,
}

/// Everybody in the room hears what is said; who is slow misses the oldest.
type Room = broadcast::Sender<Said>;

/// Joins the chat under a name.
#[rpc]
async fn chat(name: String, channel: Channel<String, Said>, State(room): State<Room>) -> Result<u64, Status> {
    let mut heard = room.subscribe();
    let (sender, mut receiver) = channel.split();
    let mut said = 0;
    loop {
        tokio::select! {
            line = receiver.recv() => match line? {
                Some(text) => {
                    said += 1;
                    // Nobody else may be there.
                    let _ = room.send(Said { from: name.clone(), text });
                }
                // The member has left: how much was said is the result.
                None => return Ok(said),
            },
            line = heard.recv() => match line {
                Ok(line) if line.from != name => sender.send(line).await?,
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Ok(said),
            },
        }
    }
}

#[tokio::main]
async fn main() -> asyncapy::Result<()> {
    let room = Room::new(64);
    let server = Server::builder().register(chat).state(room.clone());
    if let Some(address) = std::env::args().nth(1) {
        return server.build()?.serve(&address).await;
    }
    let running = server.listen("127.0.0.1:0").build()?.start().await?;
    let address = running.local_addr().expect("a TCP listener").to_string();

    let client = RpcClient::connect([&address]).await?;
    let mut ada = chat::call(&client, "ada".to_owned()).await?;
    let mut bob = chat::call(&client, "bob".to_owned()).await?;
    let mut eve = chat::call(&client, "eve".to_owned()).await?;
    while room.receiver_count() < 3 {
        tokio::task::yield_now().await;
    }

    ada.send("hello".to_owned()).await?;
    for member in [&mut bob, &mut eve] {
        let line = member.recv().await?.expect("a line");
        println!("{}: {}", line.from, line.text);
        assert_eq!(line, Said { from: "ada".to_owned(), text: "hello".to_owned() });
    }
    bob.send("hello yourself".to_owned()).await?;
    assert_eq!(ada.recv().await?.map(|line| line.from).as_deref(), Some("bob"));

    ada.finish();
    assert_eq!(ada.result::<u64>().await?, 1);
    eve.finish();
    assert_eq!(eve.result::<u64>().await?, 0);
    drop(bob);
    running.shutdown().await?;
    Ok(())
}
