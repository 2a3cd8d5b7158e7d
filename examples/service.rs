//! A service: one contract for both sides, an implementation with state, a typed client; and a server that calls its
//! clients.
//!
//! `cargo run --example service` runs a server and a client.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use asyncapy::client::RpcClient;
use asyncapy::prelude::*;
use asyncapy::rpc::CallError;

/// What can go wrong at a bank.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum BankError {
    NoAccount(u64),
    TooLittle { balance: u64 },
}

/// The contract.
#[service]
trait Bank {
    /// What is on an account.
    async fn balance(&self, id: u64) -> Result<u64, BankError>;

    /// Moves money, and gives what is left.
    async fn transfer(&self, from: u64, to: u64, amount: u64) -> Result<u64, BankError>;
}

/// One that keeps all in memory.
#[derive(Default)]
struct Ledger {
    accounts: Mutex<HashMap<u64, u64>>,
}

impl Bank for Ledger {
    async fn balance(&self, id: u64) -> Result<u64, BankError> {
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.get(&id).copied().ok_or(BankError::NoAccount(id))
    }

    async fn transfer(&self, from: u64, to: u64, amount: u64) -> Result<u64, BankError> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let balance = *accounts.get(&from).ok_or(BankError::NoAccount(from))?;
        let left = balance.checked_sub(amount).ok_or(BankError::TooLittle { balance })?;
        *accounts.get_mut(&to).ok_or(BankError::NoAccount(to))? += amount;
        accounts.insert(from, left);
        Ok(left)
    }
}

/// A type with methods is a service without a trait, too.
struct Greeter {
    greeting: String,
}

#[service]
impl Greeter {
    /// Greets the caller by the name that its own function gives.
    async fn greet(&self, caller: Peer) -> Result<String, Status> {
        let name: String = caller.call("name", ()).await?;
        Ok(format!("{}, {name}", self.greeting))
    }
}

/// What the client serves on its own connection.
#[rpc]
async fn name() -> String {
    "client".to_owned()
}

#[tokio::main]
async fn main() -> asyncapy::Result<()> {
    let ledger = Ledger { accounts: Mutex::new(HashMap::from([(1, 100), (2, 0)])) };
    // In process it is a value like any other.
    assert_eq!(ledger.balance(1).await, Ok(100));

    let running = Server::builder()
        .service(BankServer::new(ledger))
        .service(Greeter { greeting: "hello".to_owned() })
        .listen("127.0.0.1:0")
        .build()?
        .start()
        .await?;
    let address = running.local_addr().expect("a TCP listener").to_string();

    let client = RpcClient::builder().server(&address).register(name).connect().await?;
    let bank = BankClient::new(client.clone());
    assert_eq!(bank.transfer(1, 2, 30).await, Ok(70));
    assert_eq!(bank.balance(2).await, Ok(30));
    let refused = bank.transfer(1, 2, 1_000).await.expect_err("there is too little");
    println!("refused: {refused:?}");
    assert_eq!(refused, CallError::Function(BankError::TooLittle { balance: 70 }));

    let greeting = GreeterClient::new(client).greet().await?;
    println!("{greeting}");
    assert_eq!(greeting, "hello, client");
    running.shutdown().await?;
    Ok(())
}
