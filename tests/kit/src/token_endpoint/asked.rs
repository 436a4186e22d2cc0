use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::client::{Assertion, Client};
use crate::form;
use crate::http::Request;
use crate::jwt::Claims;
use crate::state::TokenRequest;

/// What a request asks for, and who says so.
pub(crate) struct Asked {
    form: HashMap<String, String>,
    pub(crate) client: String,
    proof: Proof,
}

/// How a client authenticates.
enum Proof {
    Nothing,
    Secret(String),
    /// In the field Authorization.
    Basic(String),
    /// `None` if it is malformed.
    Assertion(Option<Claims>),
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl Asked {
    pub(crate) fn new(request: &Request) -> Self {
        let form: HashMap<String, String> = form::fields(request.said()).into_iter().collect();
        let field = |name: &str| form.get(name).cloned();
        let (client, proof) = if let Some((client, secret)) = request.header("authorization").and_then(basic) {
            (Some(client), Proof::Basic(secret))
        } else if let Some(assertion) = field("client_assertion") {
            let is_jwt = field("client_assertion_type").as_deref() == Some(ASSERTION_TYPE);
            let claims = Claims::read(&assertion).filter(|_| is_jwt);
            let subject = claims.as_ref().map(|claims| claims.text("sub").to_owned());
            (field("client_id").or(subject), Proof::Assertion(claims))
        } else if let Some(secret) = field("client_secret") {
            (field("client_id"), Proof::Secret(secret))
        } else {
            (field("client_id"), Proof::Nothing)
        };
        Self { client: client.unwrap_or_default(), proof, form }
    }

    pub(crate) fn field(&self, name: &str) -> &str {
        self.form.get(name).map_or("", String::as_str)
    }

    pub(crate) const fn is_basic(&self) -> bool {
        matches!(self.proof, Proof::Basic(_))
    }

    /// What the scope holds, word for word.
    pub(crate) fn has_scope(&self, name: &str) -> bool {
        self.field("scope").split(' ').any(|scope| scope == name)
    }

    pub(crate) fn record(&self, request: &Request) -> TokenRequest {
        TokenRequest {
            path: request.path.clone(),
            grant: self.field("grant_type").to_owned(),
            client: self.client.clone(),
            refresh_token: self.form.get("refresh_token").cloned(),
            body: request.said().to_owned(),
        }
    }

    /// Why this is not the client that it claims to be: Microsoft's number and text.
    pub(crate) fn is_not(&self, client: &Client, token_url: &str) -> Option<(u32, &'static str)> {
        match (&self.proof, &client.secret, &client.assertion) {
            (Proof::Nothing, None, None) => None,
            (Proof::Nothing, ..) => Some((
                7_000_218,
                "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            )),
            (_, None, None) => Some((
                700_025,
                "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
            )),
            (Proof::Secret(secret) | Proof::Basic(secret), Some(known), _) if secret == known => None,
            (Proof::Secret(_) | Proof::Basic(_), ..) => Some((7_000_215, "Invalid client secret provided.")),
            (Proof::Assertion(None), ..) => Some((50_027, "JWT token is invalid or malformed.")),
            (Proof::Assertion(_), _, None) => {
                Some((700_027, "The certificate used to sign the client assertion is not registered on application."))
            }
            (Proof::Assertion(Some(claims)), _, Some(known)) => known.is_not(claims, &client.id, token_url),
        }
    }
}

impl Assertion {
    fn is_not(&self, claims: &Claims, client: &str, token_url: &str) -> Option<(u32, &'static str)> {
        let (issuer, subject, audience) = match self {
            Self::Own => (client, client, token_url),
            Self::Federated { issuer, subject } => (&issuer[..], &subject[..], "api://AzureADTokenExchange"),
        };
        if (claims.text("iss"), claims.text("sub")) != (issuer, subject) {
            return Some((700_213, "No matching federated identity record found for presented assertion subject."));
        }
        if claims.text("aud") != audience {
            return Some((700_212, "No matching federated identity record found for presented assertion audience."));
        }
        (!claims.is_current()).then_some((700_024, "Client assertion is not within its valid time range."))
    }
}

fn basic(field: &str) -> Option<(String, String)> {
    let pair = String::from_utf8(STANDARD.decode(field.strip_prefix("Basic ")?).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    Some((form::decode(id), form::decode(secret)))
}
