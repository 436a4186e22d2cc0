//! What a change of a token means for the grant that it holds.

use serde_json::Value;

use crate::admin::Desk;
use crate::admin::page::{Notice, Tone};
use crate::config::Settings;
use crate::model::{Grant, Token};

/// What to do with a token that is new.
pub(super) fn first_step(token: &Token) -> String {
    match token.grant {
        Grant::AuthorizationCode => {
            "Register the redirect URI below at the provider, then press \"Get token\".".to_owned()
        }
        Grant::DeviceCode => "Press \"Get token\".".to_owned(),
        Grant::RefreshToken => "Import the refresh token, at the end of this page.".to_owned(),
        Grant::ClientCredentials | Grant::ServiceAccount(_) if token.mailbox.is_empty() => {
            "Add accounts for the mailboxes that it opens.".to_owned()
        }
        Grant::AppPassword(_) => "Add an account for it.".to_owned(),
        _ => "Press \"Refresh now\" to try it.".to_owned(),
    }
}

/// That it is saved, and whether somebody has to sign in again for it.
pub(super) async fn told(desk: &Desk, was: Option<&Token>, now: &Token, before: &Settings) -> Notice {
    let saved = format!("The token {} is saved; the next login uses it.", now.name);
    let held = match was {
        Some(was) if was.grant.lives_by_refresh() => desk.store.token(&now.name).await.ok().map(|stored| stored.state),
        _ => None,
    };
    let held = held.filter(|state| state.refresh.is_some());
    let Some((was, held)) = was.zip(held) else { return Notice::done(saved) };
    let again = again(was, now);
    if now.owns(&held) && !was.owns(&held) {
        return Notice::done(format!("{saved} What it holds was issued to just this client, and is used again."));
    }
    if !now.owns(&held) {
        let text = format!(
            "The token {} is saved. Its grant was issued to another client, or by another endpoint, and is never sent to this \
             one: until it is got again, programs are told to try again later.",
            now.name
        );
        return Notice {
            tone: Tone::Warn,
            text,
            next: Some(format!("{again} Nothing is lost: it works again when you change it back.")),
        };
    }
    let tenant = before.get("tenant").and_then(Value::as_str);
    let other_tenant = was.provider.oauth.token != now.provider.oauth.token && tenant.is_some();
    if other_tenant || !was.mailbox.eq_ignore_ascii_case(&now.mailbox) {
        let what = if other_tenant { "in another tenant" } else { "for another mailbox" };
        let text = format!(
            "The token {} is saved. Somebody signed in {what}, and that grant is used until it is got again.",
            now.name
        );
        return Notice { tone: Tone::Warn, text, next: Some(again) };
    }
    Notice::done(saved)
}

fn again(was: &Token, now: &Token) -> String {
    let how = match now.grant {
        Grant::RefreshToken => "Import a refresh token of the new client.",
        _ if now.grant.asks_a_person() => "Press \"Get token\" and sign in again.",
        _ => "Press \"Refresh now\".",
    };
    let mailbox = if was.mailbox == now.mailbox || now.mailbox.is_empty() {
        String::new()
    } else {
        format!(" Sign in as {}.", now.mailbox)
    };
    format!("{how}{mailbox}")
}
