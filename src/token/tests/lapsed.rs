//! A replica that stood still between its look at the store and its request: what it has seen is old, and the lease that it is
//! granted anew is not the one it had.

use std::sync::mpsc::Sender;

use super::*;

/// How long the lease of the replica is that stands still.
const LEASE: Duration = Duration::from_secs(2);

/// It stands still with the refresh token `r1` in its hand.
struct Stopped {
    scene: Scene,
    go_on: Sender<()>,
    login: JoinHandle<Result<AccessToken, TokenError>>,
}

impl Stopped {
    async fn new() -> Self {
        let scene = Scene::new().await;
        scene.imported().await;
        let (store, go_on) = endpoint::FullDisk::stops(scene.store());
        let store = Arc::new(store);
        let settings = TokenSettings { ahead: Duration::ZERO, patience: Duration::from_mins(2), lease: LEASE };
        let tokens = Tokens::new(Arc::clone(&store) as Arc<dyn Store>, settings, "slow".into(), Notices::default());
        scene.declare_patiently(&tokens);
        let login = tokio::spawn(async move { tokens.access_token(NAME, USER).await });
        while !store.is_well() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Self { scene, go_on, login }
    }

    async fn goes_on(self) -> (Scene, AccessToken) {
        self.go_on.send(()).unwrap();
        (self.scene, self.login.await.unwrap().unwrap())
    }
}

impl Scene {
    fn declare_patiently(&self, tokens: &Tokens) {
        tokens.declare([(Arc::new(self.token(Grant::RefreshToken)), http_within(Duration::from_mins(1)))]);
    }
}

/// The other has given the lease back: who asks for it gets it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_another_has_spent_meanwhile_is_not_spent_again() {
    let stopped = Stopped::new().await;
    stopped.scene.endpoint.next(granted("a1", 3600, Some("r2")));
    let (other, store) = stopped.scene.process("other");
    stopped.scene.declare_patiently(&other);
    assert_eq!(other.access_token(NAME, USER).await.unwrap().secret().expose_secret(), "a1");
    let (scene, brought) = stopped.goes_on().await;
    assert_eq!(brought.secret().expose_secret(), "a1");
    assert_eq!(scene.endpoint.requests().len(), 1);
    assert_eq!(material(&store).await, (some("r2"), None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_seen_before_a_lease_lapsed_is_looked_at_again_before_it_is_sent() {
    let stopped = Stopped::new().await;
    tokio::time::sleep(LEASE).await;
    let store = stopped.scene.store();
    import(store.as_ref(), &stopped.scene.token(Grant::RefreshToken), "imported".into()).await.unwrap();
    stopped.scene.endpoint.next(granted("a1", 3600, Some("r2")));
    let (scene, brought) = stopped.goes_on().await;
    assert_eq!(brought.secret().expose_secret(), "a1");
    let requests = scene.endpoint.requests();
    assert!(requests.len() == 1 && requests[0].contains("refresh_token=imported"), "{requests:?}");
    assert_eq!(material(&store).await, (some("r2"), some("r1")));
}
