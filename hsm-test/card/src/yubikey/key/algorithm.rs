//! The algorithms, and what numbers and names they have where.

use super::super::Firmware;

/// An algorithm of private keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in super::super) enum Algorithm {
    Ed25519,
    P256,
    P384,
    /// With so many bits.
    Rsa(usize),
    X25519,
}

/// All of them, with the number in P1 and in tag 80 (SP 800-78-4 table 6-2, and Yubico's).
const NUMBERS: [(Algorithm, u8); 8] = [
    (Algorithm::Rsa(1024), 0x06),
    (Algorithm::Rsa(2048), 0x07),
    (Algorithm::Rsa(3072), 0x05),
    (Algorithm::Rsa(4096), 0x16),
    (Algorithm::P256, 0x11),
    (Algorithm::P384, 0x14),
    (Algorithm::Ed25519, 0xE0),
    (Algorithm::X25519, 0xE1),
];

impl Algorithm {
    pub(in super::super) fn of_number(number: u8) -> Option<Self> {
        NUMBERS.iter().find(|(_, its)| *its == number).map(|(algorithm, _)| *algorithm)
    }

    pub(in super::super) fn number(self) -> u8 {
        let known = NUMBERS.iter().find(|(algorithm, _)| *algorithm == self);
        known.expect("a key has one of these algorithms").1
    }

    /// The first firmware that has it.
    pub(in super::super) fn since(self) -> Firmware {
        match self {
            Self::P256 | Self::P384 | Self::Rsa(1024 | 2048) => Firmware(4, 0, 0),
            Self::Ed25519 | Self::Rsa(_) | Self::X25519 => Firmware(5, 7, 0),
        }
    }

    /// AlgorithmIdentifier of the public key, in DER (RFC 3279, RFC 8410).
    pub(in super::super) fn identifier(self) -> &'static [u8] {
        match self {
            Self::Ed25519 => b"\x30\x05\x06\x03\x2B\x65\x70",
            Self::P256 => {
                b"\x30\x13\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x08\x2A\x86\x48\xCE\x3D\x03\x01\x07"
            }
            Self::P384 => b"\x30\x10\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x05\x2B\x81\x04\x00\x22",
            Self::Rsa(_) => b"\x30\x0D\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01\x05\x00",
            Self::X25519 => b"\x30\x05\x06\x03\x2B\x65\x6E",
        }
    }

    /// AlgorithmIdentifier of a certificate's signature, in DER: with SHA-256, on P-384 with SHA-384.
    pub(in super::super) fn signature(self) -> &'static [u8] {
        match self {
            Self::Ed25519 | Self::X25519 => self.identifier(),
            Self::P256 => b"\x30\x0A\x06\x08\x2A\x86\x48\xCE\x3D\x04\x03\x02",
            Self::P384 => b"\x30\x0A\x06\x08\x2A\x86\x48\xCE\x3D\x04\x03\x03",
            Self::Rsa(_) => b"\x30\x0D\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0B\x05\x00",
        }
    }
}
