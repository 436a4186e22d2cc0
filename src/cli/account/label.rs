//! Passwords with a label: one for each program or device, each with its own limits.

use clap::Args;

use super::super::workshop::{Workshop, actor};
use super::super::{password, say};
use super::change::not_in_the_file;
use super::told::told;
use crate::registry::{ChangeError, Terms, Which};

#[derive(Debug, Args)]
pub(in crate::cli) struct Fields {
    /// Add or replace the password of this label; logs show the label
    #[arg(long, conflicts_with_all = ["keep_old", "remove_label"])]
    pub(super) label: Option<String>,
    /// With --label: smtp, imap or pop3, for these only; may be repeated
    #[arg(long = "protocol", value_name = "PROTOCOL", requires = "label")]
    protocols: Vec<String>,
    /// With --label: from these networks only, such as 10.0.0.0/8; may be repeated
    #[arg(long = "network", value_name = "NETWORK", requires = "label")]
    networks: Vec<String>,
    /// With --label: refused from then on, from the beginning of a day (UTC) or from a time such as 2027-01-31T18:00:00Z
    #[arg(long, value_name = "DATE", requires = "label")]
    expires: Option<String>,
    /// Take the password of this label out
    #[arg(long, value_name = "LABEL", conflicts_with_all = ["keep_old", "generate"])]
    pub(super) remove_label: Option<String>,
}

const ARGUMENTS: [(&str, &str); 2] = [("protocols", "--protocol"), ("networks", "--network")];

/// Nothing is asked for before all else is right.
pub(super) async fn give(
    shop: &Workshop,
    name: &str,
    label: &str,
    fields: &Fields,
    generate: bool,
) -> anyhow::Result<()> {
    not_in_the_file(shop, name, "add the hash that `gatepost hash-password` prints to its `passwords`")?;
    let terms = terms(label, fields);
    shop.registry.may_give_password(name, &terms).await.map_err(failed)?;
    let name = shop.registry.account_name(name).await?;
    let password = password::new(generate)?;
    shop.registry.give_password(&actor(), &name, &password, terms).await.map_err(failed)?;
    say(format_args!("{name}: the password {label:?} is new"))?;
    password::tell(&password, generate)
}

pub(super) async fn remove(shop: &Workshop, name: &str, label: &str) -> anyhow::Result<()> {
    not_in_the_file(shop, name, "take it out of its `passwords`")?;
    let name = shop.registry.account_name(name).await?;
    let which = Which::Label(label.to_owned());
    shop.registry.revoke_password(&actor(), &name, which).await.map_err(failed)?;
    say(format_args!("{name}: the password {label:?} is gone"))
}

fn failed(error: ChangeError) -> anyhow::Error {
    told(error, "the password was not changed", &ARGUMENTS)
}

fn terms(label: &str, fields: &Fields) -> Terms {
    Terms {
        label: Some(label.to_owned()),
        protocols: fields.protocols.clone(),
        networks: fields.networks.clone(),
        expires: fields.expires.clone(),
        keep_old: false,
    }
}
