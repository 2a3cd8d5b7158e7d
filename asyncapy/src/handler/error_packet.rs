//! Error packets, as protocol V2, rule 3 fixes their bytes.

use bytes::{BufMut, BytesMut};

use crate::error::Failure;
use crate::wire::{self, EncodeError, Encoding, Framing};

/// Appends the frame of a failure: `{"status": "failure", "error": CODE}`, then `message` and `field` where it has
/// them.
///
/// A header too small for the message (1 byte counts to 255) gets the code alone; one too small even for that gets
/// nothing, since there is no shorter error.
pub(crate) fn write(
    failure: &(impl Failure + ?Sized),
    framing: Framing,
    encoding: Encoding,
    out: &mut BytesMut,
) {
    let code = failure.code();
    let message = failure.message();
    let field = failure.field();
    let all = [
        ("status", Some("failure")),
        ("error", Some(code.as_str())),
        ("message", message.as_deref()),
        ("field", field.as_deref()),
    ];
    let written = frame(&all, framing, encoding, out).or_else(|_| frame(&all[..2], framing, encoding, out));
    if let Err(error) = written {
        tracing::error!(part = "Response handler", %error, "An error packet does not fit the header");
    }
}

fn frame(
    entries: &[(&str, Option<&str>)],
    framing: Framing,
    encoding: Encoding,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let entries = || entries.iter().filter_map(|&(name, text)| text.map(|text| (name, text)));
    framing.encode(encoding, out, |out| {
        match encoding {
            Encoding::Json => {
                for (at, (name, text)) in entries().enumerate() {
                    out.put_slice(if at == 0 { b"{" } else { b", " });
                    wire::write_json_string(name, out);
                    out.put_slice(b": ");
                    wire::write_json_string(text, out);
                }
                out.put_slice(b"}");
            }
            Encoding::ZiProto => {
                wire::write_ziproto_map_header(entries().count(), out);
                for (name, text) in entries() {
                    wire::write_ziproto_str(name, out);
                    wire::write_ziproto_str(text, out);
                }
            }
        }
        Ok(())
    })
}
