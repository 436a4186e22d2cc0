//! What a mail server has against a login or a command, and the next step, for this very token and user.

use super::Advice;
use super::claims::{Claims, is_app_only};
use crate::explain;
use crate::model::{Grant, Protocol, Token};

/// Whose login or command was refused.
pub(super) struct Case<'a> {
    pub(super) token: &'a Token,
    pub(super) claims: &'a Claims,
    pub(super) protocol: Protocol,
    pub(super) user: &'a str,
}

/// The meaning of a server's words, where they are known.
pub(super) fn refusal(said: &str, case: &Case<'_>) -> Option<Advice> {
    let known = explain::mail_refusal(said);
    let told = known.filter(|known| !explain::is_exchange_identity(known));
    if let Some(known) = told {
        let remedy = known.remedy_at(&case.token.name, case.user);
        return Some(Advice::new(known.cause, remedy));
    }
    let known = known?;
    if let Some(objection) = case.claims.objection(case.token) {
        return Some(objection);
    }
    let remedy = if is_app_only(case.token) { case.app_only() } else { case.delegated() };
    Some(Advice::new(known.cause, remedy))
}

impl Case<'_> {
    /// The object id is by far the most common mistake, and Exchange says nothing of it.
    fn app_only(&self) -> String {
        let user = self.user;
        let role = self.claims.lacks(self.token, self.protocol);
        let role = role.map(|role| format!("; the token lacks the role {role}, too")).unwrap_or_default();
        format!(
            "in Exchange Online PowerShell, was New-ServicePrincipal given the Object ID that Entra shows under ENTERPRISE applications (the one under App registrations is another)? Then Add-MailboxPermission {user} -User OBJECT_ID -AccessRights FullAccess{}; both take up to two hours{role}",
            self.switch(),
        )
    }

    fn delegated(&self) -> String {
        let (user, name) = (self.user, &self.token.name);
        let other = self.claims.user().filter(|signed_in| !signed_in.eq_ignore_ascii_case(user));
        let other = other.map(|other| format!(" {other} signed in: has it FullAccess to {user}?")).unwrap_or_default();
        let scope = match self.claims.lacks(self.token, self.protocol) {
            Some(scope) => {
                format!("the token lacks the scope {scope}: add it and run `gatepost token authorize {name}`")
            }
            None => "do the scopes name https://outlook.office.com?".to_owned(),
        };
        format!(
            "is {user} the primary address of the mailbox, not an alias?{other} Otherwise, {scope}{}",
            self.switch()
        )
    }

    /// The mailbox's own switch for the protocol.
    fn switch(&self) -> String {
        let switch = match self.protocol {
            Protocol::Imap => "ImapEnabled $true",
            Protocol::Pop3 => "PopEnabled $true",
            Protocol::Smtp => "SmtpClientAuthenticationDisabled $false",
        };
        format!("; and Set-CASMailbox {} -{switch}", self.user)
    }

    /// A refusal in words that nobody has seen yet.
    pub(super) fn unknown(&self) -> Advice {
        if let Some(objection) = self.claims.objection(self.token) {
            return objection;
        }
        let (user, name) = (self.user, &self.token.name);
        let (cause, remedy) = match self.token.grant {
            Grant::AppPassword(_) => (
                "the server does not accept this user with this password",
                format!("check the app password, and that {user} is its user"),
            ),
            _ => (
                "the server does not accept this user with this token",
                format!(
                    "is {user} who signed in, and do the `scopes` cover {}? Then `gatepost token authorize {name}`",
                    self.protocol
                ),
            ),
        };
        Advice::new(cause, remedy)
    }
}
