//! The attribute and derive macros of asyncapy.
