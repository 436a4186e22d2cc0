//! Changes of accounts that live in the store.

use anyhow::bail;

use super::super::workshop::{Workshop, actor};
use super::super::{password, prompt, say};
use super::told::told;
use crate::registry::Terms;

pub(super) async fn password(shop: &Workshop, name: &str, generate: bool, keep_old: bool) -> anyhow::Result<()> {
    not_in_the_file(shop, name, "give it the hash that `gatepost hash-password` prints")?;
    let terms = Terms { keep_old, ..Terms::default() };
    // Nothing is asked for in vain.
    shop.registry.may_give_password(name, &terms).await.map_err(failed)?;
    let name = &shop.registry.account_name(name).await?;
    let password = password::new(generate)?;
    shop.registry.give_password(&actor(), name, &password, terms).await.map_err(failed)?;
    let declared = shop.registry.declared();
    let account = declared.accounts.iter().find(|account| account.name == *name);
    let labelled = account.is_some_and(|account| account.passwords.iter().any(|password| password.label.is_some()));
    let old = match (keep_old, labelled) {
        (true, _) => "; the old ones open it too",
        (false, true) => "; those with a label open it too",
        (false, false) => "",
    };
    say(format_args!("{name}: it has a new password{old}"))?;
    password::tell(&password, generate)
}

fn failed(error: crate::registry::ChangeError) -> anyhow::Error {
    told(error, "the account was not changed", &[])
}

pub(super) async fn disable(shop: &Workshop, name: &str, disabled: bool) -> anyhow::Result<()> {
    let listed = shop.config.account_place(name).is_some_and(|place| place.listed);
    let (edit, word) = match (disabled, listed) {
        (true, false) => ("write `disabled = true`", "disabled"),
        (true, true) => ("take it out of `users`", "disabled"),
        (false, _) => ("take `disabled = true` out", "enabled"),
    };
    not_in_the_file(shop, name, edit)?;
    let name = shop.registry.account_name(name).await.map_err(failed)?;
    shop.registry.disable_account(&actor(), &name, disabled).await.map_err(failed)?;
    say(format_args!("{name}: {word}"))
}

/// Also one that cannot be read, or that is hidden by an account of the file.
pub(super) async fn remove(shop: &Workshop, name: &str, yes: bool) -> anyhow::Result<()> {
    let name = match shop.registry.account_name(name).await {
        Err(crate::registry::ChangeError::InFile { .. }) => return not_in_the_file(shop, name, "take it out"),
        found => found.map_err(failed)?,
    };
    prompt::confirm(&format!("Remove the account {name:?}?"), yes)?;
    shop.registry.remove_account(&actor(), &name).await.map_err(failed)?;
    say(format_args!("{name}: removed"))
}

/// The command line changes no files: `edit` says how a person does.
pub(super) fn not_in_the_file(shop: &Workshop, name: &str, edit: &str) -> anyhow::Result<()> {
    match shop.config.account_place(name) {
        None => Ok(()),
        Some(place) => bail!("the account {name:?} stands in {}; {edit} there", place.line),
    }
}
