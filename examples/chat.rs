//! A chat: handlers that speak to the clients of other sessions.
//!
//! `cargo run --example chat` lets three clients talk; with an address it serves until Ctrl-C.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use asyncapy::client;
use asyncapy::prelude::*;

/// Who is in the room. A client that has gone is forgotten when something is next said.
#[derive(Clone, Default)]
struct Room(Arc<Mutex<HashMap<String, Client>>>);

impl Room {
    /// Somebody comes in; false if the name is taken.
    fn enter(&self, name: &str, client: Client) -> bool {
        let mut members = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        members.retain(|_, member| member.is_open());
        let free = !members.contains_key(name);
        if free {
            members.insert(name.to_owned(), client);
        }
        free
    }

    /// The name by which a client came in, and everybody else.
    fn around(&self, client: &Client) -> Option<(String, Vec<Client>)> {
        let mut members = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        members.retain(|_, member| member.is_open());
        let name = members.iter().find(|(_, member)| *member == client).map(|(name, _)| name.clone())?;
        Some((name, members.values().filter(|member| *member != client).cloned().collect()))
    }
}

#[derive(Packet, Debug)]
struct Said {
    from: String,
    text: String,
}

#[derive(Failure)]
enum ChatError {
    #[failure(code = "ERR_NAME_TAKEN", field = "join")]
    NameTaken,
    #[failure(code = "ERR_NOT_IN_ROOM", message = "join first")]
    NotInRoom,
}

#[handler(fields(join = r"\w+$"))]
async fn join(
    client: Client,
    #[field] join: String,
    State(room): State<Room>,
) -> Result<serde_json::Value, ChatError> {
    if room.enter(&join, client) { Ok(json!({"joined": join})) } else { Err(ChatError::NameTaken) }
}

#[handler(fields(say))]
async fn say(
    client: Client,
    #[field] say: String,
    State(room): State<Room>,
) -> Result<serde_json::Value, ChatError> {
    let (from, others) = room.around(&client).ok_or(ChatError::NotInRoom)?;
    let said = Said { from, text: say };
    let mut heard = 0;
    for other in others {
        // One who reads too slowly misses it; nobody waits for him.
        heard += u32::from(other.try_send(&said).is_ok());
    }
    Ok(json!({"heard": heard}))
}

#[tokio::main]
async fn main() -> Result<()> {
    let server = Server::builder().register(join).register(say).state(Room::default());
    if let Some(address) = std::env::args().nth(1) {
        return server.build()?.serve(&address).await;
    }
    let running = server.listen("127.0.0.1:0").build()?.start().await?;
    let address = running.local_addr().expect("a TCP listener").to_string();

    let mut clients = Vec::new();
    for name in ["ann", "bob", "cid"] {
        let client = client::Client::connect(&address).await?;
        client.request(&json!({"join": name})).await?;
        clients.push((name, client));
    }
    let reply = clients[0].1.request(&json!({"say": "hello, room"})).await?;
    println!("ann was heard by {}", reply["heard"]);
    assert_eq!(reply["heard"], 2);
    for (name, client) in &clients[1..] {
        let said: Said = client.receive_typed().await?;
        println!("{name} hears {} say {:?}", said.from, said.text);
        assert_eq!(said.text, "hello, room");
    }
    running.shutdown().await?;
    Ok(())
}
