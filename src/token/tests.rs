//! Token life against a scripted token endpoint and a real store.

mod changes;
mod clocks;
mod endpoint;
mod faults;
mod lapsed;
mod notices;
mod ordeal;
mod replicas;
mod told;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use endpoint::{Endpoint, error, granted};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::clock;
use crate::model::{ClientAuthentication, Grant, OauthUrls, Provider, Token, TokenState, Trouble, TroubleClass};
use crate::oauth::{Http, HttpSettings};
use crate::store::{Keys, Saved, SqliteStore, Store, generate_key};

/// A token, its endpoint and its store; several processes may use them.
struct Scene {
    endpoint: Endpoint,
    directory: TempDir,
    key: secrecy::SecretString,
}

const NAME: &str = "support";

impl Scene {
    async fn new() -> Self {
        Self {
            endpoint: Endpoint::start().await,
            directory: tempfile::tempdir().unwrap(),
            key: generate_key().unwrap(),
        }
    }

    fn store(&self) -> Arc<SqliteStore> {
        let file = self.directory.path().join("gatepost.db");
        Arc::new(SqliteStore::open(&file, Keys::new(&self.key).unwrap()).unwrap())
    }

    /// A process: tokens over a connection of its own.
    fn process(&self, owner: &str) -> (Tokens, Arc<SqliteStore>) {
        let store = self.store();
        (self.tokens(owner, Grant::RefreshToken, Arc::clone(&store) as Arc<dyn Store>), store)
    }

    fn tokens(&self, owner: &str, grant: Grant, store: Arc<dyn Store>) -> Tokens {
        self.tokens_that_tell(owner, grant, store, Notices::default())
    }

    fn tokens_that_tell(&self, owner: &str, grant: Grant, store: Arc<dyn Store>, notices: Notices) -> Tokens {
        let settings = TokenSettings {
            ahead: Duration::from_mins(5),
            // Nobody waits for so long but beside many compilers.
            patience: Duration::from_mins(2),
            lease: Duration::from_mins(1),
        };
        let tokens = Tokens::new(store, settings, owner.into(), notices);
        tokens.declare([(Arc::new(self.token(grant)), http())]);
        tokens
    }

    fn token(&self, grant: Grant) -> Token {
        let provider = Arc::new(Provider {
            name: "corp".into(),
            oauth: OauthUrls { token: Some(self.endpoint.url().parse().unwrap()), ..OauthUrls::default() },
            ..Provider::default()
        });
        Token {
            mailbox: "support@example.com".into(),
            client_id: "client".into(),
            client_authentication: ClientAuthentication::SecretPost("client-s3cret".into()),
            scopes: vec!["mail".into()],
            ..Token::bare(NAME, provider, grant)
        }
    }

    /// A login whose request the endpoint has, and will answer with a new refresh token.
    async fn login_during_a_rotation(&self, tokens: &Tokens) -> JoinHandle<Result<AccessToken, TokenError>> {
        self.endpoint.next(granted("a1", 3600, Some("r2"))).slow();
        self.login(tokens).await
    }

    /// A login whose request the endpoint has.
    async fn login(&self, tokens: &Tokens) -> JoinHandle<Result<AccessToken, TokenError>> {
        let tokens = tokens.clone();
        let login = tokio::spawn(async move { tokens.access_token(NAME, USER).await });
        while self.endpoint.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        login
    }

    /// One process with an imported refresh token.
    async fn imported(&self) -> (Tokens, Arc<SqliteStore>) {
        let (tokens, store) = self.process("one");
        import(store.as_ref(), &self.token(Grant::RefreshToken), "r1".into()).await.unwrap();
        (tokens, store)
    }
}

const USER: &str = "support@example.com";

/// Law 9: a disk that hangs delays nobody whose token is in memory.
#[tokio::test]
async fn a_store_that_hangs_is_not_waited_for_where_the_token_is_known() {
    use futures_util::FutureExt as _;
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    scene.endpoint.next(granted("a1", 3600, None));
    tokens.access_token(NAME, USER).await.unwrap();
    let other = rusqlite::Connection::open(scene.directory.path().join("gatepost.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let hanging = store.lease("another", "one", Duration::from_secs(1));
    for _ in 0..100 {
        let access = tokens.access_token(NAME, USER).now_or_never().expect("without any wait").unwrap();
        assert_eq!(access.secret().expose_secret(), "a1");
    }
    other.execute_batch("COMMIT").unwrap();
    assert!(hanging.await.unwrap());
}

pub(super) fn http() -> Http {
    http_within(Duration::from_mins(1))
}

fn http_within(total: Duration) -> Http {
    let tls = crate::net::client_config(None).unwrap();
    let settings = HttpSettings { connect: Duration::from_secs(5), total, longest: 65536 };
    Http::new(&tls, settings).unwrap()
}

async fn state(store: &SqliteStore) -> TokenState {
    store.token(NAME).await.unwrap().state
}

/// The refresh token in use, and the newest in quarantine.
async fn material(store: &SqliteStore) -> (Option<String>, Option<String>) {
    let TokenState { refresh, quarantined, .. } = state(store).await;
    let shown = |secret: &secrecy::SecretString| secret.expose_secret().to_owned();
    (refresh.as_ref().map(shown), quarantined.map(|kept| shown(&kept.all()[0].refresh)))
}

/// Lets the time of a back-off pass, without waiting for it.
async fn pass_back_off(store: &SqliteStore) {
    back_off_until(store, clock::now() - TimeDelta::seconds(1)).await;
}

async fn back_off_until(store: &SqliteStore, retry_at: DateTime<Utc>) {
    let stored = store.token(NAME).await.unwrap();
    let trouble = stored.state.trouble.clone().map(|trouble| Trouble { retry_at, ..trouble });
    let next = TokenState { trouble, ..stored.state };
    assert!(matches!(store.save(NAME, stored.version, &next).await.unwrap(), Saved::Done(_)));
}

#[expect(clippy::unnecessary_wraps, reason = "what the columns hold")]
fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn many_logins_at_an_expired_token_make_one_request() {
    let scene = Scene::new().await;
    let (tokens, _store) = scene.imported().await;
    scene.endpoint.next(granted("a1", 3600, Some("r2"))).slow();
    let logins: Vec<_> = (0..64)
        .map(|_| {
            tokio::spawn({
                let tokens = tokens.clone();
                async move { tokens.access_token(NAME, USER).await }
            })
        })
        .collect();
    for login in logins {
        assert_eq!(login.await.unwrap().unwrap().secret().expose_secret(), "a1");
    }
    assert_eq!(
        scene.endpoint.requests(),
        ["grant_type=refresh_token&refresh_token=r1&client_id=client&client_secret=client-s3cret"]
    );
    assert_eq!(tokens.access_token(NAME, USER).await.unwrap().secret().expose_secret(), "a1");
    assert_eq!(scene.endpoint.requests().len(), 1, "the second login is served from memory");
}

#[tokio::test]
async fn a_rotated_refresh_token_is_saved_and_an_answer_without_one_keeps_the_old() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    scene.endpoint.next(granted("a1", 3600, Some("r2")));
    let first = tokens.access_token(NAME, USER).await.unwrap();
    assert_eq!(material(&store).await, (some("r2"), None));
    scene.endpoint.next(granted("a2", 3600, None));
    assert_eq!(tokens.renewed(NAME, USER, &first).await.unwrap().secret().expose_secret(), "a2");
    assert_eq!(material(&store).await, (some("r2"), None));
    assert!(scene.endpoint.requests()[1].contains("refresh_token=r2"));
}

#[tokio::test]
async fn many_who_were_refused_with_the_same_token_make_one_refresh() {
    let scene = Scene::new().await;
    let (tokens, _store) = scene.imported().await;
    scene.endpoint.next(granted("a1", 3600, None));
    let refused = tokens.access_token(NAME, USER).await.unwrap();
    scene.endpoint.next(granted("a2", 3600, None)).slow();
    let asking: Vec<_> = (0..16)
        .map(|_| {
            tokio::spawn({
                let (tokens, refused) = (tokens.clone(), refused.clone());
                async move { tokens.renewed(NAME, USER, &refused).await }
            })
        })
        .collect();
    let mut fresh = 0;
    for answer in asking {
        fresh += usize::from(answer.await.unwrap().unwrap() != refused);
    }
    assert!(fresh >= 1);
    assert_eq!(scene.endpoint.requests().len(), 2);
    // A mailbox that refuses every token does not make a refresh of every login.
    let second = tokens.access_token(NAME, USER).await.unwrap();
    assert_eq!(tokens.renewed(NAME, USER, &second).await.unwrap(), second);
    assert_eq!(scene.endpoint.requests().len(), 2);
}

/// Makes the saved access token an old one.
async fn expire(store: &SqliteStore) {
    let stored = store.token(NAME).await.unwrap();
    let old = AccessToken::new("old".into(), clock::now() - TimeDelta::seconds(1));
    let next = TokenState { access: Some(old), ..stored.state };
    assert!(matches!(store.save(NAME, stored.version, &next).await.unwrap(), Saved::Done(_)));
}

#[tokio::test]
async fn an_ended_grant_is_quarantined_and_an_import_heals_it() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    let description = "AADSTS700082: The refresh token has expired due to inactivity. Trace ID: 0 Correlation ID: 0";
    scene.endpoint.next(error(400, "invalid_grant", description));
    let ended = tokens.access_token(NAME, USER).await.unwrap_err();
    assert!(matches!(ended, TokenError::NeedsAuthorization { .. }));
    assert!(ended.to_string().contains("AADSTS700082") && !ended.to_string().contains("Trace ID"), "{ended}");
    assert_eq!(ended.for_client(), "token 'support' needs to be authorized again, ask the administrator");
    assert_eq!(material(&store).await, (None, some("r1")));
    assert!(matches!(tokens.access_token(NAME, USER).await, Err(TokenError::NeedsAuthorization { .. })));
    assert_eq!(scene.endpoint.requests().len(), 1, "a dead grant is not tried again");

    // By another process, as the command line does it.
    import(scene.store().as_ref(), &scene.token(Grant::RefreshToken), "r2".into()).await.unwrap();
    scene.endpoint.next(granted("a1", 3600, None));
    assert_eq!(tokens.access_token(NAME, USER).await.unwrap().secret().expose_secret(), "a1");
    assert_eq!(material(&store).await, (some("r2"), some("r1")));
}

#[tokio::test]
async fn a_token_that_was_never_given_says_what_to_do() {
    let scene = Scene::new().await;
    let error = scene.process("one").0.access_token(NAME, USER).await.unwrap_err();
    assert!(error.to_string().contains("gatepost token import support"));
    assert!(scene.endpoint.requests().is_empty());
}

#[tokio::test]
async fn lenient_answers() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    for (body, life) in [
        (r#"{"access_token":"a","expires_in":"3599","token_type":"bearer"}"#, 3599),
        (r#"{"access_token":"a"}"#, 3600),
        (r#"{"access_token":"a","expires_in":null,"refresh_token":"","scope":"","id_token":"x"}"#, 3600),
        (r#"{"access_token":"a","expires_in":1799.5,"token_type":""}"#, 1799),
    ] {
        scene.endpoint.next(endpoint::json(200, body));
        let access = tokens.access_token(NAME, USER).await.unwrap();
        let left = (access.expires_at() - clock::now()).num_seconds();
        assert!((life - 60..=life).contains(&left), "{body}: {left}");
        assert_eq!(material(&store).await.0, some("r1"));
        expire(&store).await;
        tokens.shared().entries().iter().for_each(|entry| entry.cache(&TokenState::default(), None, 0));
    }
}

#[tokio::test]
async fn a_client_that_leaves_does_not_cut_a_refresh() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    let login = scene.login_during_a_rotation(&tokens).await;
    login.abort();
    tokens.settle(Duration::from_mins(2)).await;
    assert_eq!(material(&store).await, (some("r2"), None));
}

#[tokio::test]
async fn an_import_during_a_refresh_wins_and_nothing_is_dropped() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    let login = scene.login_during_a_rotation(&tokens).await;
    import(scene.store().as_ref(), &scene.token(Grant::RefreshToken), "imported".into()).await.unwrap();
    assert!(login.await.unwrap().is_ok());
    assert_eq!(material(&store).await, (some("imported"), some("r2")));
}

#[tokio::test]
async fn a_hung_endpoint_is_given_up_and_the_refresh_token_stays() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    tokens.declare([(Arc::new(scene.token(Grant::RefreshToken)), http_within(Duration::from_secs(1)))]);
    scene.endpoint.next(granted("a1", 3600, Some("r2"))).hang();
    let error = tokens.access_token(NAME, USER).await.unwrap_err();
    assert!(matches!(error, TokenError::Unavailable { .. }), "{error}");
    assert_eq!(material(&store).await, (some("r1"), None));
    assert_eq!(state(&store).await.trouble.unwrap().class, TroubleClass::Transient);
}

/// A store whose disk is full: it reads, and does not write.
#[tokio::test]
async fn while_the_store_cannot_be_written_no_refresh_token_is_spent() {
    let scene = Scene::new().await;
    let (_, store) = scene.imported().await;
    let full: Arc<dyn Store> = Arc::new(endpoint::FullDisk::at_once(store.clone()));
    let rotating = scene.tokens("one", Grant::RefreshToken, Arc::clone(&full));
    assert!(matches!(rotating.access_token(NAME, USER).await, Err(TokenError::Store(_))));
    assert!(scene.endpoint.requests().is_empty());
    assert_eq!(material(&store).await, (some("r1"), None));

    let app_only = scene.tokens("one", Grant::ClientCredentials, full);
    scene.endpoint.next(granted("a1", 3600, None));
    assert_eq!(app_only.access_token(NAME, USER).await.unwrap().secret().expose_secret(), "a1");
    assert_eq!(app_only.access_token(NAME, USER).await.unwrap().secret().expose_secret(), "a1");
    assert_eq!(scene.endpoint.requests().len(), 1);
}

#[tokio::test]
async fn tokens_are_refreshed_ahead_without_anyone_asking() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    scene.endpoint.next(granted("a1", 2, None));
    scene.endpoint.next(granted("a2", 3600, Some("r2")));
    let stop = tokio_util::sync::CancellationToken::new();
    let refresher = tokio::spawn(tokens.clone().refresh_ahead(stop.clone()));
    while material(&store).await.0 != some("r2") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.cancel();
    refresher.await.unwrap();
    assert_eq!(scene.endpoint.requests().len(), 2);
}

#[tokio::test]
async fn no_error_prints_a_secret() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    let assertion = "e".repeat(200);
    scene.endpoint.next(error(400, "invalid_request", &format!("bad assertion {assertion}\r\nsecond line")));
    let error = tokens.access_token(NAME, USER).await.unwrap_err();
    let printed = format!("{error} {error:?} {tokens:?} {:?}", state(&store).await);
    assert!(!printed.contains(&assertion) && !printed.contains("second line"));
    assert!(!format!("{tokens:?}").contains("s3cret"));
}

/// A command that finds a grant ended has nobody to tell; the service beside it has.
#[tokio::test]
async fn people_are_told_once_whoever_sees_a_grant_end() {
    let scene = Scene::new().await;
    let (command, store) = scene.process("command");
    import(store.as_ref(), &scene.token(Grant::RefreshToken), "r1".into()).await.unwrap();
    scene.endpoint.next(error(400, "invalid_grant", ""));
    assert!(command.access_token(NAME, "").await.is_err());
    let (sender, mut told) = tokio::sync::mpsc::channel(9);
    let service = scene.tokens_that_tell("service", Grant::RefreshToken, scene.store(), Notices::to(sender));
    for _ in 0..2 {
        service.tell_of_deadlines().await;
    }
    assert_eq!(told.try_recv().unwrap().event, "token.needs_authorization");
    assert!(told.try_recv().is_err(), "once");
}

#[tokio::test]
async fn a_distrusted_token_is_replaced_at_the_next_login_and_nothing_of_it_is_lost() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    scene.endpoint.next(granted("a1", 3600, Some("r2")));
    let before = clock::now();
    let first = tokens.access_token(NAME, USER).await.unwrap();
    assert!(!tokens.distrust(NAME, USER, before), "it was not the session's");
    assert_eq!(tokens.access_token(NAME, USER).await.unwrap(), first);
    assert!(tokens.distrust(NAME, USER, clock::now()));
    assert_eq!(material(&store).await, (some("r2"), None));
    assert_eq!(state(&store).await.access, Some(first), "nothing was dropped");

    scene.endpoint.next(granted("a2", 3600, None));
    let second = tokens.access_token(NAME, USER).await.unwrap();
    assert_eq!(second.secret().expose_secret(), "a2");
    // That one is refused as well: freshness does not help, and no login asks for more of it.
    assert!(!tokens.distrust(NAME, USER, clock::now()));
    assert_eq!(tokens.access_token(NAME, USER).await.unwrap(), second);
    assert_eq!(scene.endpoint.requests().len(), 2);
    assert_eq!(material(&store).await, (some("r2"), None));
}

#[tokio::test]
async fn a_distrusted_token_serves_on_while_there_is_no_other() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    scene.endpoint.next(granted("a1", 3600, None));
    let first = tokens.access_token(NAME, USER).await.unwrap();
    assert!(tokens.distrust(NAME, USER, clock::now()));
    scene.endpoint.next(error(503, "temporarily_unavailable", "down"));
    for _ in 0..3 {
        assert_eq!(tokens.access_token(NAME, USER).await.unwrap(), first);
    }
    assert_eq!(scene.endpoint.requests().len(), 2, "it is asked once, not at each login");
    assert_eq!(material(&store).await, (some("r1"), None));
}
