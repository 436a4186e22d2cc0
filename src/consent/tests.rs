//! Consents before a simulated provider.

mod device;

use std::time::Duration;

use gatepost_kit::{Client, Provider};

use super::*;
use crate::model::{self, Family, Grant, Manners, OauthUrls};
use crate::net;
use crate::oauth::{HttpSettings, Returned};
use crate::store::{Keys, SqliteStore, generate_key};
use crate::upstream::Limits;

const MAILBOX: &str = "support@example.com";
const REDIRECT: &str = "https://mail.example.com/oauth/callback";

struct Scene {
    provider: Provider,
    store: Arc<SqliteStore>,
    party: Party,
    _directory: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let provider = Provider::start().await;
        provider.register(Client::new("client", MAILBOX).mailbox("other@example.com").redirect(REDIRECT));
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::new(&generate_key().unwrap()).unwrap();
        let store = Arc::new(SqliteStore::open(&directory.path().join("gatepost.db"), keys).unwrap());
        let ca = directory.path().join("ca.pem");
        std::fs::write(&ca, provider.authority.ca_pem()).unwrap();
        let trust = net::client_config(Some(&ca)).unwrap();
        let limit = Duration::from_secs(5);
        let settings = HttpSettings { connect: limit, total: limit, longest: 65_536 };
        let http = Http::new(&trust, settings).unwrap();
        let limits = Limits { connect: limit, login: limit };
        let reach = Reach { trust, ehlo: "gatepost.example".into(), limits, roads: Arc::default() };
        let party = Party { token: Arc::new(token(&provider)), http, reach };
        Self { provider, store, party, _directory: directory }
    }

    async fn begin(&self) -> Begun {
        self.begin_as(None).await
    }

    async fn begin_as(&self, binding: Option<&str>) -> Begun {
        let by = By { who: "administrator".into(), binding: binding.map(str::to_owned), ..By::default() };
        begin(self.store.as_ref(), &self.party, REDIRECT.parse().unwrap(), &by).await.unwrap()
    }

    /// What the browser brings after this person's yes.
    fn yes(&self, begun: &Begun, mailbox: &str) -> Returned {
        let address: Url = self.provider.consent(begun.url.as_str(), mailbox).parse().unwrap();
        Returned::query(address.query().unwrap()).unwrap()
    }

    async fn returned(&self, answer: Returned) -> Result<Accepted, ConsentError> {
        self.returned_as(None, answer).await
    }

    async fn returned_as(&self, binding: Option<&str>, answer: Returned) -> Result<Accepted, ConsentError> {
        returned(self.store.as_ref(), answer, binding, |_| Some(self.party.clone())).await
    }

    async fn pasted(&self, begun: &Begun, text: &str) -> Result<Accepted, ConsentError> {
        pasted(self.store.as_ref(), &begun.id, text, None, |_| Some(self.party.clone())).await
    }

    async fn outcome(&self, begun: &Begun) -> Outcome {
        look(self.store.as_ref(), &begun.id, None).await.unwrap().unwrap().outcome
    }

    async fn holds_a_grant(&self) -> bool {
        self.store.token("support").await.unwrap().state.refresh.is_some()
    }
}

fn token(provider: &Provider) -> Token {
    let url = |text: String| Some(text.parse().unwrap());
    let oauth = OauthUrls {
        authorization: url(provider.authorize_url()),
        device: url(provider.device_url()),
        token: url(provider.token_url()),
        ..OauthUrls::default()
    };
    let manners = Manners { identity_scopes: vec!["openid".into()], ..Manners::default() };
    let provider = model::Provider { oauth, manners, family: Family::Other, ..model::Provider::default() };
    Token {
        mailbox: MAILBOX.into(),
        client_id: "client".into(),
        scopes: vec!["https://outlook.office.com/IMAP.AccessAsUser.All".into(), "offline_access".into()],
        ..Token::bare("support", Arc::new(provider), Grant::AuthorizationCode)
    }
}

#[tokio::test]
async fn of_several_under_way_each_gets_its_own_answer_once() {
    let scene = Scene::new().await;
    let (first, second) = (scene.begin().await, scene.begin().await);
    let (one, other) = (scene.yes(&first, MAILBOX), scene.yes(&second, "other@example.com"));
    let forged = Returned { state: Some("forged".into()), ..one.clone() };
    assert!(matches!(scene.returned(forged).await, Err(ConsentError::Unknown)));
    let wrong = scene.returned(other).await.unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "other@example.com signed in, and token \"support\" is for support@example.com; nothing was changed"
    );
    assert!(!scene.holds_a_grant().await);
    assert_eq!(scene.returned(one.clone()).await.unwrap().identity.as_deref(), Some(MAILBOX));
    assert!(scene.holds_a_grant().await);
    assert!(matches!(scene.returned(one).await, Err(ConsentError::Unknown)), "a code is good once");
    let outcomes = (scene.outcome(&first).await, scene.outcome(&second).await);
    assert!(
        matches!(outcomes, (Outcome::Accepted(Accepted { identity: Some(_), .. }), Outcome::Failed(..))),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn an_endpoint_that_is_away_is_not_said_to_be_tried_again_by_itself() {
    let scene = Scene::new().await;
    let begun = scene.begin().await;
    let answer = scene.yes(&begun, MAILBOX);
    scene.provider.stop_token_endpoint();
    let refused = scene.returned(answer).await.unwrap_err();
    assert!(refused.to_string().contains("did not answer"), "{refused}");
    assert!(refused.remedy().ends_with("Then run `gatepost token authorize support` again"), "{}", refused.remedy());
}

#[tokio::test]
async fn only_the_session_that_began_it_can_bring_the_answer_and_the_trail_says_who() {
    let scene = Scene::new().await;
    let begun = scene.begin_as(Some("session one")).await;
    let answer = scene.yes(&begun, MAILBOX);
    for other in [None, Some("session two")] {
        let refused = scene.returned_as(other, answer.clone()).await.unwrap_err();
        assert!(matches!(&refused, ConsentError::Elsewhere(token) if token == "support"), "{refused}");
        let seen = look(scene.store.as_ref(), &begun.id, other).await.unwrap().unwrap();
        assert_eq!((seen.outcome, seen.task), (Outcome::Waiting, None), "where it leads is not shown");
    }
    assert!(!scene.holds_a_grant().await);
    let mine = look(scene.store.as_ref(), &begun.id, Some("session one")).await.unwrap().unwrap();
    assert!(matches!(mine.task, Some(Task::Open { url, .. }) if url == begun.url));
    scene.returned_as(Some("session one"), answer).await.unwrap();
    let deeds = scene.store.deeds(None, 10).await.unwrap();
    let told: Vec<_> = deeds.iter().map(|noted| (&*noted.deed.who, &*noted.deed.what, &*noted.deed.detail)).collect();
    assert_eq!(told, [("administrator", "token.authorized", "support@example.com signed in")]);
}

#[tokio::test]
async fn what_is_pasted_is_taken_for_the_consent_that_waits_for_it() {
    let scene = Scene::new().await;
    let (first, second) = (scene.begin().await, scene.begin().await);
    let address = scene.provider.consent(first.url.as_str(), MAILBOX);
    assert!(matches!(scene.pasted(&first, "hello world").await, Err(ConsentError::NoAnswer)));
    assert!(matches!(scene.pasted(&second, &address).await, Err(ConsentError::Another)));
    assert_eq!(scene.pasted(&first, &address).await.unwrap().identity.as_deref(), Some(MAILBOX));
    assert!(matches!(scene.pasted(&first, &address).await, Err(ConsentError::Unknown)), "a code is good once");
    let bare = scene.yes(&second, MAILBOX).outcome.unwrap();
    scene.pasted(&second, secrecy::ExposeSecret::expose_secret(&bare)).await.unwrap();
}

#[tokio::test]
async fn a_consent_that_was_cancelled_takes_no_answer() {
    let scene = Scene::new().await;
    let begun = scene.begin().await;
    assert_eq!(cancel(scene.store.as_ref(), &begun.id).await.unwrap().as_deref(), Some("support"));
    assert!(matches!(scene.returned(scene.yes(&begun, MAILBOX)).await, Err(ConsentError::Unknown)));
    assert_eq!(scene.outcome(&begun).await, Outcome::Cancelled);
    assert_eq!(cancel(scene.store.as_ref(), &begun.id).await.unwrap(), None);
    assert!(!scene.holds_a_grant().await);
}

#[tokio::test]
async fn consents_under_way_are_bounded() {
    let scene = Scene::new().await;
    for _ in 0..256 {
        scene.begin().await;
    }
    let redirect = REDIRECT.parse().unwrap();
    let refused = begin(scene.store.as_ref(), &scene.party, redirect, &By::default()).await.unwrap_err();
    assert!(matches!(refused, ConsentError::TooMany(256)), "{refused}");
}

#[tokio::test]
async fn a_token_that_nobody_consents_to_says_what_to_do_instead() {
    let mut scene = Scene::new().await;
    let token = Token { grant: Grant::ClientCredentials, ..Token::clone(&scene.party.token) };
    scene.party.token = Arc::new(token);
    let redirect = REDIRECT.parse().unwrap();
    let refused = begin(scene.store.as_ref(), &scene.party, redirect, &By::default()).await.unwrap_err();
    assert!(refused.to_string().contains("needs nobody's consent"), "{refused}");
    assert!(refused.remedy().contains("token refresh support"));
}
