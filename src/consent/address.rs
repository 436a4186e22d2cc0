//! Where a browser comes back to, and where a tenant's administrator consents for everyone.

use url::Url;

use crate::model::Token;

/// Where the running service takes answers, as it has to be registered at the provider: `public_url` + `oauth/callback`.
#[must_use]
pub fn callback_url(public_url: &Url) -> Url {
    let mut url = public_url.clone();
    url.set_path(&format!("{}/oauth/callback", public_url.path().trim_end_matches('/')));
    url
}

/// The redirect URI of a token whose consent the service begins: the token's own, else the service's callback.
#[must_use]
pub fn redirect_url(token: &Token, public_url: &Url) -> Url {
    token.redirect_uri.clone().unwrap_or_else(|| callback_url(public_url))
}

/// Where a tenant's administrator consents for everyone, where the provider has such a page. It answers to `redirect`, too.
#[must_use]
pub fn admin_consent_url(token: &Token, redirect: &Url) -> Option<Url> {
    let mut url = token.provider.oauth.admin_consent.clone()?;
    url.query_pairs_mut()
        .append_pair("client_id", &token.client_id)
        .append_pair("scope", &token.scopes.join(" "))
        .append_pair("redirect_uri", redirect.as_str());
    Some(url)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Grant, OauthUrls, Provider};

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn the_callback_keeps_the_path_prefix() {
        for (public, callback) in [
            ("http://localhost:8590", "http://localhost:8590/oauth/callback"),
            ("https://mail.example.com/gatepost", "https://mail.example.com/gatepost/oauth/callback"),
            ("https://mail.example.com/gatepost/", "https://mail.example.com/gatepost/oauth/callback"),
        ] {
            assert_eq!(callback_url(&url(public)).as_str(), callback);
        }
    }

    #[test]
    fn a_token_with_a_redirect_of_its_own_keeps_it() {
        let oauth =
            OauthUrls { admin_consent: Some(url("https://login.example/t/v2.0/adminconsent")), ..OauthUrls::default() };
        let provider = Arc::new(Provider { oauth, ..Provider::default() });
        let mut token = Token {
            client_id: "client".into(),
            scopes: vec!["a".into(), "b".into()],
            ..Token::bare("support", provider, Grant::AuthorizationCode)
        };
        let public = url("https://mail.example.com/");
        assert_eq!(redirect_url(&token, &public), callback_url(&public));
        token.redirect_uri = Some(url("https://elsewhere.example/cb"));
        let redirect = redirect_url(&token, &public);
        assert_eq!(redirect.as_str(), "https://elsewhere.example/cb");
        let consent = admin_consent_url(&token, &redirect).unwrap();
        assert_eq!(
            consent.query().unwrap(),
            "client_id=client&scope=a+b&redirect_uri=https%3A%2F%2Felsewhere.example%2Fcb"
        );
    }
}
