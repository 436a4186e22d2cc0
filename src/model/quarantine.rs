use secrecy::{ExposeSecret as _, SecretString};

/// Refresh tokens that are not in use and kept all the same, the newest first; at least one. Each knows whose it is, so that
/// none is ever tried at another endpoint.
#[derive(Clone, Debug)]
pub struct Quarantine(Vec<Quarantined>);

/// One of them.
#[derive(Clone, Debug)]
pub struct Quarantined {
    /// The refresh token.
    pub refresh: SecretString,
    /// Who issued it, and to which client ([`super::Token::binding`]).
    pub bound_to: Option<String>,
}

/// More are not kept: the oldest goes.
const MOST: usize = 4;

impl Quarantine {
    /// The refresh tokens of a list; none is no quarantine.
    #[must_use]
    pub fn of(mut all: Vec<Quarantined>) -> Option<Self> {
        all.truncate(MOST);
        (!all.is_empty()).then_some(Self(all))
    }

    /// With one more, which is the newest from now on.
    #[must_use]
    pub fn with(before: Option<Self>, refresh: SecretString, bound_to: Option<String>) -> Self {
        let others = Self::without(before, &refresh).map(|others| others.0).unwrap_or_default();
        let all = std::iter::once(Quarantined { refresh, bound_to }).chain(others).take(MOST);
        Self(all.collect())
    }

    /// Without one, which is in use again.
    #[must_use]
    pub fn without(before: Option<Self>, refresh: &SecretString) -> Option<Self> {
        let other = |kept: &Quarantined| kept.refresh.expose_secret() != refresh.expose_secret();
        Self::of(before?.0.into_iter().filter(other).collect())
    }

    /// All of them, the newest first.
    #[must_use]
    pub fn all(&self) -> &[Quarantined] {
        &self.0
    }

    /// Those that this client may try, the newest first.
    pub fn of_client(&self, binding: &str) -> impl Iterator<Item = &SecretString> {
        let ours = move |kept: &&Quarantined| kept.bound_to.as_deref().is_none_or(|bound| bound == binding);
        self.0.iter().filter(ours).map(|kept| &kept.refresh)
    }

    /// Whether this one is among them.
    #[must_use]
    pub fn holds(&self, refresh: &SecretString) -> bool {
        self.0.iter().any(|kept| kept.refresh.expose_secret() == refresh.expose_secret())
    }
}
