//! A TPM for people, with a few keys under names, where a person finds them.

use std::fs;
use std::path::Path;

use super::{Parent, Swtpm, Template};
use crate::files::{create_directory, write};
use crate::token;

impl Swtpm {
    /// The password of the key `locked`.
    pub const PASSWORD: &'static str = token::PIN;
    /// The keys of a provisioned TPM: name, template, persistent handle.
    pub const KEYS: [(&'static str, Template, u32); 4] = [
        ("laptop", Template::P256, 0x8100_0101),
        ("rsa2048", Template::RSA2048, 0x8100_0102),
        ("p384", Template::P384, 0x8100_0103),
        ("locked", Self::LOCKED, 0x8100_0104),
    ];
    const LOCKED: Template =
        Template { password: Some(Self::PASSWORD), protected: true, ..Template::P256 };

    /// A TPM with [`KEYS`](Self::KEYS) and the owner's storage key, in a directory that stays: each key is at its
    /// handle and in `keys/NAME.pem`, its certificate in `certs/NAME.pem`, with the intermediate in
    /// `certs/NAME-chain.pem`; `ca` is the PKI, `password` the password and a newline. What is there is kept.
    ///
    /// # Panics
    /// When swtpm or tpm2-tools are not installed.
    pub fn provisioned(directory: &Path) -> Self {
        create_directory(directory);
        let directory = directory.canonicalize().expect("the directory is there");
        let mut tpm = Self::at(&directory, true);
        let there = tpm.persistent();
        if !there.contains(&Parent::SRK.handle()) {
            tpm.make_parent(Parent::SRK, None);
        }
        write(&tpm.dir().join("password"), &format!("{}\n", Self::PASSWORD));
        create_directory(&tpm.dir().join("certs"));
        for (name, template, handle) in Self::KEYS {
            let key = tpm.key(&template);
            if !there.contains(&handle) {
                tpm.persist(&key, handle);
            }
            for (file, copy) in [
                (tpm.file(&key), format!("keys/{name}.pem")),
                (tpm.certificate(&key), format!("certs/{name}.pem")),
                (tpm.chain(&key), format!("certs/{name}-chain.pem")),
            ] {
                fs::copy(&file, tpm.dir().join(&copy))
                    .unwrap_or_else(|error| panic!("{copy}: {error}"));
            }
        }
        tpm
    }
}
