use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::login::{self, Logged, Patient};
use super::step::Finding;
use super::token::{self, Holding};
use super::{Advice, Doctor, Outcome, Stage, Step, Verdict, command, server};
use crate::model::{Account, Protocol};
use crate::net::Link;
use crate::oauth::is_unprintable;
use crate::proto::Input;
use crate::upstream::{Reach, Target};

/// The chains of an examination, and what they have found out so far.
pub(super) struct Chains<'a, T> {
    doctor: &'a Doctor,
    tell: T,
    pub(super) verdict: Verdict,
    known: HashMap<Subject, Finding>,
    /// By the names of their states.
    tokens: HashMap<String, Holding>,
    /// What was already remarked on a token in a protocol.
    remarked: HashSet<(String, Option<Protocol>)>,
}

/// What need not be asked twice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    /// By its name, and the proxy on the way.
    Host(String, Option<String>),
    /// A provider's server.
    Server(Stage, String, Protocol),
}

/// Where a chain is.
pub(super) struct Place<'a> {
    pub(super) account: &'a Account,
    pub(super) protocol: Protocol,
}

/// The chain has failed.
pub(super) struct Stopped;

impl<'a, T: FnMut(Step) + Send> Chains<'a, T> {
    pub(super) fn new(doctor: &'a Doctor, tell: T) -> Self {
        let (known, tokens, remarked) = Default::default();
        Self { doctor, tell, verdict: Verdict::default(), known, tokens, remarked }
    }

    /// Says that nobody can log in with it.
    pub(super) fn disabled(&mut self, account: &Account) {
        let advice = Advice::new("somebody has switched it off", "take `disabled` away when it is to be used again");
        self.remark(account, "it is disabled: programs that use it are refused", advice);
    }

    pub(super) async fn account(&mut self, account: &Account) {
        // Reading first: what fails there explains best.
        for protocol in [Protocol::Imap, Protocol::Pop3, Protocol::Smtp] {
            if !account.protocols.contains(&protocol) {
                continue;
            }
            if !account.token.is_stand_in() && account.token.provider.endpoints.of(protocol).is_none() {
                let provider = &account.token.provider.name;
                let detail = format!("it may use {protocol}, and its provider {provider:?} has no {protocol} server");
                let remedy =
                    format!("give the provider {protocol} = {{ host = …, port = …, tls = … }}, or narrow `protocols`");
                self.remark(account, &detail, Advice::new("programs that try are refused", remedy));
                continue;
            }
            self.verdict.chains += 1;
            if self.chain(&Place { account, protocol }).await.is_err() {
                self.verdict.failed += 1;
            }
        }
    }

    async fn chain(&mut self, place: &Place<'_>) -> Result<(), Stopped> {
        let Place { account, protocol } = *place;
        let (token, user) = (&account.token, account.upstream_user(protocol));
        let reach = self.reach(place)?;
        let Some(target) = reach.examined(token, protocol, user) else { return self.undeclared(place) };
        let (link, input) = self.enter(place, &target).await?;
        let begun = Instant::now();
        let answered = command::try_one(link, input, &target, protocol, token).await;
        self.tell(place, Stage::Command, &answered, Some(begun.elapsed()))
    }

    /// How the account's provider is reached, as long as there is one.
    pub(super) fn reach(&mut self, place: &Place<'_>) -> Result<Reach, Stopped> {
        let token = &place.account.token;
        let gone = if token.is_stand_in() {
            self.orphan(place)
        } else {
            match (self.doctor.reach)(token) {
                Some(reach) => return Ok(reach),
                None => self.undeclared(place),
            }
        };
        Err(gone.err().unwrap_or(Stopped))
    }

    /// Everything up to the login.
    pub(super) async fn enter(&mut self, place: &Place<'_>, target: &Target<'_>) -> Result<(Link, Input), Stopped> {
        let Place { account, protocol } = *place;
        let (token, user) = (&account.token, target.user);
        self.server(place, target).await?;
        let name = self.token(place, user).await?;
        let Some(holding) = self.tokens.get(&name) else { return Err(Stopped) };
        let Some(access) = &holding.access else { return Err(Stopped) };
        let patient = Patient { tokens: &self.doctor.tokens, token, target, protocol, claims: &holding.claims };
        let begun = Instant::now();
        let logged = login::log_in(&patient, access).await;
        let took = begun.elapsed();
        let Logged { link, input, fresh, finding } = match logged {
            Ok(logged) => logged,
            Err(refused) => {
                self.tell(place, Stage::Sasl, &refused, Some(took))?;
                return Err(Stopped);
            }
        };
        if let Some(fresh) = fresh
            && let Some(holding) = self.tokens.get_mut(&name)
        {
            holding.replace(fresh);
        }
        self.tell(place, Stage::Sasl, &finding, Some(took))?;
        Ok((link, input))
    }

    /// DNS, TCP and TLS.
    async fn server(&mut self, place: &Place<'_>, target: &Target<'_>) -> Result<(), Stopped> {
        let (protocol, provider) = (place.protocol, &place.account.token.provider.name);
        let of = |stage| Subject::Server(stage, provider.clone(), protocol);
        let host = Subject::Host(target.endpoint.host.clone(), target.proxy().map(ToString::to_string));
        self.once(place, Stage::Dns, host, server::dns(target)).await?;
        let mut tcp = None;
        let connecting = async {
            match server::tcp(target).await {
                Ok((stream, finding)) => {
                    tcp = Some(stream);
                    finding
                }
                Err(finding) => finding,
            }
        };
        self.once(place, Stage::Tcp, of(Stage::Tcp), connecting).await?;
        self.once(place, Stage::Tls, of(Stage::Tls), server::tls(target, protocol, tcp)).await
    }

    /// The name of the token's state, once there is an access token in it.
    async fn token(&mut self, place: &Place<'_>, user: &str) -> Result<String, Stopped> {
        let token = &place.account.token;
        let name = token.state_name(user);
        let begun = Instant::now();
        let known = self.tokens.contains_key(&name);
        if !known {
            self.tokens.insert(name.clone(), token::examine(&self.doctor.tokens, token, user).await);
        }
        let took = (!known).then(|| begun.elapsed());
        let Some(holding) = self.tokens.get(&name) else { return Err(Stopped) };
        let (finding, general) = (holding.finding.clone(), holding.remarks.clone());
        let special = holding.remarks_on(token, place.protocol);
        self.tell(place, Stage::Token, &finding, took)?;
        for (protocol, remarks) in [(None, general), (Some(place.protocol), special)] {
            if self.remarked.insert((name.clone(), protocol)) {
                for remark in &remarks {
                    self.tell(place, Stage::Token, remark, Some(Duration::ZERO))?;
                }
            }
        }
        Ok(name)
    }

    /// Does the work, or tells what is known.
    async fn once(
        &mut self,
        place: &Place<'_>,
        stage: Stage,
        subject: Subject,
        work: impl Future<Output = Finding> + Send,
    ) -> Result<(), Stopped> {
        if let Some(known) = self.known.get(&subject).cloned() {
            return self.tell(place, stage, &known, None);
        }
        let begun = Instant::now();
        let finding = work.await;
        let took = begun.elapsed();
        self.known.insert(subject, finding.clone());
        self.tell(place, stage, &finding, Some(took))
    }

    /// The provider has gone while this went on.
    fn orphan(&mut self, place: &Place<'_>) -> Result<(), Stopped> {
        let token = &place.account.token.name;
        let cause = "it was forgotten, or its declaration in the store cannot be read";
        let advice = Advice::new(cause, format!("make it with `gatepost token add {token}`"));
        let finding = Finding::failed(format!("there is no token {token:?}"), advice);
        self.tell(place, Stage::Account, &finding, None)
    }

    pub(super) fn undeclared(&mut self, place: &Place<'_>) -> Result<(), Stopped> {
        let provider = &place.account.token.provider.name;
        let advice = Advice::new("the configuration has changed meanwhile", "run it again");
        let finding = Finding::failed(format!("the provider {provider:?} is not declared any more"), advice);
        self.tell(place, Stage::Account, &finding, None)
    }

    /// Without a time it was known before.
    pub(super) fn tell(
        &mut self,
        place: &Place<'_>,
        stage: Stage,
        finding: &Finding,
        took: Option<Duration>,
    ) -> Result<(), Stopped> {
        let Finding { outcome, detail, advice } = finding.clone();
        // Servers, and whoever signed their certificates, are quoted in it: nothing of them turns or hides what stands beside it.
        let detail = detail.replace(is_unprintable, "?");
        let (known, took) = (took.is_none(), took.unwrap_or_default());
        let (account, protocol) = (place.account.name.clone(), Some(place.protocol));
        self.verdict.warnings += usize::from(outcome == Outcome::Warning);
        (self.tell)(Step { account, protocol, stage, outcome, took, known, detail, advice });
        if outcome == Outcome::Failed { Err(Stopped) } else { Ok(()) }
    }

    fn remark(&mut self, account: &Account, detail: &str, advice: Advice) {
        let (took, outcome) = (Duration::ZERO, Outcome::Warning);
        let (account, detail, advice) = (account.name.clone(), detail.to_owned(), Some(advice));
        self.verdict.warnings += 1;
        let step = Step { account, protocol: None, stage: Stage::Account, outcome, took, known: false, detail, advice };
        (self.tell)(step);
    }
}
