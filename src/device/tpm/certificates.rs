//! Certificates that are kept in the TPM: DER in an NV index, one after the other, with whatever is
//! left of the index after them.

use der::asn1::AnyRef;
use der::{Decode, Reader, SliceReader};
use tss_esapi::constants::{CapabilityType, PropertyTag};
use tss_esapi::handles::{NvIndexHandle, NvIndexTpmHandle};
use tss_esapi::interface_types::resource_handles::NvAuth;
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::{CapabilityData, NvPublic};

use crate::certificate::Certificate;
use crate::device::tpm::link::Refused;
use crate::device::tpm::{Device, Failure, Tries};
use crate::wire::tpm::response_code as code;

/// What every TPM gives out at once, in bytes.
const LEAST: u16 = 512;

impl Device<'_> {
    /// The DER certificates in the NV index that was named with the key; none where none was.
    ///
    /// # Errors
    /// When there is no such index, it cannot be read, or it holds something else.
    pub fn certificates(&mut self) -> Result<Vec<Vec<u8>>, Failure> {
        let Some(number) = self.certificate else { return Ok(Vec::new()) };
        let index = format!("{number:#x}");
        let unusable = |reason: String| Failure::NvIndex { index: index.clone(), reason };
        let handle = NvIndexTpmHandle::new(number)
            .map_err(|_| unusable("it is no NV index (0x01000000 and above)".into()))?;
        let known = self.link.know(handle.into()).map_err(|refused| told(&refused, &index))?;
        let handle = NvIndexHandle::from(known);
        let read = self.link.call("TPM2_NV_ReadPublic", |context| context.nv_read_public(handle));
        let bytes = read.map_err(|refused| told(&refused, &index)).and_then(|(public, _)| {
            if public.attributes().written() {
                self.read(handle, &public, &index)
            } else {
                Err(unusable("nothing was written to it yet".into()))
            }
        });
        self.link.release(known);
        split(&bytes?).ok_or_else(|| unusable("it holds something else, or not in DER".into()))
    }

    /// All of it, by the owner's right where that is enough: an empty password counts as a try on
    /// an index that is protected.
    fn read(
        &mut self,
        handle: NvIndexHandle,
        public: &NvPublic,
        index: &str,
    ) -> Result<Vec<u8>, Failure> {
        let attributes = public.attributes();
        let by_index = NvAuth::NvIndex(handle);
        let mut answer = None;
        if attributes.owner_read() {
            answer = Some(self.chunks(NvAuth::Owner, handle, public.data_size()));
        }
        let may_try = attributes.auth_read()
            && (attributes.no_da() || self.last_try || self.tries()? != Tries::One);
        if may_try && answer.as_ref().is_none_or(Result::is_err) {
            answer = Some(self.chunks(by_index, handle, public.data_size()));
        }
        answer.map_or_else(
            || {
                let reason = "neither ownerread nor authread is set, or one try is left".into();
                Err(Failure::NvIndex { index: index.to_owned(), reason })
            },
            |answer| answer.map_err(|refused| told(&refused, index)),
        )
    }

    fn chunks(
        &mut self,
        auth: NvAuth,
        handle: NvIndexHandle,
        size: usize,
    ) -> Result<Vec<u8>, Refused> {
        let size = u16::try_from(size).unwrap_or(u16::MAX);
        let most = self.most_at_once()?;
        let mut bytes = Vec::new();
        for offset in (0..size).step_by(most.into()) {
            let length = most.min(size - offset);
            let chunk = self.link.call_with(AuthSession::Password, "TPM2_NV_Read", |context| {
                context.nv_read(auth, handle, length, offset)
            })?;
            bytes.extend_from_slice(chunk.value());
        }
        Ok(bytes)
    }

    /// TPM_PT_NV_BUFFER_MAX
    fn most_at_once(&mut self) -> Result<u16, Refused> {
        let (data, _) = self.link.call("TPM2_GetCapability", |context| {
            let property = PropertyTag::NvBufferMax.into();
            context.get_capability(CapabilityType::TpmProperties, property, 1)
        })?;
        let CapabilityData::TpmProperties(properties) = data else { return Ok(LEAST) };
        let most = properties.find(PropertyTag::NvBufferMax).map(|property| property.value());
        let most = most.and_then(|most| u16::try_from(most).ok());
        Ok(most.filter(|most| *most > 0).unwrap_or(LEAST))
    }
}

fn told(refused: &Refused, index: &str) -> Failure {
    match refused.failure(index) {
        Failure::Call { function, code, .. } if refused.is(code::is_no_handle) => {
            let reason = format!("there is no such index ({function}: {code})");
            Failure::NvIndex { index: index.to_owned(), reason }
        }
        Failure::Call { function, code, meaning, .. } => Failure::NvIndex {
            index: index.to_owned(),
            reason: format!("{meaning} ({function}: {code})"),
        },
        other => other,
    }
}

/// The certificates at the start; after them only filling may stand.
fn split(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut rest, mut found) = (bytes, Vec::new());
    while rest.first() == Some(&0x30) {
        let mut reader = SliceReader::new(rest).ok()?;
        AnyRef::decode(&mut reader).ok()?;
        let length = usize::try_from(u32::from(reader.position())).ok()?;
        let (der, after) = rest.split_at_checked(length)?;
        Certificate::from_der(der).ok()?;
        found.push(der.to_vec());
        rest = after;
    }
    let filling = |with: u8| rest.iter().all(|byte| *byte == with);
    (!found.is_empty() && (filling(0) || filling(0xff))).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_cut_out_and_nothing_else_is_taken() {
        let der = include_bytes!("../../../hsm-test/fuzz/seeds/certificates/leaf.der");
        let root = include_bytes!("../../../hsm-test/fuzz/seeds/certificates/root.der");
        let of = |parts: &[&[u8]]| split(&parts.concat());
        assert_eq!(of(&[der]), Some(vec![der.to_vec()]));
        assert_eq!(of(&[der, root, &[0; 90]]), Some(vec![der.to_vec(), root.to_vec()]));
        assert_eq!(of(&[der, &[0xff; 9]]).map(|found| found.len()), Some(1));
        for odd in [&[][..], &[0; 20], &[0x30, 0x82, 0xff, 0xff, 1], &der[..der.len() - 1]] {
            assert_eq!(of(&[odd]), None);
        }
        assert_eq!(of(&[der, b"more"]), None);
        assert_eq!(of(&[&[0x30, 0x03, 0x02, 0x01, 0x05]]), None, "no certificate");
    }
}
