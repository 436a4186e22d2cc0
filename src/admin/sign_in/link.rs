//! The one-time link by which the first password is set.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::secret::{hashed, random, same};
use crate::config::Admin;
use crate::store::{Kind, Record, Saved, Store, StoreError};

/// The one link record of the store: a new one takes the old one's place.
const NAME: &str = "setup";

/// How long a link is good, in words and as it is.
pub const LINK_LIFE: Duration = Duration::from_hours(1);

/// Makes a new link, and ends the one before. `base` is how a browser reaches the pages.
pub async fn new_link(store: &dyn Store, base: &Url) -> Result<SecretString, StoreError> {
    // Whoever is faster has made a link that is as new; ours replaces it.
    loop {
        let record = store.record(Kind::AdminLink, NAME).await?;
        if let Some(link) = replaced(store, record, base).await? {
            return Ok(link);
        }
    }
}

/// The same, unless there is one that is good still: then nothing, for whoever was given that one can use it.
pub async fn link_unless_given(store: &dyn Store, base: &Url) -> Result<Option<SecretString>, StoreError> {
    let record = store.record(Kind::AdminLink, NAME).await?;
    if matches!(record.content, Ok(Some(_))) {
        return Ok(None);
    }
    replaced(store, record, base).await
}

/// One in the place of what there is. `None`: another one was faster.
async fn replaced(store: &dyn Store, before: Record, base: &Url) -> Result<Option<SecretString>, StoreError> {
    let code = random()?;
    let kept = hashed(NAME, code.expose_secret());
    let saved = store.put(before.with(Some(kept)), Some(LINK_LIFE)).await?;
    Ok(matches!(saved, Saved::Done(_)).then(|| url(base, &code)))
}

fn url(base: &Url, code: &SecretString) -> SecretString {
    let mut url = base.clone();
    url.set_path(&format!("{}/setup", base.path().trim_end_matches('/')));
    url.set_query(Some(&format!("code={}", code.expose_secret())));
    url.as_str().into()
}

/// Whether this is the code of the link that is good now.
pub(super) async fn is_good(store: &dyn Store, code: &str) -> Result<bool, StoreError> {
    let kept = store.record(Kind::AdminLink, NAME).await?.content?;
    Ok(kept.is_some_and(|kept| same(&kept, &hashed(NAME, code))))
}

/// Ends it.
pub(super) async fn end(store: &dyn Store) -> Result<(), StoreError> {
    let record = store.record(Kind::AdminLink, NAME).await?;
    // A conflict is a newer link, which is good only while there is no password.
    store.put(record.with(None), None).await.map(drop)
}

/// How a browser reaches the pages: `public_url`, or else the address on this machine.
#[must_use]
pub fn base(admin: &Admin, port: u16) -> Option<Url> {
    let scheme = if admin.tls { "https" } else { "http" };
    let host = match admin.address.ip() {
        ip if ip.is_unspecified() || ip == std::net::Ipv4Addr::LOCALHOST => "localhost".to_owned(),
        std::net::IpAddr::V6(six) => format!("[{six}]"),
        std::net::IpAddr::V4(four) => four.to_string(),
    };
    admin.public_url.clone().or_else(|| format!("{scheme}://{host}:{port}/").parse().ok())
}
