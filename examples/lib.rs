//! Runnable examples of asyncapy, a file each.
