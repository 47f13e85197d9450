//! The TPM's protection against guessing (TPM 2.0 Part 1 §19.8): one counter for all keys that do not
//! have noDA. It is read before a password of such a key is sent.

use tss_esapi::constants::{CapabilityType, PropertyTag};
use tss_esapi::structures::CapabilityData;

use crate::device::tpm::link::{Link, Refused};
use crate::device::tpm::{Device, Failure, Tries};
use crate::wire::tpm::{Lockout, response_code as code};

/// From TPM_PT_PERMANENT to TPM_PT_LOCKOUT_INTERVAL.
const PROPERTIES: u32 = 0x11;

/// inLockout of TPMA_PERMANENT.
const IN_LOCKOUT: u32 = 1 << 9;

/// What the TPM says now; `None` where it leaves something out.
pub(super) fn read(link: &mut Link<'_>) -> Result<Option<Lockout>, Failure> {
    let answer = link.call("TPM2_GetCapability", |context| {
        let first = PropertyTag::Permanent.into();
        context.get_capability(CapabilityType::TpmProperties, first, PROPERTIES)
    });
    let (data, _) = answer.map_err(|refused| refused.failure("the TPM"))?;
    let CapabilityData::TpmProperties(properties) = data else { return Ok(None) };
    let value = |tag| properties.find(tag).map(|property| property.value());
    Ok((|| {
        Some(Lockout {
            locked: value(PropertyTag::Permanent)? & IN_LOCKOUT != 0,
            failed: value(PropertyTag::LockoutCounter)?,
            most: value(PropertyTag::MaxAuthFail)?,
            interval: value(PropertyTag::LockoutInterval)?,
        })
    })())
}

/// Seconds until one more try is allowed, at the latest.
pub(super) fn heals(lockout: &Lockout) -> Option<u64> {
    Some(u64::from(lockout.interval)).filter(|seconds| *seconds > 0)
}

fn tries(lockout: &Lockout) -> Tries {
    if lockout.locked {
        return Tries::None;
    }
    // Nothing is counted where the interval is 0.
    match lockout.most.saturating_sub(lockout.failed) {
        _ if lockout.interval == 0 => Tries::Unknown,
        0 | 1 => Tries::One,
        left => Tries::Left(left),
    }
}

impl Device<'_> {
    /// The tries that are left for passwords of protected keys.
    ///
    /// # Errors
    /// When there are none.
    pub(super) fn tries(&mut self) -> Result<Tries, Failure> {
        match self.tries_now()? {
            Tries::None => Err(self.locked(true)),
            tries => Ok(tries),
        }
    }

    /// What is left after a wrong password, where that was counted.
    pub(super) fn tries_after(&mut self, refused: &Refused) -> Tries {
        let tries = refused.is(code::is_counted).then(|| self.tries_now().ok()).flatten();
        tries.unwrap_or(Tries::Unknown)
    }

    fn tries_now(&mut self) -> Result<Tries, Failure> {
        self.lockout = read(&mut self.link)?;
        Ok(self.lockout.as_ref().map_or(Tries::Unknown, tries))
    }

    /// The failure of one who comes in lock-out.
    pub(super) fn locked(&mut self, untried: bool) -> Failure {
        if self.lockout.is_none() {
            self.lockout = read(&mut self.link).ok().flatten();
        }
        let heals = self.lockout.as_ref().and_then(heals);
        Failure::Lockout { key: self.key(), untried, heals }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_try_is_the_one_before_the_lock_out() {
        let of =
            |failed, most| tries(&Lockout { locked: failed >= most, failed, most, interval: 9 });
        assert_eq!(of(0, 3), Tries::Left(3));
        assert_eq!(of(1, 3), Tries::Left(2));
        assert_eq!(of(2, 3), Tries::One);
        assert_eq!(of(3, 3), Tries::None);
        assert_eq!(of(7, 3), Tries::None);
    }

    #[test]
    fn nothing_counts_without_an_interval() {
        let lockout = Lockout { locked: false, failed: 9, most: 3, interval: 0 };
        assert_eq!((tries(&lockout), heals(&lockout)), (Tries::Unknown, None));
    }
}
