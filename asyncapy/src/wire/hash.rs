/// A fast, unkeyed hash over words of eight bytes.
///
/// Each word is multiplied to twice its width and folded, so that every byte reaches the low bits that tables look at.
#[inline]
pub(super) fn hash(bytes: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |state: u64, word: u64| {
        let product = u128::from(state.rotate_left(5) ^ word) * u128::from(MULTIPLIER);
        product as u64 ^ (product >> 64) as u64
    };
    let mut state = bytes.len() as u64;
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk() {
        state = mix(state, u64::from_le_bytes(*word));
        rest = after;
    }
    if !rest.is_empty() {
        state = mix(state, rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)));
    }
    state
}

#[cfg(test)]
mod tests {
    use super::hash;
    use std::collections::HashSet;

    #[test]
    fn near_names_differ_in_the_low_bits() {
        let low = |name: String| hash(name.as_bytes()) & 0xffff;
        let hashes: HashSet<u64> = (0..1000).map(|number| low(format!("field_{number}"))).collect();
        assert!(hashes.len() > 950, "{}", hashes.len());
        assert_ne!(hash(b""), hash(b"\0"));
        assert_ne!(hash(b"a"), hash(b"a\0"));
    }
}
