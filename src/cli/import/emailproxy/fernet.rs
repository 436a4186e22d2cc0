//! How email-oauth2-proxy seals what it keeps: Fernet (github.com/fernet/spec), with a key made of the local password by
//! PBKDF2-HMAC-SHA256. A wrong password is seen by the signature, before anything is decrypted.

use std::cell::OnceCell;
use std::num::NonZeroU32;

use aws_lc_rs::cipher::{AES_128, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{hmac, pbkdf2};
use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

/// The rounds of today's versions, and of those before 2023-10-17, which noted none.
const ROUNDS: [u32; 2] = [1_200_000, 100_000];
/// More would be hours of work.
const MOST_ROUNDS: u32 = 20_000_000;

/// Opens what a password has sealed with this salt.
pub(super) struct Opener<'a> {
    password: &'a SecretString,
    salt: Vec<u8>,
    /// Each key is a third of a second of work, and made when it is needed.
    keys: Vec<(u32, OnceCell<Zeroizing<[u8; 32]>>)>,
}

/// Why nothing can be opened, whatever the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unopenable {
    #[error("`token_salt` is missing or no base64")]
    Salt,
    #[error("`token_iterations` is no number from 1 to {MOST_ROUNDS}")]
    Rounds,
}

impl<'a> Opener<'a> {
    pub(super) fn new(
        password: &'a SecretString,
        salt: Option<&str>,
        rounds: Option<&str>,
    ) -> Result<Self, Unopenable> {
        let salt = salt.and_then(|text| LENIENT.decode(text.trim()).ok()).filter(|salt| !salt.is_empty());
        let noted = rounds.map(|text| text.trim().parse().ok().filter(|rounds| (1..=MOST_ROUNDS).contains(rounds)));
        let noted = noted.map(|rounds| rounds.ok_or(Unopenable::Rounds)).transpose()?;
        let mut rounds: Vec<u32> = noted.into_iter().chain(ROUNDS).collect();
        let mut seen = std::collections::HashSet::new();
        rounds.retain(|rounds| seen.insert(*rounds));
        let keys = rounds.into_iter().map(|rounds| (rounds, OnceCell::new())).collect();
        Ok(Self { password, salt: salt.ok_or(Unopenable::Salt)?, keys })
    }

    /// What was sealed; nothing if another password sealed it.
    pub(super) fn open(&self, sealed: &str) -> Option<SecretString> {
        self.keys.iter().find_map(|(rounds, key)| open(key.get_or_init(|| self.key(*rounds)), sealed))
    }

    fn key(&self, rounds: u32) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        let rounds = NonZeroU32::new(rounds).unwrap_or(NonZeroU32::MIN);
        let password = self.password.expose_secret().as_bytes();
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &self.salt, password, key.as_mut_slice());
        key
    }
}

const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent));
const URL_LENIENT: GeneralPurpose =
    GeneralPurpose::new(&URL_SAFE, PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// `0x80`, eight octets of time, the IV, the ciphertext, and 32 octets of signature over all before.
fn open(key: &[u8; 32], sealed: &str) -> Option<SecretString> {
    let octets = URL_LENIENT.decode(sealed.trim()).ok()?;
    let (signed, signature) = octets.split_at_checked(octets.len().checked_sub(32)?)?;
    let (signing, encryption) = key.split_at(16);
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, signing), signed, signature).ok()?;
    let (head, ciphertext) = signed.split_at_checked(1 + 8 + 16)?;
    let iv: [u8; 16] = head.get(9..)?.try_into().ok()?;
    if head.first() != Some(&0x80) {
        return None;
    }
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_128, encryption).ok()?).ok()?;
    let mut text = Zeroizing::new(ciphertext.to_vec());
    let text = key.decrypt(&mut text, DecryptionContext::Iv128(FixedLength::from(iv))).ok()?;
    std::str::from_utf8(text).ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE as ENGINE;

    use super::*;

    /// github.com/fernet/spec, verify.json; the time to live is none of our business.
    #[test]
    fn the_specification_s_own_example_opens() {
        let key = ENGINE.decode("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=").unwrap();
        let key: [u8; 32] = key.try_into().unwrap();
        let sealed =
            "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";
        assert_eq!(open(&key, sealed).unwrap().expose_secret(), "hello");
        for at in [1, 12, 40, sealed.len() - 6] {
            let mut broken = sealed.to_owned();
            let other = if &broken[at..=at] == "A" { "B" } else { "A" };
            broken.replace_range(at..=at, other);
            assert!(open(&key, &broken).is_none(), "{at}");
        }
        for short in ["", "gAAAAA==", "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF"] {
            assert!(open(&key, short).is_none(), "{short}");
        }
    }

    #[test]
    fn what_cannot_be_opened_by_any_password_says_why() {
        let password = "p".into();
        let why = |salt, rounds| Opener::new(&password, salt, rounds).map(drop).unwrap_err();
        assert_eq!(why(None, None), Unopenable::Salt);
        assert_eq!(why(Some("*** salt ***"), Some("7")), Unopenable::Salt);
        for rounds in ["", "0", "many", "20000001", "-1"] {
            assert_eq!(why(Some("c2FsdA=="), Some(rounds)), Unopenable::Rounds);
        }
        let rounds = |noted| {
            let opener = Opener::new(&password, Some("c2FsdA=="), noted).unwrap();
            opener.keys.iter().map(|(rounds, _)| *rounds).collect::<Vec<_>>()
        };
        assert_eq!(rounds(None), [1_200_000, 100_000]);
        assert_eq!(rounds(Some("100000")), [100_000, 1_200_000]);
        assert_eq!(rounds(Some("870000")), [870_000, 1_200_000, 100_000]);
    }
}
