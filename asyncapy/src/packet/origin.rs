/// Where a packet came from: what its dispatch listens to.
///
/// The session implements it; a packet that a program made has no origin.
#[doc(hidden)]
pub trait Origin: Send + Sync {
    /// The groups that come next shall not see the packet with this number.
    fn stop_propagation(&self, packet: u64);
}
