//! `gatepost token authorize`: a person gives the grant, by the way that works here.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use secrecy::SecretString;
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use url::Url;

use super::super::spinner::spin;
use super::super::workshop::{Workshop, actor};
use super::super::{prompt, say};
use crate::consent::{Accepted, By, ConsentError, Outcome, Party, admin_consent_url, begin, callback_url, look};
use crate::model::{Grant, Token};
use crate::oauth::{Authorization, Loopback, Returned, authorization, device_code, device_grant};
use crate::registry::Actor;

/// How the consent is given; without one of these, by the way that works here.
#[derive(Clone, Copy, Debug, Default, Args)]
#[group(multiple = false)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line, one at a time")]
pub(in crate::cli) struct Way {
    /// Open a browser on this machine
    #[arg(long)]
    browser: bool,
    /// Show the address; paste the one that the browser fails to load, or the bare code
    #[arg(long)]
    paste: bool,
    /// Show a code to enter on another device
    #[arg(long)]
    device: bool,
    /// Let the answer come to the running service, by its public URL
    #[arg(long)]
    hosted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chosen {
    Browser,
    Paste,
    Device,
    Hosted,
}

/// How long a person may take.
const PATIENCE: Duration = Duration::from_mins(10);

pub(super) async fn authorize(shop: &Workshop, name: &str, way: Way) -> anyhow::Result<()> {
    let token = shop.declared.find(name)?;
    match &token.grant {
        Grant::AuthorizationCode | Grant::DeviceCode => {}
        Grant::RefreshToken => {
            bail!("token {name:?} has grant = \"refresh_token\"; run `gatepost token import {name}`")
        }
        other => bail!(
            "token {name:?} has grant = {:?} and needs nobody's consent; try `gatepost token refresh {name}`",
            other.name()
        ),
    }
    let party = shop.party(token)?;
    // From here on Ctrl-C is ours: a grant that is there is kept before we go.
    let mut interrupted = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    let chosen = choose(shop, token, way).await?;
    let consenting = async {
        match chosen {
            Chosen::Device => device(&party).await,
            Chosen::Hosted => hosted(shop, &party).await,
            Chosen::Browser => local(&party, true).await,
            Chosen::Paste => local(&party, false).await,
        }
    };
    // The service waits for the answer without us.
    let hosted = if chosen == Chosen::Hosted { " yet; the service still takes the answer for ten minutes" } else { "" };
    let gained = tokio::select! {
        biased;
        gained = timeout(PATIENCE, consenting) => gained.ok().context("nobody consented within 10 minutes; nothing was changed")??,
        _ = interrupted.recv() => bail!("interrupted; nothing was changed{hosted}"),
    };
    let accepted = match gained {
        Gained::Kept(accepted) => accepted,
        Gained::Code { code, begun } => {
            let redeeming = party.redeem(shop.store.as_ref(), &code, &begun.verifier, &begun.redirect);
            noted(shop, told(spin("asking for the token", redeeming).await)?).await
        }
        Gained::Granted(granted) => noted(shop, told(party.accept(shop.store.as_ref(), *granted).await)?).await,
    };
    let who = accepted.identity.map(|who| format!(" ({who} signed in)")).unwrap_or_default();
    say(format_args!("{name}: authorized{who}; a running service uses it at the next login"))?;
    accepted.remarks.iter().try_for_each(say)
}

/// The answer comes in whatever browser they have who type.
fn by() -> By {
    let Actor { who, from } = actor();
    By { who, from, binding: None }
}

/// The service notes what it has kept itself.
async fn noted(shop: &Workshop, accepted: Accepted) -> Accepted {
    by().note(shop.store.as_ref(), &accepted).await;
    accepted
}

/// What the person's consent brought.
enum Gained {
    /// The service has kept the grant.
    Kept(Accepted),
    /// A code that has to be redeemed here.
    Code { code: SecretString, begun: Authorization },
    /// The grant itself.
    Granted(Box<crate::model::Granted>),
}

fn told<T>(outcome: Result<T, ConsentError>) -> anyhow::Result<T> {
    outcome.map_err(|fault| anyhow::anyhow!("{fault}\nnext: {}", fault.remedy()))
}

/// The way that works here: the service's own address where it is reachable, a browser where there is a screen, else paste.
async fn choose(shop: &Workshop, token: &Token, way: Way) -> anyhow::Result<Chosen> {
    let asked = [
        (way.browser, Chosen::Browser),
        (way.paste, Chosen::Paste),
        (way.device, Chosen::Device),
        (way.hosted, Chosen::Hosted),
    ];
    if let Some((_, chosen)) = asked.into_iter().find(|(wanted, _)| *wanted) {
        return Ok(chosen);
    }
    if matches!(token.grant, Grant::DeviceCode) {
        return Ok(Chosen::Device);
    }
    if own_address(shop, token).is_some() && is_serving(shop).await {
        return Ok(Chosen::Hosted);
    }
    Ok(if has_screen() && prompt::is_terminal() { Chosen::Browser } else { Chosen::Paste })
}

/// The callback of the service, where browsers elsewhere reach it, unless the token wants another redirect.
fn own_address(shop: &Workshop, token: &Token) -> Option<Url> {
    let callback = callback_url(shop.config.admin.as_ref()?.public_url.as_ref()?);
    match &token.redirect_uri {
        Some(redirect) => (*redirect == callback).then_some(callback),
        None => (!Loopback::is_loopback(&callback)).then_some(callback),
    }
}

async fn is_serving(shop: &Workshop) -> bool {
    let Some(admin) = &shop.config.admin else { return false };
    matches!(timeout(Duration::from_secs(1), TcpStream::connect(admin.address)).await, Ok(Ok(_)))
}

fn has_screen() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

fn introduce(token: &Token, url: &Url, redirect: &Url) -> anyhow::Result<()> {
    let any_port = token.redirect_uri.is_none() && Loopback::is_loopback(redirect);
    say(format_args!("Open this address in a browser, and sign in as {}:\n\n  {url}\n", token.mailbox))?;
    say(format_args!(
        "Redirect URI, as it has to be registered: {redirect}{}",
        if any_port { " (with any port)" } else { "" }
    ))?;
    if let Some(consent) = admin_consent_url(token, redirect) {
        say(format_args!("If it says that an administrator has to approve, give them this address:\n  {consent}"))?;
    }
    Ok(())
}

/// The browser comes back to this machine, or a person pastes where it went: whichever is first.
async fn local(party: &Party, browser: bool) -> anyhow::Result<Gained> {
    let token = &party.token;
    let registered = token.redirect_uri.as_ref();
    let listener = match registered {
        Some(redirect) if !Loopback::is_loopback(redirect) => None,
        _ => Some(Loopback::open(token.provider.manners.loopback, registered).await?),
    };
    let redirect =
        listener.as_ref().map(Loopback::redirect).or(registered).context("there is no redirect URI")?.clone();
    let begun = told(authorization(&party.http, token, redirect).await.map_err(|refusal| party.refused(refusal)))?;
    introduce(token, &begun.url, &begun.redirect)?;
    let opened = browser && open_browser(&begun.url);
    say(
        "\nIf the browser ends at a page that it cannot load, copy the address of that page, paste it here, and press Enter.",
    )?;
    let answers = answer(listener.as_ref(), &begun);
    let answer = if opened { spin("waiting for the browser", answers).await? } else { answers.await? };
    if answer.is_foreign(&token.provider) {
        bail!("another issuer than the provider's answered; nothing was changed");
    }
    match answer.outcome {
        Ok(code) => Ok(Gained::Code { code, begun }),
        Err(declined) => {
            let remedy = declined.remedy(token);
            told(Err(ConsentError::Declined(declined, remedy)))
        }
    }
}

async fn answer(listener: Option<&Loopback>, begun: &Authorization) -> anyhow::Result<Returned> {
    let came_back = async {
        match listener {
            Some(listener) => listener.returned(&begun.state).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        returned = came_back => Ok(returned),
        pasted = pasted(begun, listener.is_some()) => pasted,
    }
}

/// What somebody pastes, until it makes sense. Where nobody can, the browser is waited for, if it can come back.
async fn pasted(begun: &Authorization, browser_may_come: bool) -> anyhow::Result<Returned> {
    let mut lines: mpsc::Receiver<String> = prompt::lines();
    while let Some(line) = lines.recv().await {
        match Returned::pasted(&line) {
            _ if line.trim().is_empty() => {}
            Some(returned) if returned.state.is_some() && !returned.answers(&begun.state) => {
                say(
                    "That is the answer to another authorization. Open the address above, and paste where it leads to.",
                )?;
            }
            Some(returned) => return Ok(returned),
            None => {
                say("There is no code in that. Paste the whole address of the page that the browser could not load.")?;
            }
        }
    }
    if browser_may_come { std::future::pending().await } else { bail!("nothing was pasted; nothing was changed") }
}

/// The address goes to the program as an argument: it holds no secret, only what proves that the answer is ours.
fn open_browser(url: &Url) -> bool {
    const OPENERS: [&str; 3] = ["xdg-open", "gio", "open"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = OPENERS
        .iter()
        .find(|name| std::env::split_paths(&path).any(|directory| Path::new(&directory).join(name).exists()));
    let Some(opener) = found else { return false };
    let mut command = std::process::Command::new(opener);
    if *opener == "gio" {
        command.arg("open");
    }
    command.arg(url.as_str()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().is_ok()
}

/// A person enters a code elsewhere.
async fn device(party: &Party) -> anyhow::Result<Gained> {
    let refused = |refusal| party.refused(refusal);
    let code = told(spin("asking for a code", device_code(&party.http, &party.token)).await.map_err(refused))?;
    say(format_args!(
        "Open {} on any device, enter the code\n\n  {}\n\nand sign in as {}.",
        code.verification_url, code.user_code, party.token.mailbox
    ))?;
    if let Some(url) = &code.complete_url {
        say(format_args!("Or open this address, which has the code in it:\n  {url}"))?;
    }
    let waiting = spin("waiting for the code to be entered", device_grant(&party.http, &party.token, &code));
    Ok(Gained::Granted(Box::new(told(waiting.await.map_err(refused))?)))
}

/// The answer comes to the running service, which redeems it.
async fn hosted(shop: &Workshop, party: &Party) -> anyhow::Result<Gained> {
    let public = shop.config.admin.as_ref().and_then(|admin| admin.public_url.as_ref());
    let public = public.context("there is no public_url in [admin], so the service has no address for the answer")?;
    if !is_serving(shop).await {
        bail!("no service is running at [admin] address; start it, or use --paste");
    }
    let store = Arc::clone(&shop.store);
    let begun = told(begin(store.as_ref(), party, callback_url(public), &by()).await)?;
    introduce(&party.token, &begun.url, &callback_url(public))?;
    let answered = async {
        loop {
            sleep(Duration::from_millis(500)).await;
            match look(store.as_ref(), &begun.id, None).await {
                Ok(Some(consent)) if consent.outcome == Outcome::Waiting => {}
                other => return other,
            }
        }
    };
    let consent = told(spin("waiting for the answer to come to the service", answered).await)?;
    match consent.map(|consent| consent.outcome) {
        Some(Outcome::Accepted(accepted)) => Ok(Gained::Kept(accepted)),
        Some(Outcome::Failed(why, remedy)) => bail!("{why}\nnext: {remedy}"),
        Some(Outcome::Waiting | Outcome::Cancelled) | None => told(Err(ConsentError::Unknown)),
    }
}
