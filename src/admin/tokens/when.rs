//! What a field of the form depends on: it counts, and where scripts run it is shown, only with the choices that it belongs to.

use crate::admin::typed::Typed;

/// Each of these is chosen; an empty one does not matter.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct When {
    grant: &'static [&'static str],
    provider: &'static [&'static str],
    other_provider: &'static [&'static str],
    proof: &'static [&'static str],
}

/// Grants that a client is registered for.
const CLIENT: &[&str] = &["authorization_code", "device_code", "client_credentials", "refresh_token", "password"];

impl When {
    pub(super) const ALWAYS: Self = Self { grant: &[], provider: &[], other_provider: &[], proof: &[] };
    pub(super) const CLIENT: Self = Self { grant: CLIENT, ..Self::ALWAYS };
    /// Those that have no tenant, or always the same.
    pub(super) const TENANT: Self =
        Self { other_provider: &["google", "outlook.com", "yahoo", "fastmail"], ..Self::CLIENT };
    pub(super) const MICROSOFT: Self = Self { provider: &["microsoft"], ..Self::CLIENT };
    pub(super) const OAUTH: Self =
        Self { grant: &[CLIENT[0], CLIENT[1], CLIENT[2], CLIENT[3], CLIENT[4], "service_account"], ..Self::ALWAYS };
    pub(super) const ASKED: Self =
        Self { grant: &["authorization_code", "device_code", "refresh_token"], ..Self::ALWAYS };
    pub(super) const GOOGLE_ASKED: Self = Self { provider: &["google"], ..Self::ASKED };

    pub(super) const fn grant(grant: &'static [&'static str]) -> Self {
        Self { grant, ..Self::ALWAYS }
    }

    pub(super) const fn proof(proof: &'static [&'static str]) -> Self {
        Self { proof, ..Self::CLIENT }
    }

    /// Whether it counts with what is chosen.
    pub(super) fn holds(&self, typed: &Typed) -> bool {
        let among = |name: &str, all: &[&str]| all.is_empty() || all.contains(&typed.text(name));
        among("grant", self.grant)
            && among("provider", self.provider)
            && among("proof", self.proof)
            && !self.other_provider.contains(&typed.text("provider"))
    }

    /// For the script.
    pub(super) fn told(&self) -> String {
        let of =
            |name: &str, not: &str, all: &[&str]| (!all.is_empty()).then(|| format!("{name}={not}{}", all.join(" ")));
        let all = [
            of("grant", "", self.grant),
            of("provider", "", self.provider),
            of("provider", "!", self.other_provider),
            of("proof", "", self.proof),
        ];
        all.into_iter().flatten().collect::<Vec<_>>().join("|")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_counts_with_its_choices_only() {
        let chosen = |all: &[(&str, &str)]| Typed::new(all.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())));
        let code = chosen(&[("grant", "authorization_code"), ("provider", "microsoft"), ("proof", "client_secret")]);
        let app = chosen(&[("grant", "app_password"), ("provider", "google"), ("proof", "client_secret")]);
        let secret = When::proof(&["client_secret", "client_json"]);
        assert!(When::ALWAYS.holds(&app) && secret.holds(&code) && !secret.holds(&app));
        assert!(When::TENANT.holds(&code) && !When::TENANT.holds(&app) && When::MICROSOFT.holds(&code));
        assert_eq!(When::GOOGLE_ASKED.told(), "grant=authorization_code device_code refresh_token|provider=google");
        assert!(When::TENANT.told().ends_with("|provider=!google outlook.com yahoo fastmail"));
        assert_eq!(When::ALWAYS.told(), "");
    }
}
