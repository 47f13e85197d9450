//! A client over PC/SC that fills YubiKeys as Debian's yubico-piv-tool cannot: with an AES management key, RSA of 3072
//! and 4096 bits, and Ed25519. The management key is the factory's.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand, ValueEnum};
use der::EncodePem;
use flate2::Compression;
use flate2::write::GzEncoder;
use keyanchor_card::tlv;
use pem_rfc7468::LineEnding;
use yubikey::piv::{self, AlgorithmId, ManagementSlotId, SlotAlgorithmId, SlotId};
use yubikey::{MgmAlgorithmId, MgmKey, ObjectId, PinPolicy, Serial, TouchPolicy, YubiKey};

/// Fills YubiKeys
#[derive(Parser)]
struct Options {
    /// which YubiKey
    #[arg(long)]
    serial: Serial,
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Generates a key, and prints its public key in PEM
    Generate {
        #[arg(long)]
        slot: SlotId,
        #[arg(long)]
        algorithm: Algorithm,
        #[arg(long, default_value = "default")]
        pin_policy: Pin,
        #[arg(long, default_value = "default")]
        touch_policy: Touch,
    },
    /// Writes a certificate, from PEM or DER
    Certificate {
        #[arg(long)]
        slot: SlotId,
        /// compressed
        #[arg(long)]
        gzip: bool,
        file: PathBuf,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Algorithm {
    Ed25519,
    P256,
    P384,
    Rsa2048,
    Rsa3072,
    Rsa4096,
}

#[derive(Clone, Copy, ValueEnum)]
enum Pin {
    Always,
    Default,
    Never,
    Once,
}

#[derive(Clone, Copy, ValueEnum)]
enum Touch {
    Always,
    Cached,
    Default,
    Never,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let mut yubikey = YubiKey::open_by_serial(options.serial)?;
    let key = management_key(&mut yubikey)?;
    yubikey.authenticate(&key)?;
    match options.task {
        Task::Generate { slot, algorithm, pin_policy, touch_policy } => {
            let (pin, touch) = (pin_policy.into(), touch_policy.into());
            let key = piv::generate(&mut yubikey, slot, algorithm.into(), pin, touch)?;
            print!("{}", key.to_pem(LineEnding::LF)?);
        }
        Task::Certificate { slot, gzip, file } => {
            let mut object = object(&certificate(&file)?, gzip)?;
            yubikey.save_object(identifier(slot), &mut object)?;
        }
    }
    Ok(())
}

/// The factory's management key: of the kind that the card says it has, or else of its firmware's.
fn management_key(yubikey: &mut YubiKey) -> yubikey::Result<MgmKey> {
    let metadata = piv::metadata(yubikey, SlotId::Management(ManagementSlotId::Management));
    let Ok(SlotAlgorithmId::Management(kind)) = metadata.map(|metadata| metadata.algorithm) else {
        return MgmKey::get_default(yubikey);
    };
    let length = match kind {
        MgmAlgorithmId::Aes128 => 16,
        MgmAlgorithmId::Aes192 | MgmAlgorithmId::ThreeDes => 24,
        MgmAlgorithmId::Aes256 => 32,
    };
    let key: Vec<u8> = (1..=8).cycle().take(length).collect();
    MgmKey::from_bytes(key, Some(kind)).or_else(|_| MgmKey::get_default(yubikey))
}

/// The certificate in a file, in DER.
fn certificate(file: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let bytes = fs::read(file)?;
    Ok(match pem_rfc7468::decode_vec(&bytes) {
        Ok((_, der)) => der,
        Err(_) => bytes,
    })
}

/// The value of a data object with that certificate (SP 800-73-4 part 1, table 10).
fn object(certificate: &[u8], gzip: bool) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(certificate)?;
    let compressed = encoder.finish()?;
    let bytes = if gzip { &compressed } else { certificate };
    let information = tlv::element(0x71, &[&[gzip.into()]]);
    Ok([tlv::element(0x70, &[bytes]), information, tlv::element(0xFE, &[])].concat())
}

/// The data object that belongs to a slot (part 1, table 3).
fn identifier(slot: SlotId) -> ObjectId {
    match slot.into() {
        0x9A_u8 => 0x5F_C105,
        0x9C => 0x5F_C10A,
        0x9D => 0x5F_C10B,
        0x9E => 0x5F_C101,
        0xF9 => 0x5F_FF01,
        retired => 0x5F_C10D + ObjectId::from(retired - 0x82),
    }
}

impl From<Algorithm> for AlgorithmId {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Ed25519 => Self::Ed25519,
            Algorithm::P256 => Self::EccP256,
            Algorithm::P384 => Self::EccP384,
            Algorithm::Rsa2048 => Self::Rsa2048,
            Algorithm::Rsa3072 => Self::Rsa3072,
            Algorithm::Rsa4096 => Self::Rsa4096,
        }
    }
}

impl From<Pin> for PinPolicy {
    fn from(policy: Pin) -> Self {
        match policy {
            Pin::Always => Self::Always,
            Pin::Default => Self::Default,
            Pin::Never => Self::Never,
            Pin::Once => Self::Once,
        }
    }
}

impl From<Touch> for TouchPolicy {
    fn from(policy: Touch) -> Self {
        match policy {
            Touch::Always => Self::Always,
            Touch::Cached => Self::Cached,
            Touch::Default => Self::Default,
            Touch::Never => Self::Never,
        }
    }
}
