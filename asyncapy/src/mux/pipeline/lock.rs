/// Where one direction of a connection stands with its sealing.
pub(super) enum Lock<T> {
    /// Nothing is sealed.
    Off,
    /// All must be sealed; there are no keys yet.
    Waiting,
    /// All must be sealed, with this.
    On(T),
}

impl<T> Lock<T> {
    pub(super) fn new(sealed: bool) -> Self {
        if sealed { Lock::Waiting } else { Lock::Off }
    }

    pub(super) fn is_off(&self) -> bool {
        matches!(self, Lock::Off)
    }
}
