//! Consents before a simulated provider.

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
    store: SqliteStore,
    party: Party,
    _directory: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let provider = Provider::start().await;
        provider.register(Client::new("client", MAILBOX).mailbox("other@example.com").redirect(REDIRECT));
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::new(&generate_key().unwrap()).unwrap();
        let store = SqliteStore::open(&directory.path().join("gatepost.db"), keys).unwrap();
        let ca = directory.path().join("ca.pem");
        std::fs::write(&ca, provider.authority.ca_pem()).unwrap();
        let trust = net::client_config(Some(&ca)).unwrap();
        let limit = Duration::from_secs(5);
        let settings = HttpSettings { connect: limit, total: limit, longest: 65_536 };
        let http = Http::new(&trust, settings).unwrap();
        let limits = Limits { connect: limit, login: limit };
        let reach = Reach { trust, ehlo: "gatepost.example".into(), limits };
        let party = Party { token: Arc::new(token(&provider)), http, reach };
        Self { provider, store, party, _directory: directory }
    }

    async fn begin(&self) -> Begun {
        begin(&self.store, &self.party, REDIRECT.parse().unwrap()).await.unwrap()
    }

    /// What the browser brings after this person's yes.
    fn yes(&self, begun: &Begun, mailbox: &str) -> Returned {
        let address: Url = self.provider.consent(begun.url.as_str(), mailbox).parse().unwrap();
        Returned::query(address.query().unwrap()).unwrap()
    }

    async fn returned(&self, answer: Returned) -> Result<Accepted, ConsentError> {
        returned(&self.store, answer, |_| Some(self.party.clone())).await
    }

    async fn holds_a_grant(&self) -> bool {
        self.store.token("support").await.unwrap().state.refresh.is_some()
    }
}

fn token(provider: &Provider) -> Token {
    let url = |text: String| Some(text.parse().unwrap());
    let oauth = OauthUrls {
        authorization: url(provider.authorize_url()),
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
    let outcomes = (outcome(&scene.store, &first).await.unwrap(), outcome(&scene.store, &second).await.unwrap());
    assert!(matches!(outcomes, (Outcome::Accepted(Some(_)), Outcome::Failed(..))), "{outcomes:?}");
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
