//! What grows, and what is measured of it.

use std::collections::BTreeMap;

use clap::ValueEnum;
use gatepost_kit::bench::{Errand, Series, crowd, rate};

use crate::choice::Choice;
use crate::law::{Curve, Figure, Study};
use crate::scene::{Scene, Service, Size, Upstream};

/// What grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subject {
    /// Sessions that are logged in at the same time.
    Sessions,
    /// Accounts in the file.
    Accounts,
    /// Accounts in the store.
    StoredAccounts,
    /// Tokens in the file, each with its state in the store and one account.
    Tokens,
}

/// Programs that log in at a time while the cost of a login is measured.
const PROGRAMS: usize = 4;
/// The same while a crowd comes.
const DOORS: usize = 64;
/// Where they are not what grows.
const TOKENS: usize = 10;
const ACCOUNTS: usize = 100;

impl Subject {
    pub(crate) const ALL: [Self; 4] = [Self::Sessions, Self::Accounts, Self::StoredAccounts, Self::Tokens];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Accounts => "accounts of the file",
            Self::StoredAccounts => "accounts of the store",
            Self::Tokens => "tokens",
        }
    }

    /// Of its drawing.
    pub(crate) const fn file(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Accounts => "accounts",
            Self::StoredAccounts => "stored-accounts",
            Self::Tokens => "tokens",
        }
    }

    pub(crate) const fn sizes(self) -> &'static [usize] {
        match self {
            Self::Sessions => &[10, 100, 1000, 3000, 9500],
            Self::Accounts | Self::StoredAccounts => &[10, 100, 1000, 10_000, 100_000],
            Self::Tokens => &[10, 100, 1000, 10_000],
        }
    }

    const fn size(self, size: usize) -> Size {
        match self {
            Self::Sessions => Size { accounts: ACCOUNTS, tokens: TOKENS, stored: false },
            Self::Accounts => Size { accounts: size, tokens: TOKENS, stored: false },
            Self::StoredAccounts => Size { accounts: size, tokens: TOKENS, stored: true },
            Self::Tokens => Size { accounts: size, tokens: size, stored: false },
        }
    }
}

type Figures = Vec<(Figure, f64)>;

pub(crate) async fn study(subject: Subject, choice: &Choice, upstream: &Upstream) -> Study {
    let mut curves: BTreeMap<usize, Curve> = BTreeMap::new();
    for size in choice.sizes(subject) {
        let figures = match subject {
            Subject::Sessions => sessions(size, choice, upstream).await,
            _ => declared(subject, size, choice, upstream).await,
        };
        eprintln!("  {size}: {figures:.2?}");
        for (index, (figure, value)) in figures.into_iter().enumerate() {
            let curve = curves.entry(index).or_insert_with(|| Curve { figure, points: Vec::new() });
            curve.points.push((number(size), value));
        }
    }
    Study { subject, curves: curves.into_values().collect() }
}

async fn declared(subject: Subject, size: usize, choice: &Choice, upstream: &Upstream) -> Figures {
    let mut scene = Scene::new(subject.size(size), upstream, &choice.program).await;
    let mut starts = Series::default();
    let (mut service, took) = scene.start().await;
    starts.push(took.as_secs_f64() * 1e3);
    let work = service.quiet().await;
    let memory = resident(&service);
    let login = login(&scene, &service, choice).await;
    let reload = reload(&mut scene, &mut service, choice.repetitions(size)).await;
    drop(service);
    for _ in 1..choice.repetitions(size) {
        starts.push(scene.start().await.1.as_secs_f64() * 1e3);
    }
    let figures = [(Figure::Start, starts.median()), (Figure::StartWork, work * 1e3), (Figure::Memory, memory)];
    figures.into_iter().chain(reload).chain(login).collect()
}

async fn sessions(size: usize, choice: &Choice, upstream: &Upstream) -> Figures {
    let mut scene = Scene::new(Subject::Sessions.size(size), upstream, &choice.program).await;
    let (mut service, _) = scene.start().await;
    let people = crowd(&scene.mail(&service), size, DOORS).await;
    assert_eq!((people.sessions.len(), people.failures), (size, 0), "{:?}", people.trouble);
    let set_up = people.took.as_secs_f64();
    service.quiet().await;
    let memory = resident(&service);
    let login = login(&scene, &service, choice).await;
    let reload = reload(&mut scene, &mut service, 1).await;
    assert_eq!(people.leave().await, size, "a reload ends nobody's session");
    [(Figure::SetUp, set_up), (Figure::Memory, memory)].into_iter().chain(reload).chain(login).collect()
}

/// The median of how long one takes, and what one takes of the processor.
async fn reload(scene: &mut Scene<'_>, service: &mut Service, times: usize) -> [(Figure, f64); 2] {
    let before = service.quiet().await;
    let mut took = Series::default();
    for _ in 0..times {
        took.push(scene.reload(service).await.as_secs_f64() * 1e3);
    }
    let work = (service.quiet().await - before) / number(times);
    [(Figure::Reload, took.median()), (Figure::ReloadWork, work * 1e3)]
}

/// What a login costs whose password and token are known.
async fn login(scene: &Scene<'_>, service: &Service, choice: &Choice) -> [(Figure, f64); 2] {
    let program = scene.mail(service);
    let warmed = crowd(&program, 64, PROGRAMS).await;
    assert_eq!(warmed.failures, 0, "{:?}", warmed.trouble);
    warmed.leave().await;
    let before = service.process().processor();
    let logins = rate(&program, Errand::Login, PROGRAMS, choice.logins() / 4, choice.logins()).await;
    assert_eq!(logins.failures, 0, "{:?}", logins.trouble);
    let work = (service.process().processor() - before) / number(logins.all);
    [(Figure::Login, work * 1e6), (Figure::LoginTime, logins.times.median())]
}

fn resident(service: &Service) -> f64 {
    number(usize::try_from(service.process().vitals().resident).unwrap()) / 1024.0
}

#[expect(clippy::cast_precision_loss, reason = "fewer than 2^52")]
pub(crate) const fn number(count: usize) -> f64 {
    count as f64
}
