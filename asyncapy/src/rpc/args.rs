use bytes::BytesMut;
use serde::Serialize;

use crate::wire::{self, EncodeError, Encoding};

/// The arguments of a call, on their way out.
pub trait Arguments: Send {
    /// Appends them as a map by name or a list by position.
    ///
    /// # Errors
    /// One of them cannot be written.
    fn encode(&self, encoding: Encoding, out: &mut BytesMut) -> Result<(), EncodeError>;
}

/// Arguments by name, as typed stubs send them: the macros write it.
#[derive(Clone, Copy, Debug)]
pub struct Named<const COUNT: usize, T> {
    names: &'static [&'static str; COUNT],
    values: T,
}

impl<const COUNT: usize, T> Named<COUNT, T> {
    /// Arguments with these names, in order.
    pub const fn new(names: &'static [&'static str; COUNT], values: T) -> Self {
        Self { names, values }
    }
}

macro_rules! named {
    ($count:literal $($place:tt $value:ident)*) => {
        impl<$($value: Serialize + Send),*> Arguments for Named<$count, ($($value,)*)> {
            #[allow(unused_variables, reason = "no arguments, nothing to write")]
            fn encode(&self, encoding: Encoding, out: &mut BytesMut) -> Result<(), EncodeError> {
                open(encoding, $count, out);
                $(
                    key(encoding, $place, self.names[$place], out);
                    wire::encode(&self.values.$place, encoding, out)?;
                )*
                close(encoding, out);
                Ok(())
            }
        }
    };
}

fn open(encoding: Encoding, count: usize, out: &mut BytesMut) {
    match encoding {
        Encoding::Json => out.extend_from_slice(b"{"),
        Encoding::ZiProto => wire::write_ziproto_map_header(count, out),
    }
}

fn key(encoding: Encoding, place: usize, name: &str, out: &mut BytesMut) {
    match encoding {
        Encoding::Json => {
            if place > 0 {
                out.extend_from_slice(b",");
            }
            wire::write_json_string(name, out);
            out.extend_from_slice(b":");
        }
        Encoding::ZiProto => wire::write_ziproto_str(name, out),
    }
}

fn close(encoding: Encoding, out: &mut BytesMut) {
    if encoding == Encoding::Json {
        out.extend_from_slice(b"}");
    }
}

/// Nothing at all stands for no arguments.
impl Arguments for Named<0, ()> {
    fn encode(&self, _: Encoding, _: &mut BytesMut) -> Result<(), EncodeError> {
        Ok(())
    }
}

named!(1 0 A);
named!(2 0 A 1 B);
named!(3 0 A 1 B 2 C);
named!(4 0 A 1 B 2 C 3 D);
named!(5 0 A 1 B 2 C 3 D 4 E);
named!(6 0 A 1 B 2 C 3 D 4 E 5 F);
named!(7 0 A 1 B 2 C 3 D 4 E 5 F 6 G);
named!(8 0 A 1 B 2 C 3 D 4 E 5 F 6 G 7 H);
named!(9 0 A 1 B 2 C 3 D 4 E 5 F 6 G 7 H 8 I);
named!(10 0 A 1 B 2 C 3 D 4 E 5 F 6 G 7 H 8 I 9 J);
named!(11 0 A 1 B 2 C 3 D 4 E 5 F 6 G 7 H 8 I 9 J 10 K);
named!(12 0 A 1 B 2 C 3 D 4 E 5 F 6 G 7 H 8 I 9 J 10 K 11 L);

/// All arguments at once, in one struct: what the stub of a function that takes `Typed<T>` sends.
#[derive(Clone, Copy, Debug)]
pub struct Whole<T>(pub T);

impl<T: Serialize + Send> Arguments for Whole<T> {
    fn encode(&self, encoding: Encoding, out: &mut BytesMut) -> Result<(), EncodeError> {
        wire::encode(&self.0, encoding, out)
    }
}

/// Arguments, as a stub asks for them: only who calls must be able to write them, not who serves.
///
/// The caller's type is in it so that the compiler asks for no more than there is before there is a caller.
#[diagnostic::on_unimplemented(
    message = "the stub of this function cannot send its arguments",
    note = "derive serde's `Serialize` for each of them: whoever only serves the function has no need of it"
)]
pub trait SentBy<C> {
    /// Itself.
    type Sent: Arguments;

    /// Itself.
    fn sent(self) -> Self::Sent;
}

impl<A: Arguments, C> SentBy<C> for A {
    type Sent = A;

    fn sent(self) -> A {
        self
    }
}

/// Arguments that were written when the call was made: what a call by name has.
#[derive(Clone, Debug)]
pub struct Written {
    payload: Result<BytesMut, EncodeError>,
    encoding: Encoding,
}

impl Written {
    /// Writes a map or a struct (by name), a tuple or a list (by position), or `()` for no arguments.
    pub(crate) fn new(arguments: &impl Serialize, encoding: Encoding) -> Self {
        let mut payload = BytesMut::new();
        let written =
            wire::encode(arguments, encoding, &mut payload).and_then(|()| shaped(&mut payload, encoding));
        Self { payload: written.map(|()| payload), encoding }
    }
}

/// `()` is no arguments; a lone value is none either, but a mistake.
pub(super) fn shaped(payload: &mut BytesMut, encoding: Encoding) -> Result<(), EncodeError> {
    let good = match (encoding, payload.first()) {
        (Encoding::Json, Some(b'{' | b'[')) => true,
        (Encoding::ZiProto, Some(0x80..=0x9f | 0xdc..=0xdf)) => true,
        (Encoding::Json, Some(b'n')) | (Encoding::ZiProto, Some(0xc0)) => {
            payload.clear();
            true
        }
        _ => false,
    };
    if good {
        return Ok(());
    }
    Err(EncodeError::new(
        "arguments are a tuple, a list, a map or a struct: one argument alone is `(value,)`",
    ))
}

impl Arguments for Written {
    fn encode(&self, encoding: Encoding, out: &mut BytesMut) -> Result<(), EncodeError> {
        let payload = self.payload.as_ref().map_err(Clone::clone)?;
        if encoding == self.encoding || payload.is_empty() {
            out.extend_from_slice(payload);
            return Ok(());
        }
        wire::transcode(payload, self.encoding, encoding, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_make_a_map() {
        let mut out = BytesMut::new();
        Named::new(&["a", "b"], (1, "x")).encode(Encoding::Json, &mut out).unwrap();
        assert_eq!(&out[..], br#"{"a":1,"b":"x"}"#);
        out.clear();
        Named::new(&["a"], (1,)).encode(Encoding::ZiProto, &mut out).unwrap();
        assert_eq!(&out[..], b"\x81\xa1a\x01");
        out.clear();
        Named::new(&[], ()).encode(Encoding::Json, &mut out).unwrap();
        assert!(out.is_empty());
    }

    #[test]
    fn arguments_by_hand_are_a_list_or_a_map() {
        let written = |arguments: &dyn erased::Any, out: &mut BytesMut| arguments.write(out);
        let mut out = BytesMut::new();
        written(&(1, 2), &mut out).unwrap();
        assert_eq!(&out[..], b"[1,2]");
        out.clear();
        written(&(), &mut out).unwrap();
        assert!(out.is_empty());
        assert!(written(&5, &mut out).unwrap_err().to_string().contains("(value,)"));
    }

    mod erased {
        use super::*;

        pub(super) trait Any {
            fn write(&self, out: &mut BytesMut) -> Result<(), EncodeError>;
        }

        impl<T: Serialize> Any for T {
            fn write(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
                Written::new(self, Encoding::Json).encode(Encoding::Json, out)
            }
        }
    }
}
