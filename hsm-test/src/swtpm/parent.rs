//! What a key hangs below: the primary key of a hierarchy, made from a template that both sides know, or a storage
//! key at a persistent handle.

/// The parent of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Parent {
    /// TPM_RH_OWNER and its siblings.
    pub hierarchy: u32,
    /// An RSA-2048 storage key instead of a P-256 one: the TCG's templates H-1 and H-2.
    pub rsa: bool,
    /// Where the storage key was made persistent, by [`Swtpm::make_parent`](super::Swtpm::make_parent).
    pub persistent: Option<u32>,
}

impl Parent {
    /// The owner's primary key, 0x40000001.
    pub const OWNER: Self = Self::primary(0x4000_0001);
    /// A primary key that is new with each start of the TPM, 0x40000007.
    pub const NULL: Self = Self::primary(0x4000_0007);
    /// The primary key of the privacy administrator, 0x4000000b.
    pub const ENDORSEMENT: Self = Self::primary(0x4000_000b);
    /// The primary key of the firmware, 0x4000000c.
    pub const PLATFORM: Self = Self::primary(0x4000_000c);
    /// The owner's storage key where most machines have it, 0x81000001.
    pub const SRK: Self = Self::at(0x8100_0001);

    /// TPM_RH_LOCKOUT, which has a password as hierarchies have, and no keys.
    pub const LOCKOUT: u32 = 0x4000_000a;

    /// The owner's storage key at a persistent handle.
    pub const fn at(handle: u32) -> Self {
        Self { persistent: Some(handle), ..Self::OWNER }
    }

    const fn primary(hierarchy: u32) -> Self {
        Self { hierarchy, rsa: false, persistent: None }
    }

    /// What a TSS2 file names as parent.
    pub fn handle(&self) -> u32 {
        self.persistent.unwrap_or(self.hierarchy)
    }

    /// Whether the key is the same after a restart.
    pub(super) fn lasts(&self) -> bool {
        self.hierarchy != Self::NULL.hierarchy
    }

    /// In tpm2-tools' words.
    pub(super) fn kind(&self) -> &'static str {
        if self.rsa { "rsa2048:aes128cfb" } else { "ecc256:aes128cfb" }
    }
}
