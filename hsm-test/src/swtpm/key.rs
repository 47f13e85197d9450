//! Keys: what is asked for, in a template, and what was made from it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::parent::Parent;
use crate::files::{read, write};
use crate::tool;

/// The kind of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Algorithm {
    /// No key pair, but a secret for HMAC with SHA-256.
    Hmac,
    /// ECC on NIST P-256.
    P256,
    /// ECC on NIST P-384.
    P384,
    /// ECC on NIST P-521.
    P521,
    /// RSA of 1,024 bits.
    Rsa1024,
    /// RSA of 2,048 bits.
    Rsa2048,
    /// RSA of 3,072 bits.
    Rsa3072,
}

impl Algorithm {
    /// Whether it is RSA.
    pub fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa1024 | Self::Rsa2048 | Self::Rsa3072)
    }
}

/// What the TPM lets a key do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Usage {
    /// Decryption only, as openssl_tpm2_engine makes RSA keys.
    Decrypt,
    /// Signatures only.
    Sign,
    /// Both, as OpenSSL's provider makes keys.
    SignDecrypt,
}

/// A key to be made. `Template { password: Some("x"), ..Template::P256 }` differs from the usual in one thing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Template {
    /// The kind.
    pub algorithm: Algorithm,
    /// What it is for.
    pub usage: Usage,
    /// Its password; none if it is used without.
    pub password: Option<&'static str>,
    /// Without noDA: wrong passwords count towards lock-out.
    pub protected: bool,
    /// Signs only what the TPM has hashed. It needs a scheme.
    pub restricted: bool,
    /// What follows the kind in tpm2-tools' words, as in `rsapss-sha256:null`; otherwise the key has no scheme.
    pub scheme: Option<&'static str>,
    /// All attributes in tpm2-tools' words, whatever the fields above say.
    pub attributes: Option<&'static str>,
    /// Tells keys apart that are alike in everything else.
    pub number: u8,
}

impl Template {
    /// P-256, signs, without a password, noDA.
    pub const P256: Self = Self::of(Algorithm::P256);
    /// The same on P-384.
    pub const P384: Self = Self::of(Algorithm::P384);
    /// The same, RSA of 2,048 bits.
    pub const RSA2048: Self = Self::of(Algorithm::Rsa2048);
    /// The same, RSA of 3,072 bits.
    pub const RSA3072: Self = Self::of(Algorithm::Rsa3072);

    /// A key that signs, without a password, noDA.
    pub const fn of(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            usage: Usage::Sign,
            password: None,
            protected: false,
            restricted: false,
            scheme: None,
            attributes: None,
            number: 0,
        }
    }

    /// In tpm2-tools' words.
    pub(super) fn kind(&self) -> String {
        let algorithm = match self.algorithm {
            Algorithm::Hmac => "hmac:sha256",
            Algorithm::P256 => "ecc256",
            Algorithm::P384 => "ecc384",
            Algorithm::P521 => "ecc521",
            Algorithm::Rsa1024 => "rsa1024",
            Algorithm::Rsa2048 => "rsa2048",
            Algorithm::Rsa3072 => "rsa3072",
        };
        self.scheme.map_or(algorithm.into(), |scheme| format!("{algorithm}:{scheme}"))
    }

    /// In tpm2-tools' words.
    pub(super) fn attributes(&self) -> String {
        if let Some(attributes) = self.attributes {
            return attributes.into();
        }
        let usage = match self.usage {
            Usage::Decrypt => "decrypt",
            Usage::Sign => "sign",
            Usage::SignDecrypt => "sign|decrypt",
        };
        let always = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth";
        let no_da = if self.protected { "" } else { "|noda" };
        let restricted = if self.restricted { "|restricted" } else { "" };
        format!("{always}{no_da}{restricted}|{usage}")
    }
}

/// A key that was made: it can be put at a handle, into files, or both.
#[derive(Clone, Debug)]
pub struct Key {
    pub(super) template: Template,
    pub(super) parent: Parent,
    pub(super) directory: PathBuf,
}

impl Key {
    /// What it was made from.
    pub fn template(&self) -> Template {
        self.template
    }

    /// What it hangs below.
    pub fn parent(&self) -> Parent {
        self.parent
    }

    /// A directory of its own, with all of its files.
    pub fn dir(&self) -> &Path {
        &self.directory
    }

    /// A file with its TPM2B_PUBLIC.
    pub fn public(&self) -> PathBuf {
        self.directory.join("key.pub")
    }

    /// A file with its TPM2B_PRIVATE.
    pub fn private(&self) -> PathBuf {
        self.directory.join("key.priv")
    }

    /// A file with its public key, a PEM SubjectPublicKeyInfo; empty for a secret, which has none.
    pub fn public_key(&self) -> PathBuf {
        self.directory.join("public.pem")
    }

    /// Its public key as a PEM SubjectPublicKeyInfo.
    ///
    /// # Panics
    /// When the TPM is gone, and its files with it.
    pub fn public_key_pem(&self) -> String {
        read(&self.public_key())
    }

    /// Writes the public key file, from the TPM2B_PUBLIC.
    pub(super) fn write_public_key(&self) {
        let mut print = Command::new("tpm2_print");
        print.args(["-t", "TPM2B_PUBLIC", "-f", "pem"]).arg(self.public());
        let pem = match self.template.algorithm {
            Algorithm::Hmac => String::new(),
            _ => tool::run(&mut print),
        };
        write(&self.public_key(), &pem);
    }
}
