use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::ClientConfig;

use crate::model::AccessToken;
use crate::proto::sasl::Mechanism;
use crate::upstream::{Server, Target};

/// As whom, where and how a session was logged in. Two logins of the same key would make the same session.
///
/// The access token is a part of it: one that was renewed, exchanged, taken back or distrusted makes another session.
#[derive(Clone)]
pub struct Key {
    server: Server,
    trust: Arc<ClientConfig>,
    ehlo: String,
    user: String,
    token: String,
    mechanism: Mechanism,
    access: AccessToken,
}

impl Key {
    /// Of a login there with this access token of the token of that name.
    #[must_use]
    pub fn of(target: &Target<'_>, token: &str, access: &AccessToken) -> Self {
        Self {
            server: target.server(),
            trust: Arc::clone(target.trust),
            ehlo: target.ehlo.to_owned(),
            user: target.user.to_owned(),
            token: token.to_owned(),
            mechanism: target.mechanism,
            access: access.clone(),
        }
    }

    /// Whether a login there would make the same session, whatever its access token.
    #[must_use]
    pub fn is_of(&self, target: &Target<'_>, token: &str) -> bool {
        *self == Self::of(target, token, &self.access)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let Self { server, trust, ehlo, user, token, mechanism, access } = self;
        *server == other.server
            && Arc::ptr_eq(trust, &other.trust)
            && *ehlo == other.ehlo
            && *user == other.user
            && *token == other.token
            && *mechanism == other.mechanism
            && *access == other.access
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, user, token, mechanism, .. } = self;
        write!(f, "{user} at {server:?} by {mechanism:?} of {token}")
    }
}
