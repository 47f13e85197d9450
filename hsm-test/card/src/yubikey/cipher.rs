//! The block ciphers of management keys.

use std::str::FromStr;

use cipher::{Block, BlockCipherEncrypt, KeyInit};

/// A kind of management key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cipher {
    /// AES with 16 bytes of key.
    Aes128,
    /// AES with 24.
    Aes192,
    /// AES with 32.
    Aes256,
    /// DES three times, with 24.
    TripleDes,
}

impl Cipher {
    const ALL: [Self; 4] = [Self::Aes128, Self::Aes192, Self::Aes256, Self::TripleDes];

    /// The number in P1 (SP 800-78-4 table 6-2).
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Aes128 => 0x08,
            Self::Aes192 => 0x0A,
            Self::Aes256 => 0x0C,
            Self::TripleDes => 0x03,
        }
    }

    pub(super) fn of_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|cipher| cipher.number() == number)
    }

    pub(super) fn key_length(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 | Self::TripleDes => 24,
            Self::Aes256 => 32,
        }
    }

    pub(super) fn block_length(self) -> usize {
        if self == Self::TripleDes { 8 } else { 16 }
    }

    /// Encrypts one block; none when key or block are of another length.
    pub(super) fn encrypt(self, key: &[u8], block: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Aes128 => encrypt::<aes::Aes128>(key, block),
            Self::Aes192 => encrypt::<aes::Aes192>(key, block),
            Self::Aes256 => encrypt::<aes::Aes256>(key, block),
            Self::TripleDes => encrypt::<des::TdesEde3>(key, block),
        }
    }
}

fn encrypt<C: BlockCipherEncrypt + KeyInit>(key: &[u8], block: &[u8]) -> Option<Vec<u8>> {
    let mut block = Block::<C>::try_from(block).ok()?;
    C::new_from_slice(key).ok()?.encrypt_block(&mut block);
    Some(block.to_vec())
}

impl FromStr for Cipher {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "3des" => Ok(Self::TripleDes),
            "aes128" => Ok(Self::Aes128),
            "aes192" => Ok(Self::Aes192),
            "aes256" => Ok(Self::Aes256),
            _ => Err(format!("no cipher {name}: 3des, aes128, aes192, or aes256")),
        }
    }
}
