//! Programs that must compile and programs that must not, with the messages a user reads.
