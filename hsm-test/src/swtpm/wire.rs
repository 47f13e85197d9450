//! The TPM's own language, as far as the lab speaks it: a header of a tag, the length and a code, all big-endian, and
//! what the code wants behind it (TPM 2.0 Part 3).

use std::io::{self, Read, Write as _};
use std::net::{Ipv4Addr, TcpStream};

use super::Swtpm;

/// Command codes, for counting and for misbehaving by.
pub mod code {
    /// TPM2_NV_DefineSpace.
    pub const NV_DEFINE_SPACE: u32 = 0x12a;
    /// TPM2_CreatePrimary.
    pub const CREATE_PRIMARY: u32 = 0x131;
    /// TPM2_Shutdown.
    pub const SHUTDOWN: u32 = 0x145;
    /// TPM2_NV_Read.
    pub const NV_READ: u32 = 0x14e;
    /// TPM2_Create.
    pub const CREATE: u32 = 0x153;
    /// TPM2_Load.
    pub const LOAD: u32 = 0x157;
    /// TPM2_RSA_Decrypt.
    pub const RSA_DECRYPT: u32 = 0x159;
    /// TPM2_Sign.
    pub const SIGN: u32 = 0x15d;
    /// TPM2_ContextLoad.
    pub const CONTEXT_LOAD: u32 = 0x161;
    /// TPM2_ContextSave.
    pub const CONTEXT_SAVE: u32 = 0x162;
    /// TPM2_FlushContext.
    pub const FLUSH_CONTEXT: u32 = 0x165;
    /// TPM2_NV_ReadPublic.
    pub const NV_READ_PUBLIC: u32 = 0x169;
    /// TPM2_ReadPublic.
    pub const READ_PUBLIC: u32 = 0x173;
    /// TPM2_StartAuthSession.
    pub const START_AUTH_SESSION: u32 = 0x176;
    /// TPM2_GetCapability.
    pub const GET_CAPABILITY: u32 = 0x17a;
    /// TPM2_Hash.
    pub const HASH: u32 = 0x17d;
}

const NO_SESSIONS: u16 = 0x8001;
const RH_NULL: u32 = 0x4000_0007;
const CAP_HANDLES: u32 = 1;
/// More handles of a kind than there can be.
const MANY: u32 = 254;

/// A command without authorisation.
pub(super) fn command(code: u32, parameters: &[&[u8]]) -> Vec<u8> {
    framed(code, &parameters.concat())
}

/// The answer that is nothing but a return code; the framing is the same.
pub(super) fn refusal(code: u32) -> Vec<u8> {
    framed(code, &[])
}

fn framed(code: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(10 + body.len()).expect("commands are short");
    [&NO_SESSIONS.to_be_bytes()[..], &length.to_be_bytes(), &code.to_be_bytes(), body].concat()
}

/// The code of a command or an answer.
pub(super) fn code_of(message: &[u8]) -> u32 {
    number(&message[6..10])
}

/// One whole command or answer; nothing where the connection has ended.
pub(super) fn receive(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut message = vec![0; 10];
    from.read_exact(&mut message)?;
    let length = usize::try_from(number(&message[2..6])).expect("addresses have 32 bits at least");
    message.resize(length.max(10), 0);
    from.read_exact(&mut message[10..])?;
    Ok(message)
}

fn number(octets: &[u8]) -> u32 {
    u32::from_be_bytes(octets.try_into().expect("four octets"))
}

impl Swtpm {
    /// Sends a command as it is, on a connection of its own, and gives the whole answer.
    ///
    /// # Panics
    /// When nobody answers.
    pub fn transmit(&self, command: &[u8]) -> Vec<u8> {
        self.exchange(&mut self.connect(), command)
    }

    /// Flushes every transient object and every loaded session.
    ///
    /// # Panics
    /// When the TPM does not answer.
    pub fn flush(&self) {
        let mut tpm = self.connect();
        for first in [0x8000_0000_u32, 0x0200_0000] {
            let wanted = [CAP_HANDLES, first, MANY].map(u32::to_be_bytes).concat();
            let answer = self.exchange(&mut tpm, &command(code::GET_CAPABILITY, &[&wanted]));
            // after the header: whether there is more, the capability, how many
            for handle in answer.get(19..).unwrap_or_default().chunks_exact(4) {
                self.exchange(&mut tpm, &command(code::FLUSH_CONTEXT, &[handle]));
            }
        }
    }

    /// Starts an HMAC session and leaves it there.
    pub(super) fn start_session(&self) {
        let hmac_aes_and_sha256 = [0, 0, 0x10, 0, 0x0b];
        let nulls = [RH_NULL, RH_NULL].map(u32::to_be_bytes).concat();
        let nonce = [&[0, 16][..], &[7; 16]].concat();
        let parameters: [&[u8]; 4] = [&nulls, &nonce, &[0, 0], &hmac_aes_and_sha256];
        let answer = self.transmit(&command(code::START_AUTH_SESSION, &parameters));
        assert_eq!(code_of(&answer), 0, "there is room for a session");
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        stream.unwrap_or_else(|error| panic!("port {}: {error}", self.port))
    }

    fn exchange(&self, tpm: &mut TcpStream, command: &[u8]) -> Vec<u8> {
        let answer = tpm.write_all(command).and_then(|()| receive(tpm));
        answer.unwrap_or_else(|error| panic!("the TPM on port {}: {error}", self.port))
    }
}
