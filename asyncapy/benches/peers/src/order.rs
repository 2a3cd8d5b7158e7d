//! What is sent.

use serde::{Deserialize, Serialize};

/// The payload that every system echoes.
#[derive(Clone, PartialEq, Serialize, Deserialize, prost::Message)]
pub struct Order {
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// 16 bytes.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Three.
    #[prost(string, repeated, tag = "3")]
    pub tags: Vec<String>,
}

impl Order {
    /// All orders are of one length in whatever encoding.
    pub fn numbered(number: u64) -> Self {
        Self {
            id: 100_000_000 + number % 100_000_000,
            name: "operation-000007".to_owned(),
            tags: ["red", "blue", "gold"].map(str::to_owned).to_vec(),
        }
    }

    /// What a stream's item counts as in bytes per second: the content, without any encoding.
    pub fn size(&self) -> usize {
        size_of::<u64>() + self.name.len() + self.tags.iter().map(String::len).sum::<usize>()
    }
}

/// The length of a stream's raw items, in bytes.
pub const BLOB: usize = 16 * 1024;
