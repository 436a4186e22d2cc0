use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

/// Encrypts what must not lie on a disk in clear: AES-256-GCM, bound to its place.
///
/// Envelope: version (1 octet), key id (8), nonce (12), ciphertext and tag. The associated data names table, row, column
/// and key, so that a value moved elsewhere does not open there.
pub struct Seal {
    key: RandomizedNonceKey,
    id: KeyId,
}

/// Where a sealed value belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// Table.
    pub table: &'a str,
    /// Primary key of the row.
    pub row: &'a str,
    /// Column.
    pub column: &'a str,
}

/// Names a key without telling it.
pub(super) type KeyId = [u8; 8];

/// Why a sealed value does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Too short, or of an unknown version.
    #[error("a sealed value is damaged")]
    Malformed,
    /// Another key.
    #[error(
        "sealed with another key; is `store.key` the key that this store was made with? The store is unharmed, nothing was changed"
    )]
    OtherKey,
    /// Altered, or moved from another place.
    #[error("a sealed value was altered or moved; restore the store from a backup, or import the token again")]
    Tampered,
    /// The machine cannot encrypt.
    #[error("cannot seal: the system gave no randomness")]
    NoRandomness,
}

/// A key that is none. The text is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a key made by `gatepost key generate` (gpk1_ and 43 characters)")]
pub struct MalformedKey;

const PREFIX: &str = "gpk1_";
const VERSION: u8 = 1;
const NONCE: usize = 12;
const HEADER: usize = 1 + size_of::<KeyId>() + NONCE;

/// A fresh master key, as text.
pub fn generate_key() -> Result<SecretString, SealError> {
    let mut octets = Zeroizing::new([0; 32]);
    rand::fill(octets.as_mut()).map_err(|_| SealError::NoRandomness)?;
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(octets.as_ref())).into())
}

impl Seal {
    pub(super) const fn id(&self) -> KeyId {
        self.id
    }

    /// Reads a key made by [`generate_key`].
    pub fn new(key: &SecretString) -> Result<Self, MalformedKey> {
        let text = key.expose_secret().trim().strip_prefix(PREFIX).ok_or(MalformedKey)?;
        let octets = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).map_err(|_| MalformedKey)?);
        let key = RandomizedNonceKey::new(&AES_256_GCM, &octets).map_err(|_| MalformedKey)?;
        Ok(Self { key, id: key_id(&octets) })
    }

    /// Seals a value for its place.
    pub fn seal(&self, place: Place<'_>, value: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut sealed = value.to_vec();
        let aad = Aad::from(associated(place, self.id));
        let nonce = self.key.seal_in_place_append_tag(aad, &mut sealed).map_err(|_| SealError::NoRandomness)?;
        Ok([&[VERSION][..], &self.id, nonce.as_ref(), &sealed].concat())
    }

    /// Opens a value in its place.
    pub fn open(&self, place: Place<'_>, envelope: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (header, sealed) = envelope.split_at_checked(HEADER).ok_or(SealError::Malformed)?;
        if sealed_by(envelope)? != self.id {
            return Err(SealError::OtherKey);
        }
        let nonce = &header[1 + size_of::<KeyId>()..];
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Malformed)?;
        let mut value = Zeroizing::new(sealed.to_vec());
        let aad = Aad::from(associated(place, self.id));
        let length = self.key.open_in_place(nonce, aad, &mut value).map_err(|_| SealError::Tampered)?.len();
        value.truncate(length);
        Ok(value)
    }
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal(…)")
    }
}

/// The key that an envelope needs.
pub(super) fn sealed_by(envelope: &[u8]) -> Result<KeyId, SealError> {
    let id = envelope.get(1..=size_of::<KeyId>()).and_then(|id| KeyId::try_from(id).ok());
    let version = envelope.first().is_some_and(|version| *version == VERSION);
    id.filter(|_| version).ok_or(SealError::Malformed)
}

fn key_id(key: &[u8]) -> KeyId {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"gatepost key id\0");
    context.update(key);
    let mut id = KeyId::default();
    id.copy_from_slice(&context.finish().as_ref()[..size_of::<KeyId>()]);
    id
}

/// Each part with its length before it, so that no two places read alike.
fn associated(place: Place<'_>, id: KeyId) -> Vec<u8> {
    let parts = [place.table.as_bytes(), place.row.as_bytes(), place.column.as_bytes(), &id];
    parts.iter().flat_map(|part| [&(part.len() as u64).to_be_bytes(), *part].concat()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLACE: Place<'_> = Place { table: "tokens", row: "support", column: "refresh_token" };

    fn seal() -> Seal {
        Seal::new(&generate_key().unwrap()).unwrap()
    }

    #[test]
    fn opens_in_its_place_only() {
        let seal = seal();
        let sealed = seal.seal(PLACE, b"secret").unwrap();
        assert_eq!(seal.open(PLACE, &sealed).unwrap().as_slice(), b"secret");
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        for elsewhere in [
            Place { table: "leases", ..PLACE },
            Place { row: "suppor", ..PLACE },
            Place { column: "access_token", ..PLACE },
            Place { table: "tokenss", row: "upport", ..PLACE },
        ] {
            assert_eq!(seal.open(elsewhere, &sealed).unwrap_err(), SealError::Tampered);
        }
        assert_eq!(self::seal().open(PLACE, &sealed).unwrap_err(), SealError::OtherKey);
        assert_ne!(sealed, seal.seal(PLACE, b"secret").unwrap(), "the nonce is random");
    }

    #[test]
    fn keys_are_read_as_they_are_made() {
        for wrong in ["", "gpk1_", "gpk1_short", "gpk2_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "hunter2"] {
            assert_eq!(Seal::new(&wrong.into()).unwrap_err(), MalformedKey);
        }
        assert!(Seal::new(&format!("{}\n", generate_key().unwrap().expose_secret()).into()).is_ok());
        assert!(!format!("{:?}", seal()).contains("gpk1"));
    }

    proptest! {
        #[test]
        fn any_change_is_noticed(at in 0_usize..100, bit in 0_u8..8) {
            let seal = seal();
            let mut sealed = seal.seal(PLACE, b"a value of some length, to be altered somewhere").unwrap();
            let at = at % sealed.len();
            sealed[at] ^= 1 << bit;
            prop_assert!(seal.open(PLACE, &sealed).is_err());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(seal().open(PLACE, &bytes).is_err());
        }
    }
}
