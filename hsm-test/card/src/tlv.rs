//! Tag, length and value, as PIV data (BER-TLV, SP 800-73-4) and certificates (DER) have them.

/// One element: its tag, of one or two bytes, and its value.
pub type Element<'a> = (u16, &'a [u8]);

/// Reads the first element; the bytes after it come second. `None` where there is no whole one.
pub fn first(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (tag, rest) = match bytes {
        [hi, lo, rest @ ..] if hi & 0x1F == 0x1F => (u16::from_be_bytes([*hi, *lo]), rest),
        [tag, rest @ ..] => (u16::from(*tag), rest),
        [] => return None,
    };
    let (length, rest) = match rest {
        [0x81, length, rest @ ..] => (usize::from(*length), rest),
        [0x82, hi, lo, rest @ ..] => (usize::from(u16::from_be_bytes([*hi, *lo])), rest),
        [length @ 0..=0x7F, rest @ ..] => (usize::from(*length), rest),
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some(((tag, value), rest))
}

/// Reads all elements; `None` when they do not end where the bytes do.
pub fn all(mut bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut elements = Vec::new();
    while !bytes.is_empty() {
        let (element, rest) = first(bytes)?;
        elements.push(element);
        bytes = rest;
    }
    Some(elements)
}

/// The value of the first element with that tag.
pub fn value<'a>(elements: &[Element<'a>], tag: u16) -> Option<&'a [u8]> {
    elements.iter().find(|(this, _)| *this == tag).map(|(_, value)| *value)
}

/// Reads an element that must be alone and have that tag, and gives its value.
pub fn only(bytes: &[u8], tag: u16) -> Option<&[u8]> {
    first(bytes).and_then(|((this, value), rest)| (this == tag && rest.is_empty()).then_some(value))
}

/// Writes an element; its value is that of the parts one after another, at most 65,535 bytes.
pub fn element(tag: u16, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let mut bytes = tag.to_be_bytes()[usize::from(tag < 0x100)..].to_vec();
    match u16::try_from(value.len()).expect("no value of the lab is longer").to_be_bytes() {
        [0, length @ 0..=0x7F] => bytes.push(length),
        [0, length] => bytes.extend([0x81, length]),
        [hi, lo] => bytes.extend([0x82, hi, lo]),
    }
    bytes.extend(value);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 127, 128, 255, 256, 3000] {
            let value = vec![5; length];
            for tag in [0x53, 0x7F49] {
                assert_eq!(first(&element(tag, &[&value])), Some(((tag, &value[..]), &[][..])));
            }
        }
    }

    #[test]
    fn a_cut_element_is_none() {
        let whole = element(0x7F49, &[&[1; 300]]);
        assert!((0..whole.len()).all(|length| first(&whole[..length]).is_none()));
    }

    #[test]
    fn all_elements_are_found_by_tag() {
        let bytes = [element(0x80, &[&[0x11]]), element(0xAA, &[&[3]])].concat();
        let elements = all(&bytes).expect("two elements");
        assert_eq!(value(&elements, 0xAA), Some(&[3][..]));
        assert_eq!(value(&elements, 0xAB), None);
        assert_eq!(all(&bytes[..5]), None);
    }
}
