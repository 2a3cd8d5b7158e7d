use asyncapy::wire::{Encoding, Framing};
use bytes::BytesMut;
use serde::{Deserialize, Serialize};

/// The packet that is sent and echoed: 71 bytes in JSON.
#[derive(Clone, Debug, asyncapy::Packet, Serialize, Deserialize)]
pub struct Order {
    pub id: u64,
    pub name: String,
    pub tags: Vec<String>,
}

impl Order {
    /// All orders are of one length in either encoding.
    pub fn numbered(number: u64) -> Self {
        let tags = ["red", "blue", "gold"].map(str::to_owned).to_vec();
        Self {
            id: 100_000_000 + number % 1_000 * 876_543,
            name: format!("operation-{:06}", number % 1_000),
            tags,
        }
    }

    pub fn payload(&self, encoding: Encoding) -> Vec<u8> {
        match encoding {
            Encoding::Json => serde_json::to_vec(self).unwrap(),
            _ => rmp_serde::to_vec_named(self).unwrap(),
        }
    }
}

/// A frame around a payload.
pub fn frame(encoding: Encoding, payload: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    let write = |out: &mut BytesMut| {
        out.extend_from_slice(payload);
        Ok::<_, asyncapy::wire::EncodeError>(())
    };
    Framing::default().encode(encoding, &mut out, write).unwrap();
    out.to_vec()
}
