//! What an access token says of itself, where it can be read, and whether a mail server can like it.

use secrecy::ExposeSecret as _;

use super::Advice;
use super::step::Finding;
use crate::model::{AccessToken, Family, Grant, Protocol, Token, same_scope};
use crate::oauth::telling_claims;

/// The claims of an access token; none of an opaque one.
#[derive(Clone, Debug, Default)]
pub(super) struct Claims(Vec<(&'static str, String)>);

/// Whom a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    Exchange,
    Graph,
    Another,
}

impl Claims {
    pub(super) fn of(access: &AccessToken) -> Self {
        Self(telling_claims(access.secret().expose_secret()))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Who signed in, as far as the token says so.
    pub(super) fn user(&self) -> Option<&str> {
        self.get("upn").or_else(|| self.get("unique_name"))
    }

    /// Permissions, of users or of the app.
    fn permissions(&self) -> Option<&str> {
        self.get("scp").or_else(|| self.get("roles"))
    }

    /// For people, in one line; nothing of an opaque token.
    pub(super) fn summary(&self) -> Option<String> {
        const SHOWN: [(&str, &str); 7] = [
            ("aud", "for"),
            ("scp", "scopes"),
            ("scope", "scopes"),
            ("roles", "roles"),
            ("upn", "user"),
            ("unique_name", "user"),
            ("tid", "tenant"),
        ];
        let mut parts: Vec<String> = Vec::new();
        for (name, word) in SHOWN {
            let Some(value) = self.get(name) else { continue };
            let part = format!("{word} {value}");
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    fn audience(&self) -> Option<Audience> {
        /// Application ids of Microsoft's own that stand as audience, too.
        const EXCHANGE: &str = "00000002-0000-0ff1-ce00-000000000000";
        const GRAPH: &str = "00000003-0000-0000-c000-000000000000";
        let audience = self.get("aud")?.to_lowercase();
        let has = |part| audience.contains(part);
        Some(if has("graph.microsoft") || has("microsoftgraph") || has(GRAPH) {
            Audience::Graph
        } else if has("outlook") || has(EXCHANGE) {
            Audience::Exchange
        } else {
            Audience::Another
        })
    }

    /// Why no mail server can take the token, whoever the user is.
    pub(super) fn objection(&self, token: &Token) -> Option<Advice> {
        let audience = self.get("aud")?;
        let cause = match self.audience()? {
            Audience::Graph => "the token is for Microsoft Graph, and the mail servers take none of those".to_owned(),
            Audience::Another if token.provider.family == Family::Microsoft => {
                format!("the token is for {audience:?}, and not for Exchange")
            }
            Audience::Another | Audience::Exchange => return None,
        };
        let remedy = if is_app_only(token) {
            "set scopes = [\"https://outlook.office365.com/.default\"]".to_owned()
        } else {
            format!(
                "in `scopes` write https://outlook.office.com/ before each permission (https://outlook.office.com/IMAP.AccessAsUser.All), then run `gatepost token authorize {}`",
                token.name
            )
        };
        Some(Advice::new(cause, remedy))
    }

    /// What is missing whatever the protocol.
    pub(super) fn remarks(&self, token: &Token) -> Vec<Finding> {
        let objection = self.objection(token).map(|advice| Finding::warning("wrong audience", advice));
        objection.or_else(|| self.no_roles(token)).into_iter().collect()
    }

    fn no_roles(&self, token: &Token) -> Option<Finding> {
        let none = self.get("roles").is_none_or(str::is_empty);
        if self.audience() != Some(Audience::Exchange) || !is_app_only(token) || !none {
            return None;
        }
        let advice = Advice::new(
            "no application permission was granted, or Exchange gives the rights itself (RBAC for Applications), and then nothing is wrong",
            "app registration → API permissions → Office 365 Exchange Online → Application permissions: IMAP.AccessAsApp, POP.AccessAsApp, SMTP.SendAsApp; then Grant admin consent",
        );
        Some(Finding::warning("the app-only token carries no roles", advice))
    }

    /// The permission that this protocol needs, if the token names others and not this one.
    pub(super) fn lacks(&self, token: &Token, protocol: Protocol) -> Option<&'static str> {
        let permissions = self.permissions().filter(|all| !all.is_empty())?;
        let needed = needed(token, protocol);
        let exchange = self.audience() == Some(Audience::Exchange);
        (exchange && !permissions.split(' ').any(|has| same_scope(has, needed))).then_some(needed)
    }

    pub(super) fn remark_on(&self, token: &Token, protocol: Protocol) -> Option<Finding> {
        let needed = self.lacks(token, protocol)?;
        let remedy = if is_app_only(token) {
            format!(
                "app registration → API permissions → Office 365 Exchange Online → Application permissions: {needed}; then Grant admin consent (with RBAC for Applications nothing is wrong)"
            )
        } else {
            let name = &token.name;
            format!("add {needed} to `scopes` and to the app registration, then run `gatepost token authorize {name}`")
        };
        let cause = format!("the token has {}, and {protocol} needs {needed}", self.permissions().unwrap_or_default());
        Some(Finding::warning(format!("{needed} is missing"), Advice::new(cause, remedy)))
    }
}

/// The permission of a protocol (learn.microsoft.com, "Authenticate an IMAP, POP or SMTP connection using OAuth").
const fn needed(token: &Token, protocol: Protocol) -> &'static str {
    match (is_app_only(token), protocol) {
        (true, Protocol::Imap) => "IMAP.AccessAsApp",
        (true, Protocol::Pop3) => "POP.AccessAsApp",
        (true, Protocol::Smtp) => "SMTP.SendAsApp",
        (false, Protocol::Imap) => "IMAP.AccessAsUser.All",
        (false, Protocol::Pop3) => "POP.AccessAsUser.All",
        (false, Protocol::Smtp) => "SMTP.Send",
    }
}

pub(super) const fn is_app_only(token: &Token) -> bool {
    matches!(token.grant, Grant::ClientCredentials)
}
