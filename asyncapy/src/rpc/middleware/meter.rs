use std::fmt;
use std::sync::Arc;

/// Who counts the bytes of a call that we make.
pub(crate) trait Meter: Send + Sync {
    /// The arguments are on their way; once more for each time that the call is made again.
    fn sent(&self, bytes: u64);

    /// An item of a server stream has come.
    fn received(&self, bytes: u64);
}

/// All who count the bytes of one call.
#[derive(Clone, Default)]
pub(crate) struct Meters(Vec<Arc<dyn Meter>>);

impl Meters {
    #[cfg(feature = "metrics")]
    pub(crate) fn add(&mut self, meter: Arc<dyn Meter>) {
        self.0.push(meter);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.0.iter().for_each(|meter| meter.sent(bytes as u64));
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.0.iter().for_each(|meter| meter.received(bytes as u64));
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Meters").field(&self.0.len()).finish()
    }
}
