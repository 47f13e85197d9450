//! Certificates in the TPM's own memory, as makers put them there.

use std::fs;

use super::provision::hex;
use super::{Key, Parent, Swtpm};
use crate::files::read;
use crate::pem;

/// What an NV index is like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NvIndex {
    /// Its attributes in tpm2-tools' words.
    pub attributes: &'static str,
    /// How many octets follow the content, of 0xff as in memory that was never written.
    pub spare: usize,
    /// Its own password.
    pub password: Option<&'static str>,
}

impl NvIndex {
    /// Written by the owner, read by anybody.
    pub const PUBLIC: Self =
        Self { attributes: "ownerwrite|ownerread|authread|no_da", spare: 0, password: None };
}

impl Swtpm {
    /// Puts the leaf certificate of a key into an NV index, DER.
    ///
    /// # Panics
    /// When the index is taken.
    pub fn certificate_in_nv(&self, key: &Key, index: u32) {
        let leaf = pem::certificates(&read(&self.certificate(key)));
        self.define_nv(index, &leaf[0], NvIndex::PUBLIC);
    }

    /// Makes an NV index with that content, which may be longer than what one command carries.
    ///
    /// # Panics
    /// When the index is taken, or the TPM has no such attributes, or no room.
    pub fn define_nv(&self, index: u32, content: &[u8], like: NvIndex) {
        let mut octets = content.to_vec();
        octets.resize(content.len() + like.spare, 0xff);
        let file = self.dir().join(format!("nv-{index:x}"));
        fs::write(&file, &octets).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut define = self.tpm2("nvdefine");
        define.args(["-Q", "-C", "o", "-s", &octets.len().to_string(), "-a", like.attributes]);
        define.args(like.password.iter().flat_map(|password| ["-p", password]));
        self.run(self.authorise(&mut define, "-P", Parent::OWNER.hierarchy).arg(hex(index)));
        let mut write = self.tpm2("nvwrite");
        write.args(["-Q", "-C", "o", "-i"]).arg(file);
        self.run(self.authorise(&mut write, "-P", Parent::OWNER.hierarchy).arg(hex(index)));
    }
}
