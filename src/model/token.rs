use std::sync::Arc;

use secrecy::SecretString;

use super::Provider;

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
    /// The client registered at the provider.
    pub client_id: String,
    /// How that client proves itself.
    pub client_authentication: ClientAuthentication,
    /// Scopes to request.
    pub scopes: Vec<String>,
}

/// How a token is obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// A refresh token from elsewhere, imported once (RFC 6749, 6).
    RefreshToken,
    /// App-only access (RFC 6749, 4.4): no refresh token.
    ClientCredentials,
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
}
