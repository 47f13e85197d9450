//! ECDSA on prepared hashes.

use p256::ecdsa::signature::hazmat::PrehashSigner;

/// Signs a hash; the signature is in DER.
pub(super) fn sign_p256(key: &p256::SecretKey, hash: &[u8]) -> Option<Vec<u8>> {
    let key = p256::ecdsa::SigningKey::from(key);
    let signature: p256::ecdsa::DerSignature = key.sign_prehash(&fitted::<32>(hash)).ok()?;
    Some(signature.as_bytes().to_vec())
}

/// The same on the larger curve.
pub(super) fn sign_p384(key: &p384::SecretKey, hash: &[u8]) -> Option<Vec<u8>> {
    let key = p384::ecdsa::SigningKey::from(key);
    let signature: p384::ecdsa::DerSignature = key.sign_prehash(&fitted::<48>(hash)).ok()?;
    Some(signature.as_bytes().to_vec())
}

/// The leftmost bytes of what is too long; zeros before what is too short.
pub(super) fn fitted<const LENGTH: usize>(bytes: &[u8]) -> [u8; LENGTH] {
    let bytes = &bytes[..bytes.len().min(LENGTH)];
    let mut fitted = [0; LENGTH];
    fitted[LENGTH - bytes.len()..].copy_from_slice(bytes);
    fitted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_cut_or_padded_to_the_field() {
        assert_eq!(fitted::<3>(&[1, 2]), [0, 1, 2]);
        assert_eq!(fitted::<3>(&[1, 2, 3]), [1, 2, 3]);
        assert_eq!(fitted::<3>(&[1, 2, 3, 4]), [1, 2, 3]);
    }
}
