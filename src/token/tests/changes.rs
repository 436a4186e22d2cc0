//! Settings, imports and other processes that change a token while it is used: what belongs to one client never goes to
//! another, and what was received is never dropped.

use super::*;

impl Scene {
    /// A process that was given a successor of `r1`, which its full disk did not take.
    async fn unsaved(&self) -> (Tokens, Arc<endpoint::FullDisk>, Arc<SqliteStore>) {
        let (_, store) = self.imported().await;
        let disk = Arc::new(endpoint::FullDisk::later(store.clone()));
        let tokens = self.tokens("one", Grant::RefreshToken, Arc::clone(&disk) as Arc<dyn Store>);
        self.endpoint.next(granted("a1", 3600, Some("r2")));
        assert!(matches!(tokens.access_token(NAME, USER).await, Err(TokenError::Store(_))));
        (tokens, disk, store)
    }
    fn binding(&self) -> String {
        self.token(Grant::RefreshToken).binding()
    }

    /// The same host under another name, which is another host to everyone here.
    fn token_at(&self, endpoint: &Endpoint, client: &str) -> Arc<Token> {
        let token = self.token(Grant::RefreshToken);
        let url = endpoint.url().replace("127.0.0.1", "localhost").parse().unwrap();
        let oauth = OauthUrls { token: Some(url), ..OauthUrls::default() };
        let provider = Arc::new(Provider { oauth, ..Provider::clone(&token.provider) });
        Arc::new(Token { provider, client_id: client.into(), ..token })
    }
}

#[tokio::test]
async fn what_one_endpoint_issued_is_not_sent_to_another() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    scene.endpoint.next(granted("a1", 3600, Some("r2")));
    tokens.access_token(NAME, USER).await.unwrap();

    let new = Endpoint::start().await;
    tokens.declare([(scene.token_at(&new, "client"), http())]);
    for forced in [false, true] {
        let asked = if forced { tokens.refresh(NAME, USER).await } else { tokens.access_token(NAME, USER).await };
        let moved = asked.unwrap_err();
        let told = moved.to_string();
        assert!(matches!(moved, TokenError::Moved { .. }) && told.contains(&scene.binding()), "{told}");
        assert!(told.contains(&scene.token_at(&new, "client").binding()), "{told}");
    }
    let other_client = Token { client_id: "other".into(), ..scene.token(Grant::RefreshToken) };
    let other = other_client.binding();
    tokens.declare([(Arc::new(other_client), http())]);
    let told = tokens.access_token(NAME, USER).await.unwrap_err().to_string();
    assert!(told.contains(&scene.binding()) && told.contains(&other), "{told}");
    assert!(new.requests().is_empty());
    assert_eq!(scene.endpoint.requests().len(), 1);
    assert_eq!(material(&store).await, (some("r2"), None));

    tokens.declare([(Arc::new(scene.token(Grant::RefreshToken)), http())]);
    assert_eq!(tokens.access_token(NAME, USER).await.unwrap().secret().expose_secret(), "a1", "back at once");
    assert_eq!(scene.endpoint.requests().len(), 1);
}

#[tokio::test]
async fn a_disabled_token_is_neither_used_nor_refreshed_and_keeps_what_it_holds() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    scene.endpoint.next(granted("a1", 1, Some("r2")));
    tokens.access_token(NAME, USER).await.unwrap();
    let off = Token { disabled: true, ..scene.token(Grant::RefreshToken) };
    tokens.declare([(Arc::new(off), http())]);
    let refused = tokens.access_token(NAME, USER).await.unwrap_err();
    assert_eq!(refused, TokenError::Disabled(NAME.into()));
    assert_eq!(refused.for_client(), "token 'support' is disabled, ask the administrator");
    assert_eq!(tokens.refresh(NAME, USER).await.unwrap_err(), refused);
    let held = tokens.state(NAME, USER).await.unwrap();
    assert!(held.refresh.is_some());
    for entry in &tokens.shared().entries() {
        assert_eq!(entry.due(TimeDelta::days(1), store.as_ref(), clock::now()), None);
    }
    assert_eq!((scene.endpoint.requests().len(), material(&store).await), (1, (some("r2"), None)));

    tokens.declare([(Arc::new(scene.token(Grant::RefreshToken)), http())]);
    scene.endpoint.next(granted("a2", 3600, None));
    assert_eq!(tokens.refresh(NAME, USER).await.unwrap().secret().expose_secret(), "a2");
    let password = Grant::AppPassword("app".into());
    tokens.declare([(Arc::new(Token { disabled: true, ..scene.token(password) }), http())]);
    assert_eq!(tokens.access_token(NAME, USER).await.unwrap_err(), refused);
}

/// Neither from quarantine, and not at an administrator's wish.
#[tokio::test]
async fn what_was_quarantined_under_another_client_stays_there() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    let new = Endpoint::start().await;
    let moved = scene.token_at(&new, "client");
    tokens.declare([(Arc::clone(&moved), http())]);
    import(store.as_ref(), &moved, "new".into()).await.unwrap();
    new.next(error(400, "invalid_grant", "")).next(error(400, "invalid_grant", ""));
    assert!(tokens.access_token(NAME, USER).await.is_err());
    assert!(matches!(tokens.refresh(NAME, USER).await, Err(TokenError::NeedsAuthorization { .. })));
    let sent: Vec<_> = new.requests().iter().map(|request| request.contains("refresh_token=new")).collect();
    assert_eq!(sent, [true, true]);
    let kept = state(&store).await.quarantined.unwrap();
    assert_eq!(kept.all().len(), 2);
}

/// The wrong text was imported: the forced refresh finds the good one again.
#[tokio::test]
async fn a_forced_refresh_tries_all_that_is_in_quarantine() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    import(store.as_ref(), &scene.token(Grant::RefreshToken), "wrong".into()).await.unwrap();
    scene.endpoint.next(error(400, "invalid_grant", ""));
    assert!(tokens.access_token(NAME, USER).await.is_err());
    scene.endpoint.next(error(400, "invalid_grant", "")).next(granted("a1", 3600, None));
    assert_eq!(tokens.refresh(NAME, USER).await.unwrap().secret().expose_secret(), "a1");
    let requests = scene.endpoint.requests();
    assert!(requests[1].contains("refresh_token=wrong") && requests[2].contains("refresh_token=r1"));
    assert_eq!(material(&store).await, (some("r1"), some("wrong")));
}

/// A transient answer to the first of them ends the attempt: the next may be the good one, and is not wasted.
#[tokio::test]
async fn a_forced_refresh_stops_where_nobody_answers() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    scene.endpoint.next(error(400, "invalid_grant", ""));
    assert!(tokens.access_token(NAME, USER).await.is_err());
    scene.endpoint.next(error(503, "temporarily_unavailable", ""));
    assert!(matches!(tokens.refresh(NAME, USER).await, Err(TokenError::Unavailable { .. })));
    assert_eq!(material(&store).await, (None, some("r1")));
    scene.endpoint.next(granted("a1", 3600, Some("r2")));
    assert!(tokens.refresh(NAME, USER).await.is_ok());
    assert_eq!(material(&store).await, (some("r2"), None));
}

#[tokio::test]
async fn what_is_received_while_the_settings_change_stays_the_old_clients() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    let login = scene.login_during_a_rotation(&tokens).await;
    let new = Endpoint::start().await;
    tokens.declare([(scene.token_at(&new, "client"), http())]);
    let asked = tokens.access_token(NAME, USER).await;
    assert!(matches!(asked, Err(TokenError::Moved { .. })), "another's access token is not handed out: {asked:?}");
    assert!(login.await.unwrap().is_ok());
    assert_eq!(state(&store).await.bound_to, Some(scene.binding()));
    assert_eq!(material(&store).await, (some("r2"), None));
    assert!(new.requests().is_empty());
}

/// Received for the old client, while the disk was full; saved when there is space, under the new settings.
#[tokio::test]
async fn what_waits_for_the_store_stays_the_old_clients() {
    let scene = Scene::new().await;
    let (tokens, flaky, store) = scene.unsaved().await;
    assert_eq!(material(&store).await, (some("r1"), None));

    let new = Endpoint::start().await;
    tokens.declare([(scene.token_at(&new, "client"), http())]);
    flaky.has_space();
    assert!(matches!(tokens.access_token(NAME, USER).await, Err(TokenError::Moved { .. })));
    assert_eq!(material(&store).await, (some("r2"), None));
    assert_eq!(state(&store).await.bound_to, Some(scene.binding()));
    assert!(new.requests().is_empty());
}

/// An import for other settings, while a refresh is under way under the old ones: each stays what it is.
#[tokio::test]
async fn an_import_keeps_its_client_when_an_old_refresh_comes_back() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    scene.endpoint.next(granted("a1", 3600, Some("r2")));
    let go = scene.endpoint.when_told();
    let login = scene.login(&tokens).await;
    let new = Endpoint::start().await;
    let moved = scene.token_at(&new, "client");
    import(scene.store().as_ref(), &moved, "imported".into()).await.unwrap();
    go.notify_one();
    assert!(login.await.unwrap().is_ok());
    let state = state(&store).await;
    assert_eq!(state.bound_to, Some(moved.binding()));
    assert_eq!(material(&store).await, (some("imported"), some("r2")));
    let ours = scene.binding();
    let ours: Vec<_> = state.quarantined.iter().flat_map(|kept| kept.of_client(&ours)).collect();
    assert_eq!(ours.len(), 2, "r2 and r1");
}

/// Forgotten and imported anew while the endpoint thinks: its refusal is of what is gone.
#[tokio::test]
async fn a_refusal_of_what_was_forgotten_hurts_no_import() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    scene.endpoint.next(error(400, "invalid_grant", "")).slow();
    let login = tokio::spawn({
        let tokens = tokens.clone();
        async move { tokens.access_token(NAME, USER).await }
    });
    while scene.endpoint.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    store.forget(NAME).await.unwrap();
    import(store.as_ref(), &scene.token(Grant::RefreshToken), "imported".into()).await.unwrap();
    assert!(login.await.unwrap().is_err());
    assert_eq!(material(&store).await, (some("imported"), None));
    assert!(state(&store).await.trouble.is_none());
}

#[tokio::test]
async fn what_was_forgotten_during_its_refresh_stays_forgotten() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    let login = scene.login_during_a_rotation(&tokens).await;
    store.forget(NAME).await.unwrap();
    assert!(login.await.unwrap().is_ok());
    assert!(store.names().await.unwrap().is_empty());
    assert!(matches!(tokens.access_token(NAME, USER).await, Err(TokenError::Empty { .. })));
}

/// As the pages do: no other process has written.
#[tokio::test]
async fn what_the_service_itself_changes_is_seen_at_the_next_login_and_refreshed_without_one() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.process("one");
    let is_due = || {
        let entries = tokens.shared().entries();
        entries.iter().any(|entry| entry.due(TimeDelta::zero(), store.as_ref(), clock::now()).is_some())
    };
    assert!(matches!(tokens.access_token(NAME, USER).await, Err(TokenError::Empty { .. })));
    assert!(!is_due(), "there is no grant");
    import(store.as_ref(), &scene.token(Grant::RefreshToken), "r1".into()).await.unwrap();
    assert!(is_due());
    scene.endpoint.next(granted("a1", 3600, Some("r2")));
    assert_eq!(tokens.access_token(NAME, USER).await.unwrap().secret().expose_secret(), "a1");
    import(store.as_ref(), &scene.token(Grant::RefreshToken), "another".into()).await.unwrap();
    scene.endpoint.next(granted("b1", 3600, None));
    assert_eq!(tokens.access_token(NAME, USER).await.unwrap().secret().expose_secret(), "b1");
    store.forget(NAME).await.unwrap();
    assert!(matches!(tokens.access_token(NAME, USER).await, Err(TokenError::Empty { .. })));
    assert!(!is_due());
}

/// Another process took it for dead while this one had its successor in memory.
#[tokio::test]
async fn a_successor_that_waits_heals_what_another_process_gave_up() {
    let scene = Scene::new().await;
    let (tokens, flaky, store) = scene.unsaved().await;
    scene.endpoint.next(error(400, "invalid_grant", ""));
    let (other, _store) = scene.process("other");
    // Its lease ran out, as it does where nothing can be written for long.
    store.release(NAME, "one").await.unwrap();
    assert!(matches!(other.access_token(NAME, USER).await, Err(TokenError::NeedsAuthorization { .. })));
    assert_eq!(material(&store).await, (None, some("r1")));
    flaky.has_space();
    assert_eq!(tokens.access_token(NAME, USER).await.unwrap().secret().expose_secret(), "a1");
    assert_eq!(material(&store).await, (some("r2"), None));
    assert!(state(&store).await.trouble.is_none());
}

/// The commit had gone through although its answer was an error.
#[tokio::test]
async fn saved_twice_is_saved_once() {
    let scene = Scene::new().await;
    let (_, store) = scene.imported().await;
    let flaky = Arc::new(endpoint::FullDisk::liar(store.clone()));
    let tokens = scene.tokens("one", Grant::RefreshToken, Arc::clone(&flaky) as Arc<dyn Store>);
    scene.endpoint.next(granted("a1", 3600, Some("r2")));
    assert_eq!(tokens.access_token(NAME, USER).await.unwrap().secret().expose_secret(), "a1");
    assert_eq!(material(&store).await, (some("r2"), None));
}

#[tokio::test]
async fn two_processes_with_sixty_four_logins_each_make_one_request() {
    let scene = Scene::new().await;
    let (one, _store) = scene.imported().await;
    let (other, _other_store) = scene.process("other");
    scene.endpoint.next(granted("a1", 3600, Some("r2"))).slow();
    let logins: Vec<_> = (0..128)
        .map(|number| {
            let tokens = if number % 2 == 0 { one.clone() } else { other.clone() };
            tokio::spawn(async move { tokens.access_token(NAME, USER).await })
        })
        .collect();
    for login in logins {
        assert_eq!(login.await.unwrap().unwrap().secret().expose_secret(), "a1");
    }
    assert_eq!(scene.endpoint.requests().len(), 1);
}

/// Longer than the lease: discovery, an assertion and the exchange add up.
#[tokio::test]
async fn a_refresh_that_takes_long_keeps_its_lease() {
    let scene = Scene::new().await;
    let (_, store) = scene.imported().await;
    let impatient = |owner: &str| {
        // Not shorter: a busy machine's store can be silent for a second, and that is no lost lease.
        let short = Duration::from_secs(4);
        let settings = TokenSettings { ahead: Duration::ZERO, patience: Duration::from_mins(1), lease: short };
        let tokens = Tokens::new(scene.store() as Arc<dyn Store>, settings, owner.into(), Notices::default());
        tokens.declare([(Arc::new(scene.token(Grant::RefreshToken)), http_within(Duration::from_mins(1)))]);
        tokens
    };
    let (one, other) = (impatient("one"), impatient("other"));
    scene.endpoint.conduct(endpoint::Conduct {
        before: Duration::from_secs(6),
        answer: granted("a1", 3600, Some("r2")),
        ..endpoint::Conduct::default()
    });
    let (first, second) = tokio::join!(one.access_token(NAME, USER), other.access_token(NAME, USER));
    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(scene.endpoint.requests().len(), 1);
    assert_eq!(material(&store).await.0, some("r2"));
}

/// It joins a login's flight, which finds what is there and asks nobody.
#[tokio::test]
async fn a_forced_refresh_is_not_content_with_what_others_found() {
    let scene = Scene::new().await;
    let (tokens, store) = scene.imported().await;
    scene.endpoint.next(granted("a1", 3600, None));
    tokens.access_token(NAME, USER).await.unwrap();
    let (other, _store) = scene.process("other");
    scene.endpoint.next(granted("a2", 3600, None));
    let (login, forced) = tokio::join!(other.access_token(NAME, USER), other.refresh(NAME, USER));
    assert_eq!(login.unwrap().secret().expose_secret(), "a1");
    assert_eq!(forced.unwrap().secret().expose_secret(), "a2");
    assert_eq!(material(&store).await, (some("r1"), None));
}

/// Its process was stopped, or its store was slow: another has taken over, and may have spent the refresh token.
#[tokio::test]
async fn a_lease_that_was_lost_before_anything_was_sent_sends_nothing() {
    let scene = Scene::new().await;
    let (_, store) = scene.imported().await;
    let slow = Arc::new(endpoint::FullDisk::overtaken(scene.store()));
    let settings =
        TokenSettings { ahead: Duration::ZERO, patience: Duration::from_mins(1), lease: Duration::from_secs(1) };
    let tokens = Tokens::new(Arc::clone(&slow) as Arc<dyn Store>, settings, "slow".into(), Notices::default());
    tokens.declare([(Arc::new(scene.token(Grant::RefreshToken)), http_within(Duration::from_mins(1)))]);
    let login = tokio::spawn(async move { tokens.access_token(NAME, USER).await });
    while !slow.is_well() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(scene.endpoint.requests().is_empty());
    scene.endpoint.next(granted("a1", 3600, Some("r2")));
    let (other, _store) = scene.process("other");
    store.release(NAME, "another").await.unwrap();
    assert_eq!(other.access_token(NAME, USER).await.unwrap().secret().expose_secret(), "a1");
    assert_eq!(login.await.unwrap().unwrap().secret().expose_secret(), "a1");
    assert_eq!(scene.endpoint.requests().len(), 1);
}

/// Somebody may have written just before the store went away: nobody can know, and mail goes on.
#[tokio::test]
async fn a_token_that_is_known_serves_while_the_store_is_away() {
    let scene = Scene::new().await;
    let (_, store) = scene.imported().await;
    let disk = Arc::new(endpoint::FullDisk::later(store));
    disk.has_space();
    let tokens = scene.tokens("one", Grant::RefreshToken, Arc::clone(&disk) as Arc<dyn Store>);
    scene.endpoint.next(granted("a1", 3600, Some("r2")));
    let known = tokens.access_token(NAME, USER).await.unwrap();
    disk.away();
    disk.touch(crate::store::Topic::Token(NAME));
    assert_eq!(tokens.access_token(NAME, USER).await.unwrap(), known);
    // A refresh token may be spent only where its successor can be kept.
    assert!(matches!(tokens.refresh(NAME, USER).await, Err(TokenError::Store(_))));
    assert_eq!(scene.endpoint.requests().len(), 1);
}

/// Its lines are taken out of the file and put back, or its record cannot be read for a moment.
#[tokio::test]
async fn a_token_that_comes_back_finds_what_was_under_way() {
    let scene = Scene::new().await;
    let (tokens, _store) = scene.imported().await;
    let login = scene.login_during_a_rotation(&tokens).await;
    tokens.declare([]);
    tokens.declare([(Arc::new(scene.token(Grant::RefreshToken)), http())]);
    let again = tokens.access_token(NAME, USER).await.unwrap();
    assert_eq!(again, login.await.unwrap().unwrap());
    assert_eq!(scene.endpoint.requests().len(), 1);
}

#[tokio::test]
async fn what_could_not_be_saved_outlives_that_its_token_is_away() {
    for comes_back in [true, false] {
        let scene = Scene::new().await;
        let (tokens, disk, store) = scene.unsaved().await;
        tokens.declare([]);
        tokens.declare([]);
        disk.has_space();
        if comes_back {
            tokens.declare([(Arc::new(scene.token(Grant::RefreshToken)), http())]);
            assert_eq!(tokens.access_token(NAME, USER).await.unwrap().secret().expose_secret(), "a1");
        } else {
            tokens.settle(Duration::from_mins(2)).await;
            assert!(store.lease(NAME, "another", Duration::from_mins(1)).await.unwrap(), "it was given back");
        }
        assert_eq!(material(&store).await, (some("r2"), None));
        assert_eq!(scene.endpoint.requests().len(), 1);
    }
}

/// A failover in the very moment in which a person has given a grant.
#[tokio::test]
async fn what_a_person_gives_is_kept_by_a_store_that_was_away_or_says_so() {
    let scene = Scene::new().await;
    let (_, store) = scene.imported().await;
    let liar = endpoint::FullDisk::liar(store.clone());
    let token = scene.token(Grant::RefreshToken);
    import(&liar, &token, "r2".into()).await.unwrap();
    assert_eq!(material(&store).await, (some("r2"), some("r1")), "saved twice is saved once");
    let full = endpoint::FullDisk::at_once(store.clone());
    let before = full.changes(crate::store::Topic::Token(NAME));
    assert!(matches!(import(&full, &token, "r3".into()).await, Err(TokenError::Store(_))));
    assert_ne!(full.changes(crate::store::Topic::Token(NAME)), before, "whoever uses it looks again all the same");
}

/// The store takes leases and no states, as while its key is changed or its disk is full: whoever else refreshed now would spend
/// the same refresh token once more.
#[tokio::test]
async fn a_refresh_token_whose_successor_cannot_be_saved_is_nobody_elses() {
    let scene = Scene::new().await;
    let (one, disk, _) = scene.unsaved().await;
    let (other, _store) = scene.process("other");
    let waiting = tokio::time::timeout(Duration::from_secs(3), other.access_token(NAME, USER)).await;
    assert!(waiting.is_err() && scene.endpoint.requests().len() == 1);
    disk.has_space();
    assert_eq!(one.access_token(NAME, USER).await.unwrap().secret().expose_secret(), "a1");
    assert_eq!(other.access_token(NAME, USER).await.unwrap().secret().expose_secret(), "a1");
    assert_eq!(scene.endpoint.requests().len(), 1);
}
