//! People are told in time, once, and once more when it is over.

use chrono::DateTime;
use chrono::Utc;
use tokio::sync::mpsc;

use super::*;
use crate::model::{Family, Manners};

/// A process whose notices are read.
struct Told {
    tokens: Tokens,
    notices: mpsc::Receiver<Notice>,
}

impl Scene {
    fn told(&self, token: Token) -> Told {
        let (sender, notices) = mpsc::channel(64);
        let limit = Duration::from_secs(5);
        let settings = TokenSettings { ahead: limit, patience: limit, lease: limit };
        let tokens = Tokens::new(self.store() as Arc<dyn Store>, settings, "one".into(), Notices::to(sender));
        tokens.declare([(Arc::new(token), http())]);
        Told { tokens, notices }
    }

    /// A restart, a look, and what was told.
    async fn look(&self, token: &Token) -> Vec<String> {
        let mut told = self.told(token.clone());
        told.tokens.tell_of_deadlines().await;
        told.tokens.tell_of_deadlines().await;
        told.summaries()
    }

    fn with_secret(&self, ends: Option<DateTime<Utc>>) -> Token {
        Token { secret_ends: ends, ..self.token(Grant::ClientCredentials) }
    }

    /// A grant that was given and used so long ago.
    async fn granted(&self, given: TimeDelta, used: TimeDelta, ends: Option<TimeDelta>) {
        let (store, now, binding) = (self.store(), clock::now(), self.token(Grant::RefreshToken).binding());
        update(store.as_ref(), NAME, |_| TokenState {
            refreshed_at: Some(now - used),
            refresh_ends_at: ends.map(|ends| now + ends),
            ..TokenState::default().imported("r1".into(), binding.clone(), now - given)
        })
        .await
        .unwrap();
    }

    fn of_family(&self, family: Family, testing: bool, idle: Option<u32>) -> Token {
        let token = self.token(Grant::RefreshToken);
        let manners = Manners { refresh_idle_days: idle, ..Manners::default() };
        let provider = Arc::new(Provider { family, manners, ..Provider::clone(&token.provider) });
        Token { provider, testing, ..token }
    }
}

impl Told {
    fn all(&mut self) -> Vec<Notice> {
        std::iter::from_fn(|| self.notices.try_recv().ok()).collect()
    }

    /// Event and summary, without dates.
    fn summaries(&mut self) -> Vec<String> {
        let short = |notice: Notice| {
            let summary = notice.summary.split(' ').filter(|word| !word.starts_with("20")).collect::<Vec<_>>();
            format!("{}: {}", notice.event.trim_start_matches("token."), summary.join(" "))
        };
        self.all().into_iter().map(short).collect()
    }
}

/// Some hours more than whole days, so that no clock tips it over.
fn in_days(days: i64) -> DateTime<Utc> {
    clock::now() + TimeDelta::days(days) - TimeDelta::hours(1)
}

#[tokio::test]
async fn each_step_is_told_once_over_restarts() {
    let scene = Scene::new().await;
    // The end stays where it is and the clock moves: here the other way round, on one and the same date.
    let ends = in_days(30);
    assert_eq!(scene.look(&scene.with_secret(Some(in_days(32)))).await, Vec::<String>::new());
    assert_eq!(scene.look(&scene.with_secret(Some(ends))).await, ["expires_soon: client secret ends on in 29 days"]);
    for _ in 0..3 {
        assert_eq!(scene.look(&scene.with_secret(Some(ends))).await, Vec::<String>::new(), "told before");
    }
    for (days, told) in [
        (14, "expires_soon: client secret ends on in 13 days"),
        (7, "expires_soon: client secret ends on in 6 days"),
        (1, "expires_soon: client secret ends on within a day"),
    ] {
        let token = scene.with_secret(Some(in_days(days)));
        assert_eq!(scene.look(&token).await, [told]);
        assert_eq!(scene.look(&token).await, Vec::<String>::new());
    }
    // Renewed: over, once. And what comes a year later is told anew.
    assert_eq!(
        scene.look(&scene.with_secret(Some(in_days(365)))).await,
        ["recovered: client secret no longer ends soon"]
    );
    assert_eq!(scene.look(&scene.with_secret(Some(in_days(365)))).await, Vec::<String>::new());
    assert_eq!(scene.look(&scene.with_secret(Some(ends))).await.len(), 1);
}

#[tokio::test]
async fn a_service_that_was_away_tells_the_nearest_step_alone() {
    let scene = Scene::new().await;
    let token = scene.with_secret(Some(in_days(5)));
    assert_eq!(scene.look(&token).await, ["expires_soon: client secret ends on in 4 days"]);
    let over = scene.with_secret(Some(in_days(-2)));
    assert_eq!(scene.look(&over).await, ["expires_soon: client secret ended on"]);
}

/// The setting is gone, or the client proves itself otherwise: nothing ends soon any more.
#[tokio::test]
async fn a_deadline_that_is_taken_away_is_over() {
    let scene = Scene::new().await;
    assert_eq!(scene.look(&scene.with_secret(Some(in_days(5)))).await.len(), 1);
    assert_eq!(scene.look(&scene.with_secret(None)).await, ["recovered: client secret no longer ends soon"]);
    assert_eq!(scene.look(&scene.with_secret(None)).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_grant_of_a_week_is_not_told_of_on_its_first_day() {
    let scene = Scene::new().await;
    let testing = scene.of_family(Family::Google, true, None);
    let (day, hour) = (TimeDelta::days(1), TimeDelta::hours(1));
    for given in [hour, day, day * 5] {
        scene.granted(given, hour, None).await;
        assert_eq!(scene.look(&testing).await, Vec::<String>::new(), "{given}");
    }
    scene.granted(day * 6 + hour, hour, None).await;
    assert_eq!(scene.look(&testing).await, ["expires_soon: testing grant ends on within a day"]);
    // Given anew, and again nothing on the first day.
    scene.granted(hour, hour, None).await;
    assert_eq!(scene.look(&testing).await, ["recovered: testing grant no longer ends soon"]);
    // An app that is published, and others' apps, know no such end.
    scene.granted(day * 6 + hour, hour, None).await;
    assert_eq!(scene.look(&scene.of_family(Family::Google, false, None)).await, Vec::<String>::new());
    // Where the provider says when, that counts: a week from the provider is like a week of Testing.
    scene.granted(hour, hour, Some(day * 7 - hour)).await;
    assert_eq!(scene.look(&testing).await, Vec::<String>::new());
    scene.granted(day * 6, hour, Some(day - hour)).await;
    assert_eq!(scene.look(&testing).await, ["expires_soon: refresh token ends on within a day"]);
}

#[tokio::test]
async fn ninety_idle_days_are_told_of_and_a_refresh_ends_the_worry() {
    let scene = Scene::new().await;
    let token = scene.of_family(Family::Microsoft, false, Some(90));
    let (day, hour) = (TimeDelta::days(1), TimeDelta::hours(1));
    for (idle, told) in [
        (3, None),
        (59, None),
        (61, Some("expires_soon: idle refresh token ends on in 28 days")),
        (77, Some("expires_soon: idle refresh token ends on in 12 days")),
        (84, Some("expires_soon: idle refresh token ends on in 5 days")),
        (90, Some("expires_soon: idle refresh token ended on")),
        (0, Some("recovered: idle refresh token no longer ends soon")),
        (0, None),
    ] {
        scene.granted(day * 200, day * idle + hour, None).await;
        assert_eq!(scene.look(&token).await, told.into_iter().collect::<Vec<_>>(), "{idle} days");
    }
}

/// Its deadlines go with the grant; that is no good news.
#[tokio::test]
async fn a_grant_that_ended_is_no_recovery() {
    let scene = Scene::new().await;
    let token = scene.of_family(Family::Microsoft, false, Some(90));
    let day = TimeDelta::days(1);
    scene.granted(day * 200, day * 85, None).await;
    assert_eq!(scene.look(&token).await.len(), 1);
    scene.endpoint.next(error(400, "invalid_grant", ""));
    let mut told = scene.told(token.clone());
    assert!(told.tokens.access_token(NAME, USER).await.is_err());
    told.tokens.tell_of_deadlines().await;
    let events: Vec<_> = told.all().iter().map(|notice| notice.event).collect();
    assert_eq!(events, ["token.needs_authorization"]);
}

#[tokio::test]
async fn an_ended_grant_is_told_once_and_its_recovery_once() {
    let scene = Scene::new().await;
    scene.imported().await;
    let token = scene.token(Grant::RefreshToken);
    let mut events = Vec::new();
    for _ in 0..3 {
        // A restart, and an administrator who tries it again.
        let mut told = scene.told(token.clone());
        scene.endpoint.next(error(400, "invalid_grant", "Token has been expired or revoked."));
        assert!(told.tokens.refresh(NAME, USER).await.is_err());
        events.extend(told.all());
    }
    let [ended] = &events[..] else { panic!("{events:?}") };
    assert_eq!((ended.event, ended.token.as_str(), ended.mailbox.as_str()), ("token.needs_authorization", NAME, USER));
    assert!(ended.summary.contains("invalid_grant") && !ended.remedy.is_empty());

    let mut told = scene.told(token);
    for answer in ["a1", "a2"] {
        scene.endpoint.next(granted(answer, 3600, None));
        told.tokens.refresh(NAME, USER).await.unwrap();
    }
    assert_eq!(told.summaries(), ["recovered: it can be refreshed again"]);
    // The next time is told again.
    scene.endpoint.next(error(400, "invalid_grant", ""));
    assert!(told.tokens.refresh(NAME, USER).await.is_err());
    assert_eq!(told.all().len(), 1);
}

/// An administrator mends it with a command, which has nobody to tell.
#[tokio::test]
async fn a_recovery_is_told_by_who_can_tell() {
    let scene = Scene::new().await;
    let (command, _store) = scene.imported().await;
    let mut told = scene.told(scene.token(Grant::RefreshToken));
    scene.endpoint.next(error(400, "invalid_grant", ""));
    assert!(told.tokens.access_token(NAME, USER).await.is_err());
    assert_eq!(told.all().len(), 1);
    scene.endpoint.next(granted("a1", 3600, None)).next(granted("a2", 3600, None));
    command.refresh(NAME, USER).await.unwrap();
    told.tokens.refresh(NAME, USER).await.unwrap();
    assert_eq!(told.summaries(), ["recovered: it can be refreshed again"]);
}

/// The webhook is down, or there are too many at once: what nobody heard is told again.
#[tokio::test]
async fn what_nobody_heard_is_told_again() {
    let scene = Scene::new().await;
    let token = scene.with_secret(Some(in_days(5)));
    let mut told = scene.told(token.clone());
    told.tokens.tell_of_deadlines().await;
    let [notice] = &told.all()[..] else { panic!("one") };
    notice.announced.as_ref().unwrap().take_back(scene.store().as_ref()).await;
    told.tokens.tell_of_deadlines().await;
    assert_eq!(told.summaries().len(), 1);
    told.tokens.tell_of_deadlines().await;
    assert_eq!(told.summaries().len(), 0);

    let other = scene.with_secret(Some(in_days(1)));
    let gone = scene.told(other.clone());
    drop(gone.notices);
    gone.tokens.tell_of_deadlines().await;
    assert_eq!(scene.look(&other).await.len(), 1);
}

/// The service did not see it happen: a command gave the grant.
#[tokio::test]
async fn a_grant_that_another_process_gave_is_told_of_without_a_refresh() {
    let scene = Scene::new().await;
    let (store, token) = (scene.store(), scene.token(Grant::RefreshToken));
    import(store.as_ref(), &token, "r1".into()).await.unwrap();
    let now = clock::now();
    let ended = Trouble {
        class: TroubleClass::Ended,
        summary: "it has ended".into(),
        remedy: "sign in".into(),
        since: now,
        failures: 1,
        retry_at: now,
    };
    update(store.as_ref(), NAME, |state| state.failed(ended.clone())).await.unwrap();
    assert_eq!(scene.look(&token).await, ["needs_authorization: it has ended"]);
    import(store.as_ref(), &token, "r2".into()).await.unwrap();
    assert_eq!(scene.look(&token).await, ["recovered: it can be refreshed again"]);
    assert_eq!(scene.look(&token).await, Vec::<String>::new());
}
