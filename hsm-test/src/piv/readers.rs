//! What pcscd tells its clients about its readers, asked over its socket as libpcsclite does (winscard_msg.h of
//! pcsc-lite 1.9): nothing has to be linked or started for it, and no card is touched.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// The codes of two messages.
const VERSION: u32 = 0x11;
const READER_STATES: u32 = 0x12;
/// The version of the protocol, 4.4, that later ones understand too, and a return code.
const OURS: [u32; 3] = [4, 4, 0];
/// There is room for so many readers, and each takes so many octets.
const READERS: usize = 16;
const READER: usize = 184;
/// Where in there the fields begin, after the name.
const STATE: usize = 132;
const SHARING: usize = 136;
const ATR: usize = 140;
const ATR_LENGTH: usize = 176;
/// Of the state: there is a card.
const PRESENT: u32 = 4;

/// A reader, and what is in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reader {
    /// Its name, with the numbers of reader and slot at its end.
    pub name: String,
    /// The ATR of the card, if there is one; empty if it gave none.
    pub card: Option<Vec<u8>>,
    /// Who is connected to the card.
    pub sharing: Sharing,
}

/// How a card is shared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sharing {
    /// One client has it for itself.
    Exclusive,
    /// So many clients are connected.
    Shared(u32),
}

/// All readers of the pcscd at that socket, empty ones too.
pub(super) fn ask(socket: &Path) -> io::Result<Vec<Reader>> {
    let mut pcscd = UnixStream::connect(socket)?;
    pcscd.set_read_timeout(Some(Duration::from_secs(10)))?;
    send(&mut pcscd, VERSION, &OURS)?;
    pcscd.read_exact(&mut [0; size_of::<[u32; 3]>()])?;
    send(&mut pcscd, READER_STATES, &[])?;
    let mut states = [0; READERS * READER];
    pcscd.read_exact(&mut states)?;
    let used = states.chunks(READER).filter(|state| state[0] != 0);
    Ok(used.map(Reader::parse).collect())
}

impl Reader {
    fn parse(state: &[u8]) -> Self {
        let name = state.split(|octet| *octet == 0).next().unwrap_or_default();
        let length = number(state, ATR_LENGTH) as usize;
        let present = number(state, STATE) & PRESENT != 0;
        Self {
            name: String::from_utf8_lossy(name).into_owned(),
            card: present.then(|| state[ATR..ATR + length].to_vec()),
            sharing: match number(state, SHARING) {
                u32::MAX => Sharing::Exclusive,
                clients => Sharing::Shared(clients),
            },
        }
    }
}

fn send(pcscd: &mut UnixStream, code: u32, words: &[u32]) -> io::Result<()> {
    let length = u32::try_from(size_of_val(words)).expect("a few words");
    let message: Vec<u8> =
        [length, code].iter().chain(words).flat_map(|word| word.to_ne_bytes()).collect();
    pcscd.write_all(&message)
}

fn number(state: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(state[at..at + 4].try_into().expect("four octets"))
}
