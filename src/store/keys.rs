use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::seal::{KeyId, MalformedKey, Place, Seal, SealError, sealed_by};

/// The keys of a store: any of them opens, and the store itself says which one seals. So a key can be changed while others
/// have the store open: they look again where the keys come from when they meet one that they do not know.
pub struct Keys {
    ring: ArcSwap<Vec<Arc<Seal>>>,
    source: Box<dyn Fn() -> Option<SecretString> + Send + Sync>,
}

impl Keys {
    /// Reads keys, one a line. The first seals a new store.
    pub fn new(keys: &SecretString) -> Result<Self, MalformedKey> {
        Self::with_source(keys, || None)
    }

    /// The same, with where to look again.
    pub fn with_source(
        keys: &SecretString,
        source: impl Fn() -> Option<SecretString> + Send + Sync + 'static,
    ) -> Result<Self, MalformedKey> {
        Ok(Self { ring: ArcSwap::from_pointee(read(keys)?), source: Box::new(source) })
    }

    pub(super) fn first(&self) -> Option<KeyId> {
        self.ring.load().first().map(|seal| seal.id())
    }

    /// The newest: what is added stands last.
    pub(super) fn last(&self) -> Option<KeyId> {
        self.ring.load().last().map(|seal| seal.id())
    }

    /// The key of that name; looks again where keys come from.
    pub(super) fn get(&self, id: KeyId) -> Result<Arc<Seal>, SealError> {
        let known = || self.ring.load().iter().find(|seal| seal.id() == id).cloned();
        known().or_else(|| self.look_again().and_then(|()| known())).ok_or(SealError::OtherKey)
    }

    pub(super) fn open(&self, place: Place<'_>, envelope: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.get(sealed_by(envelope)?)?.open(place, envelope)
    }

    /// Adds what there is now; a key that was known stays.
    fn look_again(&self) -> Option<()> {
        let found = read(&(self.source)()?).ok()?;
        let known = self.ring.load();
        let new = |seal: &Arc<Seal>| !known.iter().any(|old| old.id() == seal.id());
        let ring = known.iter().cloned().chain(found.into_iter().filter(new)).collect();
        self.ring.store(Arc::new(ring));
        Some(())
    }
}

fn read(keys: &SecretString) -> Result<Vec<Arc<Seal>>, MalformedKey> {
    let lines = keys.expose_secret().lines().map(str::trim).filter(|line| !line.is_empty());
    let ring: Vec<_> = lines.map(|line| Seal::new(&line.into()).map(Arc::new)).collect::<Result<_, _>>()?;
    if ring.is_empty() { Err(MalformedKey) } else { Ok(ring) }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(…)")
    }
}
