//! The behaviour tests of asyncapy, one file a behaviour, in one binary.

mod layers;
