//! The one PEM block that other readers of PEM do not know: `TSS2 PRIVATE KEY`, with lines of any
//! length, between whatever else is in the file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::key::tss2::Tss2Error;

const BEGIN: &[u8] = b"-----BEGIN TSS2 PRIVATE KEY-----";
const END: &[u8] = b"-----END TSS2 PRIVATE KEY-----";

/// Whether there is such a block.
pub(super) fn begins(text: &[u8]) -> bool {
    lines(text).any(|line| line == BEGIN)
}

/// What is in the first.
pub(super) fn first(text: &[u8]) -> Result<Vec<u8>, Tss2Error> {
    let mut lines = lines(text).skip_while(|line| *line != BEGIN);
    lines.next().ok_or(Tss2Error::None)?;
    let mut base64 = Vec::new();
    loop {
        match lines.next() {
            Some(line) if line == END => break,
            Some(line) => base64.extend_from_slice(line),
            None => return Err(Tss2Error::Pem),
        }
    }
    STANDARD.decode(base64).map_err(|_| Tss2Error::Pem)
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii)
}
