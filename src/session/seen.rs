use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::proto::smtp::Extensions;

/// What the SMTP servers of each provider offered when a session was last logged in there.
///
/// A client asks before its upstream is known, and most ask never again: it is promised what all of them have.
#[derive(Debug)]
pub struct Seen {
    common: AtomicU32,
    providers: Mutex<HashMap<String, u32>>,
}

impl Default for Seen {
    fn default() -> Self {
        Self { common: AtomicU32::new(Extensions::HOPED_FOR), providers: Mutex::default() }
    }
}

impl Seen {
    /// What to promise a client whose upstream is not known yet, as smtp-proto's `EXT_…` bits.
    #[must_use]
    pub fn common(&self) -> u32 {
        self.common.load(Ordering::Relaxed)
    }

    /// A provider's server was asked.
    pub fn learn(&self, provider: &str, extensions: &Extensions) {
        let mut providers = self.providers.lock().unwrap_or_else(PoisonError::into_inner);
        if providers.get(provider) == Some(&extensions.flags) {
            return;
        }
        providers.insert(provider.to_owned(), extensions.flags);
        let common = providers.values().fold(u32::MAX, |common, flags| common & flags);
        self.common.store(common, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use smtp_proto::{EXT_8BIT_MIME, EXT_DSN, EXT_SMTP_UTF8};

    use super::*;

    #[test]
    fn what_all_have_that_were_seen_last_is_promised() {
        let seen = Seen::default();
        assert_eq!(seen.common() & (EXT_8BIT_MIME | EXT_SMTP_UTF8 | EXT_DSN), EXT_8BIT_MIME | EXT_SMTP_UTF8);
        let offering = |flags| Extensions { flags, ..Extensions::default() };
        seen.learn("microsoft", &offering(EXT_8BIT_MIME | EXT_SMTP_UTF8 | EXT_DSN));
        assert_eq!(seen.common(), EXT_8BIT_MIME | EXT_SMTP_UTF8 | EXT_DSN);
        seen.learn("google", &offering(EXT_8BIT_MIME | EXT_SMTP_UTF8));
        assert_eq!(seen.common(), EXT_8BIT_MIME | EXT_SMTP_UTF8);
        seen.learn("google", &offering(EXT_8BIT_MIME | EXT_DSN));
        assert_eq!(seen.common(), EXT_8BIT_MIME | EXT_DSN);
    }
}
