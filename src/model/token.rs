use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use url::Url;

use super::{ClientCertificate, Provider, ServiceAccount, TokenState};

/// A named OAuth 2.0 credential as declared; what it currently holds is its state, in the store.
#[derive(Clone, Debug)]
pub struct Token {
    /// The name accounts refer to.
    pub name: String,
    /// Where it comes from and is used.
    pub provider: Arc<Provider>,
    /// How it is obtained.
    pub grant: Grant,
    /// The mailbox it opens: the SASL user unless an account says otherwise.
    pub mailbox: String,
    /// The client registered at the provider; empty where there is none.
    pub client_id: String,
    /// How that client proves itself.
    pub client_authentication: ClientAuthentication,
    /// Scopes to request.
    pub scopes: Vec<String>,
    /// Where the provider sends the browser back to, instead of a loopback address.
    pub redirect_uri: Option<Url>,
    /// Somebody else than the mailbox may have signed in: a delegate.
    pub delegate: bool,
    /// The client is in Google's Testing state: its grants end after seven days.
    pub testing: bool,
    /// When the client's secret ends, as far as somebody said so.
    pub secret_ends: Option<DateTime<Utc>>,
    /// Switched off: it is neither used nor refreshed, and what it holds is kept.
    pub disabled: bool,
}

/// How a token is obtained.
#[derive(Clone, Debug)]
pub enum Grant {
    /// A person consents in a browser (RFC 6749, 4.1, with PKCE).
    AuthorizationCode,
    /// A person enters a code elsewhere (RFC 8628).
    DeviceCode,
    /// A refresh token from elsewhere, imported once (RFC 6749, 6).
    RefreshToken,
    /// App-only access (RFC 6749, 4.4): no refresh token.
    ClientCredentials,
    /// A service account that acts as the mailbox (RFC 7523; Google's domain-wide delegation): one token per mailbox.
    ServiceAccount(Arc<ServiceAccount>),
    /// The mailbox's own password for a token (RFC 6749, 4.3), which RFC 9700 forbids: the last resort.
    Password(SecretString),
    /// No OAuth at all: an app password for SASL PLAIN or LOGIN.
    AppPassword(SecretString),
}

impl Grant {
    /// The name in configuration.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::DeviceCode => "device_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::ServiceAccount(_) => "service_account",
            Self::Password(_) => "password",
            Self::AppPassword(_) => "app_password",
        }
    }

    /// Whether it lives by a refresh token, and dies with it.
    #[must_use]
    pub const fn lives_by_refresh(&self) -> bool {
        matches!(self, Self::AuthorizationCode | Self::DeviceCode | Self::RefreshToken)
    }

    /// Whether a person can give it anew with `gatepost token authorize`.
    #[must_use]
    pub const fn asks_a_person(&self) -> bool {
        matches!(self, Self::AuthorizationCode | Self::DeviceCode)
    }
}

/// How the OAuth client proves itself at the token endpoint.
#[derive(Clone, Debug)]
pub enum ClientAuthentication {
    /// A public client: only its id.
    Public,
    /// Secret in the request body (`client_secret_post`), what Microsoft and Google expect.
    SecretPost(SecretString),
    /// Secret in the Authorization header (`client_secret_basic`).
    SecretBasic(SecretString),
    /// An assertion signed with a certificate's key (`private_key_jwt`, RFC 7523, 2.2).
    Certificate(Arc<ClientCertificate>),
    /// An assertion of another issuer, read anew for each request (workload identity federation).
    AssertionFile(PathBuf),
    /// The machine's own identity; with a client id as that app's assertion, without one as the token itself.
    ManagedIdentity(ManagedIdentity),
}

/// Where a cloud machine gets its identity.
#[derive(Clone, Debug)]
pub struct ManagedIdentity {
    /// The instance metadata service, or what App Service names in its environment.
    pub endpoint: Url,
    /// App Service's `X-IDENTITY-HEADER`.
    pub header: Option<SecretString>,
    /// Client id of a user-assigned identity; the machine's own without.
    pub identity: Option<String>,
}

/// Separates a token's name from its subject; no name has it.
const UNIT: char = '\u{1f}';

impl Token {
    /// Whether it stands in for one that is nowhere: it has no provider.
    #[must_use]
    pub fn is_stand_in(&self) -> bool {
        self.provider.name.is_empty()
    }

    /// Whether it has a state for each mailbox.
    #[must_use]
    pub const fn is_per_mailbox(&self) -> bool {
        matches!(self.grant, Grant::ServiceAccount(_))
    }

    /// Whether nobody signed in for it: it acts as whatever mailbox it is let into.
    #[must_use]
    pub const fn acts_as_any(&self) -> bool {
        matches!(self.grant, Grant::ClientCredentials | Grant::ServiceAccount(_))
    }

    /// The name of its state in the store. A service account has one for each mailbox it acts as; every other token serves
    /// all mailboxes with one.
    #[must_use]
    pub fn state_name(&self, user: &str) -> String {
        match self.grant {
            Grant::ServiceAccount(_) => format!("{}{UNIT}{}", self.name, user.to_lowercase()),
            _ => self.name.clone(),
        }
    }

    /// The token's name and the mailbox of a state's name.
    #[must_use]
    pub fn of_state(state_name: &str) -> (&str, Option<&str>) {
        state_name.split_once(UNIT).map_or((state_name, None), |(name, user)| (name, Some(user)))
    }

    /// Nothing but who it is: no client, no mailbox, no scopes.
    #[must_use]
    pub fn bare(name: &str, provider: Arc<Provider>, grant: Grant) -> Self {
        Self {
            name: name.to_owned(),
            provider,
            grant,
            mailbox: String::new(),
            client_id: String::new(),
            client_authentication: ClientAuthentication::Public,
            scopes: Vec::new(),
            redirect_uri: None,
            delegate: false,
            testing: false,
            secret_ends: None,
            disabled: false,
        }
    }

    /// Whether what a state holds was issued by this provider to this client, or noted for nobody. Asked by every login:
    /// makes no text for it.
    #[must_use]
    pub fn owns(&self, state: &TokenState) -> bool {
        let ours = (self.provider.oauth.host(), self.client_id.as_str());
        state.bound_to.as_deref().is_none_or(|bound| bound.split_once(' ') == Some(ours))
    }

    /// Whom its refresh token was issued by and to. A state that is bound to another is never sent.
    #[must_use]
    pub fn binding(&self) -> String {
        format!("{} {}", self.provider.oauth.host(), self.client_id)
    }
}
