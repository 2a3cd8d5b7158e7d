//! The contestants, one a file.

pub mod asyncapy;
pub mod by_hand;
pub mod jsonrpsee;
pub mod tarpc;
pub mod tonic;

use crate::system::System;

/// In the order of the tables. Ratios are to the one that is called as [`crate::table::BASE`] says.
pub const ALL: &[System] = &[
    asyncapy::SYSTEM,
    tarpc::SYSTEM,
    tonic::SYSTEM,
    jsonrpsee::SYSTEM,
    by_hand::tasks::SYSTEM,
    by_hand::tasks::GATHERING,
    by_hand::raw::SYSTEM,
];
