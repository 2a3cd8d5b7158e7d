#![deny(warnings, missing_docs, unused, unused_qualifications, missing_debug_implementations, unreachable_pub)]
//! A trait and an impl are services; nothing that the macro writes is found fault with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use asyncapy::prelude::*;
use asyncapy::rpc::{Peer, Service, Status};

/// Why there is no balance.
#[derive(Debug, Failure, Serialize, Deserialize)]
pub enum BankError {
    /// Nobody has this account.
    NoAccount,
}

/// A bank, wherever it is.
#[service(timeout = "3s")]
pub trait Bank {
    /// What is there.
    async fn balance(&self, id: u64) -> Result<u64, BankError>;

    /// Runs on the blocking pool.
    fn interest(&self, #[default = 1.5] rate: f64) -> f64;

    /// Has a body of its own.
    #[rpc(name = "greeting", idempotent, private)]
    async fn greet(&self, client: Client, name: Option<String>) -> String {
        let name = name.unwrap_or_else(|| client.address().to_string());
        format!("Hello, {name}")
    }

    /// Borrows from the bank.
    async fn accounts(&self, from: u64) -> Streaming<impl Stream<Item = u64>>;

    /// May fail before or while it streams.
    async fn history(&self) -> Result<Streaming<impl Stream<Item = Result<String, Code>>>, BankError>;

    /// Gathers what comes.
    async fn deposit(&self, id: u64, mut channel: Channel<u64>) -> Result<u64, Status> {
        let mut sum = id;
        while let Some(amount) = channel.recv().await? {
            sum += amount;
        }
        Ok(sum)
    }

    /// Not for callers.
    #[rpc(skip)]
    fn secret(&self) -> &str {
        "secret"
    }

    /// No method.
    fn new() -> Self
    where
        Self: Sized;
}

struct Small {
    accounts: Vec<u64>,
}

impl Bank for Small {
    async fn balance(&self, id: u64) -> Result<u64, BankError> {
        self.accounts.get(id as usize).copied().ok_or(BankError::NoAccount)
    }

    fn interest(&self, rate: f64) -> f64 {
        rate * self.accounts.iter().sum::<u64>() as f64
    }

    async fn accounts(&self, from: u64) -> Streaming<impl Stream<Item = u64>> {
        Streaming::iter(self.accounts.iter().copied().skip(from as usize))
    }

    async fn history(&self) -> Result<Streaming<impl Stream<Item = Result<String, Code>>>, BankError> {
        Ok(Streaming::iter([Ok("opened".to_owned())]))
    }

    fn new() -> Self {
        Small { accounts: vec![1, 2] }
    }
}

/// Counts.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

#[service]
impl Counter {
    /// A new one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds and gives the sum.
    pub async fn add(&self, n: u64) -> u64 {
        self.0.fetch_add(n, Ordering::Relaxed) + n
    }

    async fn count(&self) -> Streaming<impl Stream<Item = u64>> {
        Streaming::iter(0..self.0.load(Ordering::Relaxed))
    }

    /// For those who still know it.
    #[deprecated]
    pub async fn old(&self) {}

    /// In blocking code.
    pub fn get(&self) -> u64 {
        self.hidden()
    }

    #[rpc(skip)]
    fn hidden(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn main() {
    let bank = Arc::new(Small::new());
    assert_eq!(bank.secret(), "secret");
    let names: Vec<_> = Arc::new(BankServer::from(bank)).methods().iter().map(|method| format!("{method:?}")).collect();
    assert_eq!(names.len(), 6);
    assert!(names.contains(&"Method(\"bank.greeting\")".to_owned()), "{names:?}");
    let _ = BankServer::new(Small::new());
    assert_eq!(Arc::new(Counter::new()).methods().len(), 4);
}

/// Nobody calls it: that it compiles is enough.
#[allow(dead_code, reason = "it is compiled alone")]
async fn calls(peer: Peer) -> Result<(), Status> {
    let bank = BankClient::new(peer.clone());
    let _: u64 = bank.balance(7).await.unwrap();
    let _: f64 = bank.interest(1.0).await?;
    let _: String = bank.greet(None).timeout(std::time::Duration::from_secs(1)).await?;
    let mut accounts = bank.accounts(0).await?;
    let _: Option<Result<u64, Status>> = accounts.next().await;
    let _: Option<Result<String, Status>> = bank.history().await?.next().await;
    bank.deposit(1).await?.send(5).await?;
    let _: u64 = CounterClient::new(peer).add(1).await?;
    Ok(())
}
