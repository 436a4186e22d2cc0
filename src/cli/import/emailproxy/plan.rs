//! All that will be written, checked account by account: one that does not fit keeps no other out.

use std::path::Path;

use serde_json::json;
use zeroize::Zeroizing;

use super::found::{Account, Found};
use super::listener::Listeners;
use super::open::Opened;
use super::passwords::{Answer, Passwords};
use super::provider::{Providers, Servers};
use super::token::{self, Unfit};
use crate::account::hash_password;
use crate::cli::import::known::Known;
use crate::cli::import::report::{Remarks, State};
use crate::cli::import::{Lines, toml};
use crate::config::{Config, ConfigError};

pub(super) struct Plan {
    pub(super) listeners: Listeners,
    pub(super) providers: Providers,
    pub(super) tokens: Vec<Planned>,
    /// How many were left out that nobody wanted to leave out.
    pub(super) left_out: usize,
}

/// An account and its token, which have one name.
pub(super) struct Planned {
    pub(super) name: String,
    pub(super) provider: String,
    pub(super) grant: &'static str,
    pub(super) token: Lines,
    pub(super) password_hash: String,
    pub(super) opened: Opened,
    pub(super) state: State,
}

impl Plan {
    pub(super) fn account(
        &mut self,
        found: &Found,
        account: &Account,
        passwords: &Passwords,
        (file, remarks): (&Path, &mut Remarks),
    ) -> anyhow::Result<()> {
        // Only of interest if it is taken over.
        let mut notes = Vec::new();
        match self.planned(found, account, passwords, &mut notes) {
            Ok(planned) => {
                for note in notes {
                    remarks.add(file, account.line, &account.name, note);
                }
                self.tokens.push(planned);
            }
            Err(Left::Out(why)) => remarks.add(file, account.line, &account.name, why),
            Err(Left::Failed(fault)) => return Err(fault),
        }
        Ok(())
    }

    fn planned(
        &mut self,
        found: &Found,
        account: &Account,
        passwords: &Passwords,
        notes: &mut Vec<String>,
    ) -> Result<Planned, Left> {
        let Draft { provider, grant, mut token } = self.draft(found, account, notes)?;
        let (password, opened, asked) = match passwords.of_account(account)? {
            Answer::Opened(password, opened) => (password, opened, true),
            Answer::NotAsked => ("-".into(), Opened { client_secret: Some("-".into()), ..Opened::default() }, false),
            Answer::LeftOut(why) => {
                self.left_out += usize::from(matches!(passwords, Passwords::Given(_)));
                return Err(Left::Out(why));
            }
        };
        token.extend(token::secrets(account, grant, found.options, &password, &opened)?);
        self.fitting(&account.name, &provider, &mut token, notes)?;
        let hash = || hash_password(&password).map(|hash| hash.as_str().to_owned());
        let password_hash = if asked { hash().map_err(anyhow::Error::from)? } else { ANY.to_owned() };
        let state = state(account, grant, asked, &opened);
        Ok(Planned { name: account.name.clone(), provider, grant, token, password_hash, opened, state })
    }

    fn draft(&mut self, found: &Found, account: &Account, notes: &mut Vec<String>) -> Result<Draft, Unfit> {
        if self.tokens.iter().any(|other| other.name.to_lowercase() == account.name.to_lowercase()) {
            return Err("another account has the same name but for its case".to_owned());
        }
        let token_url = token::token_url(account)?;
        let grant = token::grant(account)?;
        let known =
            Known::of(&account.name, &token_url, found.servers.iter().any(|server| server.host.contains("-dod.")));
        let servers = Servers::of(account, &token_url, known, &found.servers);
        for server in &servers.doubtful {
            let text = "several servers could be meant for {}, and an account has one of each protocol: {} was taken";
            let text = text.replacen("{}", server.protocol.name(), 1).replacen("{}", &server.name, 1);
            notes.push(text);
        }
        let provider = self.providers.named(account, &token_url, known, &servers);
        if known.is_none() && servers.of.is_empty() {
            notes.push(format!(
                "no server was found for it: give [providers.{provider:?}] its `imap`, `pop3` and `smtp`"
            ));
        }
        let token = token::settings(account, grant, &provider, known, &token_url);
        Ok(Draft { provider, grant, token })
    }

    /// What the configuration itself has to say of it. A key that can be done without is left out.
    fn fitting(&self, name: &str, provider: &str, token: &mut Lines, notes: &mut Vec<String>) -> Result<(), Unfit> {
        for _ in 0..=DISPENSABLE.len() {
            let text = self.text(name, provider, token);
            let Err(errors) = Config::of_text(Path::new("gatepost.toml"), &text) else { return Ok(()) };
            let dispensable = errors.0.iter().find_map(|error| {
                let key = DISPENSABLE.into_iter().find(|key| error.key.ends_with(&format!(".{key}")))?;
                token.iter().any(|(found, _)| *found == key).then_some((key, error))
            });
            let Some((key, error)) = dispensable else {
                return Err(errors.0.iter().map(worded).collect::<Vec<_>>().join("; "));
            };
            notes.push(format!("{key} is not carried over: {}", worded(error)));
            token.retain(|(found, _)| *found != key);
        }
        Ok(())
    }

    fn text(&self, name: &str, provider: &str, token: &Lines) -> Zeroizing<String> {
        let store: Lines = vec![("key", json!("-"))];
        let account: Lines = vec![("password_hash", json!(ANY)), ("token", json!(name))];
        let providers = self.providers.made.iter().filter(|(made, _)| made == provider);
        let providers = providers.map(|(name, lines)| toml(&["providers", name], lines));
        let of_account = [toml(&["tokens", name], token), toml(&["accounts", name], &account)];
        let parts = std::iter::once(toml(&["store"], &store)).chain(providers).chain(of_account);
        Zeroizing::new(parts.map(|part| part.to_string()).collect())
    }
}

/// Why an account is not in the plan.
enum Left {
    Out(String),
    Failed(anyhow::Error),
}

impl From<Unfit> for Left {
    fn from(why: Unfit) -> Self {
        Self::Out(format!("not carried over: {why}"))
    }
}

impl From<anyhow::Error> for Left {
    fn from(fault: anyhow::Error) -> Self {
        Self::Failed(fault)
    }
}

struct Draft {
    provider: String,
    grant: &'static str,
    token: Lines,
}

/// A provider has its own.
const DISPENSABLE: [&str; 2] = ["scopes", "redirect_uri"];

/// Stands in for a hash that nobody has made.
const ANY: &str = "$argon2id$v=19$m=19456,t=2,p=1$Z2F0ZXBvc3QtZGVjb3k$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn worded(error: &ConfigError) -> String {
    let hint = error.hint.as_ref().or(error.allowed.as_ref()).map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{}{hint}", error.problem)
}

fn state(account: &Account, grant: &str, asked: bool, opened: &Opened) -> State {
    let lives_by_refresh = ["authorization_code", "device_code", "refresh_token"].contains(&grant);
    match (lives_by_refresh, asked) {
        (false, _) => State::ByItself,
        (true, true) if opened.refresh.is_some() => State::Taken,
        (true, false) if account.refresh_token.is_some() => State::NotOpened,
        (true, _) => State::NeedsAuthorization,
    }
}
