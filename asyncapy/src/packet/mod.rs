//! A packet: its bytes and a lazy index of its fields; typed packets.

mod origin;
mod packet;

pub use origin::Origin;
pub use packet::Packet;
