use super::{Encoding, Index, Value};
use std::borrow::Cow;

/// An indexed payload: its bytes, its encoding, and where its fields lie. `Copy`.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    payload: &'a [u8],
    encoding: Encoding,
    index: &'a Index,
}

impl<'a> View<'a> {
    /// A view of a payload and the index that was built from it.
    pub fn new(payload: &'a [u8], encoding: Encoding, index: &'a Index) -> Self {
        Self { payload, encoding, index }
    }
    /// The payload's bytes.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }
    /// The payload's encoding.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }
    /// How many fields there are, repeated ones counted each.
    pub fn len(&self) -> usize {
        self.index.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }
    /// The `position`-th field's name and value. Panics beyond [`len`](Self::len).
    pub fn key(&self, position: usize) -> Cow<'a, str> {
        let _ = position;
        todo!()
    }
    /// The `position`-th field's value.
    pub fn value(&self, position: usize) -> Value<'a> {
        let _ = position;
        todo!()
    }
    /// Whether the `position`-th field's name is `name`; no allocation.
    pub fn key_is(&self, position: usize, name: &str) -> bool {
        let _ = (position, name);
        todo!()
    }
    /// A fast, unkeyed hash of the `position`-th field's name as text; equals [`View::hash_name`] of that text.
    pub fn key_hash(&self, position: usize) -> u64 {
        let _ = position;
        todo!()
    }
    /// The hash of a name.
    pub fn hash_name(name: &str) -> u64 {
        let _ = name;
        todo!()
    }
    /// The field `name`; the last, where it stands more than once, as a Python dict has it.
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        let _ = name;
        todo!()
    }
    /// The field `name`, with whether it stands more than once.
    pub fn get_unique(&self, name: &str) -> Result<Option<Value<'a>>, Value<'a>> {
        let _ = name;
        todo!()
    }
}
