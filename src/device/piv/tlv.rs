//! The tags, lengths and values of ISO 7816-4 (BER-TLV) as far as PIV uses them: tags of one or two
//! bytes, lengths of up to three.

/// A value and its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tlv<'a> {
    pub(super) tag: u16,
    pub(super) value: &'a [u8],
}

/// Reads one after the other, as far as they are well-formed.
pub(super) fn each(mut bytes: &[u8]) -> impl Iterator<Item = Tlv<'_>> {
    std::iter::from_fn(move || {
        let (tlv, rest) = first(bytes)?;
        bytes = rest;
        Some(tlv)
    })
}

/// The value of the first one with that tag.
pub(super) fn value(bytes: &[u8], tag: u16) -> Option<&[u8]> {
    each(bytes).find(|tlv| tlv.tag == tag).map(|tlv| tlv.value)
}

/// One with that value; tags below 0x100 are of one byte.
pub(super) fn written(tag: u16, value: &[u8]) -> Vec<u8> {
    let [high, low] = tag.to_be_bytes();
    let mut out: Vec<u8> = [high, low].into_iter().skip_while(|byte| *byte == 0).collect();
    match u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes() {
        [0, short @ 0..=0x7f] => out.push(short),
        [0, long] => out.extend([0x81, long]),
        [high, low] => out.extend([0x82, high, low]),
    }
    out.extend(value);
    out
}

fn first(bytes: &[u8]) -> Option<(Tlv<'_>, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (tag, rest) = if tag & 0x1f == 0x1f {
        let (&second, rest) = rest.split_first()?;
        (u16::from_be_bytes([tag, second]), rest)
    } else {
        (tag.into(), rest)
    };
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x0f))?;
            (digits.iter().fold(0, |number, digit| number << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((Tlv { tag, value }, rest))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nested_values_are_found() {
        let inner = written(0x86, &[4; 65]);
        let outer = written(0x7f49, &inner);
        assert_eq!(outer[..4], [0x7f, 0x49, 67, 0x86]);
        assert_eq!(value(value(&outer, 0x7f49).expect("outer"), 0x86), Some(&[4; 65][..]));
        assert_eq!(value(&outer, 0x53), None);
    }

    #[test]
    fn a_length_that_is_wrong_ends_it() {
        for bytes in [
            &[][..],
            &[0x53],
            &[0x53, 2, 1],
            &[0x53, 0x81],
            &[0x53, 0x80],
            &[0x7f],
            &[0x53, 0x84, 0, 0, 0, 1, 9],
        ] {
            assert_eq!(each(bytes).count(), 0, "{bytes:02x?}");
        }
        assert_eq!(each(&[1, 1, 7, 2, 2, 0]).count(), 1, "what comes before is good");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(values in vec((prop_oneof![Just(0x53_u16), Just(0x7c), Just(0x7f49), 1_u16..0x1f], vec(any::<u8>(), 0..700)), 0..5)) {
            let bytes: Vec<u8> = values.iter().flat_map(|(tag, value)| written(*tag, value)).collect();
            let found: Vec<_> = each(&bytes).map(|tlv| (tlv.tag, tlv.value.to_vec())).collect();
            prop_assert_eq!(found, values);
        }

        #[test]
        fn any_bytes_end(bytes in vec(any::<u8>(), 0..400)) {
            let read: usize = each(&bytes).map(|tlv| tlv.value.len() + 2).sum();
            prop_assert!(read <= bytes.len());
        }
    }
}
