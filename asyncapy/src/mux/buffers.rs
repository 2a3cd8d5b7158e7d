use bytes::BytesMut;

/// A buffer to read into and one to write into, which a thread lends to whichever connection runs.
#[derive(Default)]
pub(crate) struct Buffers {
    input: BytesMut,
    output: BytesMut,
}

/// Buffers that grew beyond this for one large packet are given back to the allocator, in bytes.
const KEEP_AT_MOST: usize = 256 * 1024;

impl Buffers {
    /// Lends a buffer to read into to a connection that has none.
    pub(crate) fn lend_input(&mut self, input: &mut BytesMut) {
        if input.capacity() == 0 {
            *input = std::mem::take(&mut self.input);
        }
    }

    /// Lends a buffer to write into to a connection that has none.
    pub(crate) fn lend_output(&mut self, output: &mut BytesMut) {
        if output.capacity() == 0 {
            *output = std::mem::take(&mut self.output);
        }
    }

    /// Takes the buffers back that hold nothing, with room for `least` bytes in each.
    pub(crate) fn collect(&mut self, input: &mut BytesMut, output: &mut BytesMut, least: usize) {
        for (lent, kept) in [(input, &mut self.input), (output, &mut self.output)] {
            if lent.is_empty() && lent.capacity() > 0 {
                let mut buffer = std::mem::take(lent);
                // What was taken off the front comes back here, without a copy.
                buffer.reserve(least);
                if kept.capacity() == 0 && buffer.capacity() <= KEEP_AT_MOST {
                    *kept = buffer;
                }
            }
        }
    }
}
