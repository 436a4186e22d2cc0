//! A test message: one small mail by an account's own way out, with the upstream's answer to each step of it.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Advice;
use super::chain::{Chains, Place, Stopped};
use super::claims::Claims;
use super::refusal::{Case, refusal};
use super::session::{Session, Unanswered};
use super::step::{Finding, Stage, Step};
use crate::clock;
use crate::model::{Account, Protocol, SenderPolicy};
use crate::oauth::is_unprintable;
use crate::proto::smtp::Reply;

/// To whom a test message goes: an address that can stand behind RCPT TO as it is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Recipient(String);

/// A text that is no such address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no mail address; write one such as name@example.com, in ASCII and without a name before it")]
pub struct NoAddress;

impl Recipient {
    /// Checks an address that somebody typed.
    pub fn parse(text: &str) -> Result<Self, NoAddress> {
        let text = text.trim();
        SenderPolicy::is_address(text).then(|| Self(text.to_owned())).ok_or(NoAddress)
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How long the upstream may take to judge the message (RFC 5321, 4.5.3.2.6 would have ten minutes).
const JUDGEMENT: Duration = Duration::from_mins(2);

impl<T: FnMut(Step) + Send> Chains<'_, T> {
    /// Sends one message.
    pub(super) async fn message(&mut self, account: &Account, to: &Recipient) {
        self.verdict.chains += 1;
        if self.sent(&Place { account, protocol: Protocol::Smtp }, to).await.is_err() {
            self.verdict.failed += 1;
        }
    }

    async fn sent(&mut self, place: &Place<'_>, to: &Recipient) -> Result<(), Stopped> {
        let Place { account, protocol } = *place;
        if let Some(finding) = unfit(account) {
            return self.tell(place, Stage::Account, &finding, None);
        }
        let Some(sender) = sender(account) else { return self.tell(place, Stage::Account, &nobody(), None) };
        let reach = self.reach(place)?;
        let user = account.upstream_user(protocol);
        let Some(target) = reach.examined(&account.token, protocol, user) else { return self.undeclared(place) };
        let (link, input) = self.enter(place, &target).await?;
        let mut session = Session { link, input, limit: target.limits.login };
        let talked = self.talk(place, &mut session, &sender, to, &reach.ehlo).await;
        session.leave(protocol).await;
        talked
    }

    async fn talk(
        &mut self,
        place: &Place<'_>,
        session: &mut Session,
        sender: &str,
        to: &Recipient,
        host: &str,
    ) -> Result<(), Stopped> {
        let to = to.as_str();
        self.step(place, Stage::Mail, session, &format!("MAIL FROM:<{sender}>\r\n"), 2).await?;
        self.step(place, Stage::Rcpt, session, &format!("RCPT TO:<{to}>\r\n"), 2).await?;
        self.step(place, Stage::Data, session, "DATA\r\n", 3).await?;
        let message = text(place.account, sender, to, host, clock::now());
        session.limit = session.limit.max(JUDGEMENT);
        self.step(place, Stage::Message, session, &format!("{message}.\r\n"), 2).await
    }

    /// Says something and tells what the upstream answers, well if its code begins with this digit.
    async fn step(
        &mut self,
        place: &Place<'_>,
        stage: Stage,
        session: &mut Session,
        said: &str,
        good: u16,
    ) -> Result<(), Stopped> {
        let begun = Instant::now();
        let answered = session.ask_in_time(said).await;
        let finding = match answered {
            Ok(reply) if reply.code() / 100 == good => Finding::ok(heard(stage, said, &reply)),
            Ok(reply) => refused(place, stage, &heard(stage, said, &reply)),
            Err(fault) => unanswered(stage, &fault),
        };
        self.tell(place, stage, &finding, Some(begun.elapsed()))
    }
}

/// What keeps an account from sending, whatever the upstream thinks.
fn unfit(account: &Account) -> Option<Finding> {
    if !account.protocols.contains(&Protocol::Smtp) {
        let advice =
            Advice::new("its `protocols` leave smtp out", "add smtp to them, or take an account that may send");
        return Some(Finding::failed("it may not send", advice));
    }
    let provider = &account.token.provider;
    if account.token.is_stand_in() || provider.endpoints.smtp.is_some() {
        return None;
    }
    let detail = format!("its provider {:?} has no smtp server", provider.name);
    let advice = Advice::new(
        "nothing can be sent",
        "give the provider smtp = { host = …, port = …, tls = … } in the configuration",
    );
    Some(Finding::failed(detail, advice))
}

/// As whom an account sends a test message, by its own policy.
#[must_use]
pub fn sender(account: &Account) -> Option<String> {
    let own = account.own_addresses();
    match &account.sender {
        SenderPolicy::Keep => own.first().cloned(),
        SenderPolicy::Rewrite { address, .. } => Some(address.clone()),
        SenderPolicy::Require { addresses } => {
            let allowed = own.iter().find(|address| addresses.iter().any(|pattern| allows(pattern, address)));
            allowed
                .or_else(|| {
                    addresses.iter().find(|address| SenderPolicy::is_address(address) && !address.starts_with('*'))
                })
                .cloned()
        }
    }
}

fn nobody() -> Finding {
    let advice = Advice::new(
        "its upstream user is no mail address, or its sender policy allows only other ones",
        "set `mailbox` of the token, or `sender` of the account, to an address that it sends as",
    );
    Finding::failed("there is no address that it could send as", advice)
}

fn allows(pattern: &str, address: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(domain) => address.to_ascii_lowercase().ends_with(&domain.to_ascii_lowercase()),
        None => pattern.eq_ignore_ascii_case(address),
    }
}

/// A small message (RFC 5322) that says what it is; nobody's program answers it (RFC 3834).
fn text(account: &Account, sender: &str, to: &str, host: &str, now: DateTime<Utc>) -> String {
    let domain = sender.rsplit('@').next().unwrap_or(host);
    let ascii = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).take(200).collect()
    };
    let (name, token) = (ascii(&account.name), ascii(&account.token.name));
    format!(
        "Date: {date}\r\nFrom: <{sender}>\r\nTo: <{to}>\r\nMessage-ID: <{id}@{domain}>\r\nSubject: Test message from Gatepost\r\n\
         Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n\
         An administrator of Gatepost asked for this message, to see whether\r\nmail goes out. There is nothing to answer.\r\n\r\n\
         Account: {name}\r\nToken:   {token}\r\nHost:    {host}\r\nTime:    {date}\r\n",
        date = now.to_rfc2822(),
        id = identifier(now),
        host = ascii(host),
    )
}

/// Unique, and telling nothing.
fn identifier(now: DateTime<Utc>) -> String {
    let mut random = [0; 16];
    // Without randomness the time has to do.
    let _ = aws_lc_rs::rand::fill(&mut random);
    format!("gatepost.{}.{}", now.timestamp(), URL_SAFE_NO_PAD.encode(random))
}

/// The upstream's own words, and where they do not speak for themselves, what they answer.
fn heard(stage: Stage, said: &str, reply: &Reply) -> String {
    let answer = words(reply);
    match stage {
        Stage::Message => answer,
        _ => format!("{}: {answer}", said.trim_end()),
    }
}

/// A reply word for word, as one printable line. A word that is long enough to be a token is left out; ids of messages are shorter.
fn words(reply: &Reply) -> String {
    const LONGEST: usize = 1000;
    const LONGEST_WORD: usize = 160;
    let joined = reply.lines().map(String::from_utf8_lossy).collect::<Vec<_>>().join(" / ");
    let words = joined.split(' ').map(|word| if word.len() > LONGEST_WORD { "…" } else { word });
    let line = words.collect::<Vec<_>>().join(" ");
    line.chars().map(|c| if is_unprintable(c) { '?' } else { c }).take(LONGEST).collect()
}

fn refused(place: &Place<'_>, stage: Stage, said: &str) -> Finding {
    let Place { account, protocol } = *place;
    let user = account.upstream_user(protocol);
    let case = Case { token: &account.token, claims: &Claims::default(), protocol, user };
    let advice = refusal(said, &case).unwrap_or_else(|| match stage {
        Stage::Mail => Advice::new("the server does not take this sender", format!("may {user} send as it there?")),
        Stage::Rcpt => Advice::new(
            "the server does not take this recipient",
            "check the address; a server may also refuse foreign ones",
        ),
        _ => {
            Advice::new("the server does not take the message", "its own words say why; ask its keeper if they do not")
        }
    });
    Finding::failed(said, advice)
}

fn unanswered(stage: Stage, fault: &Unanswered) -> Finding {
    let remedy = match stage {
        Stage::Message => "it may have been taken or not: look whether it arrives before you send another",
        _ => "try again; if it stays, ask the server's keeper",
    };
    Finding::failed(fault.to_string(), Advice::new("the server gave no answer", remedy))
}
