use std::collections::HashMap;

use bytes::BytesMut;

use crate::wire::Framing;

/// How many targets one direction of a connection remembers by number (protocol V3, "OPEN").
pub(crate) const TARGETS: u16 = 1024;

/// The numbers that we have given to the names of functions: a name travels once.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    numbers: HashMap<Box<str>, u16>,
    /// What was called last: mostly it is called again.
    last: Option<(Box<str>, u16)>,
}

impl Targets {
    /// Appends an encoded OPEN to `out`, with the number of its target; with the name as well if that is new.
    pub(super) fn write(&mut self, framing: Framing, name: &str, frame: &mut BytesMut, out: &mut BytesMut) {
        if let Some(number) = self.number(name) {
            framing.set_target(frame, number);
            out.extend_from_slice(frame);
            return;
        }
        // 0 is never remembered: those beyond the table travel by name each time.
        let next = self.numbers.len() + 1;
        let number = if next < usize::from(TARGETS) { next as u16 } else { 0 };
        if number != 0 {
            self.numbers.insert(name.into(), number);
        }
        framing.set_target(frame, number);
        framing.append_named(frame, name, out);
    }

    fn number(&mut self, name: &str) -> Option<u16> {
        if let Some((last, number)) = &self.last
            && **last == *name
        {
            return Some(*number);
        }
        let (name, number) = self.numbers.get_key_value(name)?;
        self.last = Some((name.clone(), *number));
        Some(*number)
    }
}
