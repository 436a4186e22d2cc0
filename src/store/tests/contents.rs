//! Moves from one store to another.

use tokio::task::JoinHandle;

use super::super::contents::{Cell, TABLES};
use super::super::copy::{AT_ONCE, Piece, TIMES, pipe};
use super::*;

async fn filled(store: &dyn Store) {
    for name in ["a", "b"] {
        assert!(matches!(store.save(name, Version(0), &state()).await, Ok(Saved::Done(_))));
    }
    assert!(matches!(store.save("empty", Version(0), &TokenState::default()).await, Ok(Saved::Done(_))));
    let account = store.record(Kind::Account, "desk").await.unwrap().with(Some("{}".into()));
    assert!(matches!(store.put(account, None).await, Ok(Saved::Done(_))));
    let session = store.record(Kind::AdminSession, "1").await.unwrap().with(Some("x".into()));
    assert!(matches!(store.put(session, Some(Duration::from_hours(1))).await, Ok(Saved::Done(_))));
    assert!(store.announce("a", "needs_authorization").await.unwrap());
    assert!(store.lease("a", "somebody", Duration::from_hours(1)).await.unwrap());
    let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    for what in ["one", "two"] {
        let (who, from, subject, detail) = ("who".into(), "nul\0".into(), String::new(), String::new());
        store.note(Deed { at, who, from, what: what.into(), subject, detail }).await.unwrap();
    }
    let used = Use { account: "desk".into(), password: String::new(), login: Some(at), message: None };
    store.used(vec![used]).await.unwrap();
}

/// Everything, as it comes each time.
async fn all(store: &dyn Store) -> Vec<Piece> {
    let (outflow, mut inflow) = pipe();
    let took = async {
        let mut times = Vec::new();
        for _ in 0..TIMES {
            let mut time = Vec::new();
            while let Some(rows) = inflow.take().await.unwrap() {
                time.push(rows);
            }
            times.push(time);
        }
        times
    };
    let (poured, mut times) = tokio::join!(store.pour(outflow), took);
    poured.unwrap();
    assert_eq!((times.len(), &times[0]), (TIMES, &times[1]));
    times.remove(0)
}

/// What is sealed with which key is there in a store that holds nothing else.
async fn is_empty(store: &dyn Store) -> bool {
    all(store).await.iter().all(|rows| TABLES[rows.table].name == "sealing")
}

/// Fills a store with what no store has poured.
async fn fill_with(store: &dyn Store, pieces: Vec<Option<Piece>>) -> Result<Copied, StoreError> {
    let (outflow, inflow) = pipe();
    let pouring: JoinHandle<()> = tokio::spawn(async move {
        for piece in pieces {
            outflow.put(piece).await;
        }
    });
    let filled = store.fill(inflow).await;
    pouring.await.unwrap();
    filled
}

fn notices(numbers: std::ops::Range<usize>) -> Piece {
    let table = TABLES.iter().position(|table| table.name == "notices").unwrap();
    let row = |number| vec![Cell::Text(format!("token{number:06}")), Cell::Text("told".into())];
    Piece { table, first: numbers.start, rows: numbers.map(row).collect() }
}

fn deeds(what: &[&str]) -> Piece {
    let table = TABLES.iter().position(|table| table.name == "deeds").unwrap();
    let text = |text: &str| Cell::Text(text.to_owned());
    let row = |what: &&str| vec![Cell::Integer(1), text("who"), text("here"), text(what), text(""), text("")];
    Piece { table, first: 0, rows: what.iter().map(row).collect() }
}

#[tokio::test]
async fn everything_moves_as_it_is_whichever_store_it_comes_from() {
    let key = generate_key().unwrap();
    let keys = || Keys::new(&key).unwrap();
    for (from, to) in Ground::all().await.into_iter().zip(Ground::all().await.into_iter().rev()) {
        let source = from.open(keys()).await.unwrap();
        filled(source.as_ref()).await;
        let target = to.open(keys()).await.unwrap();
        let copied = copy(source.as_ref(), target.as_ref()).await.unwrap();
        assert_eq!(copied.to_string(), "tokens 3, records 2, notices 1, deeds 2, uses 1");
        let contents = all(source.as_ref()).await;
        assert!(contents == all(target.as_ref()).await);
        let stored = target.token("a").await.unwrap();
        assert_eq!(stored.version, source.token("a").await.unwrap().version);
        assert_eq!(stored.state.refresh.unwrap().expose_secret(), "refr3sh");
        assert_eq!(target.record(Kind::Account, "desk").await.unwrap().content.unwrap().as_deref(), Some("{}"));
        assert!(target.lease("a", "another", Duration::from_hours(1)).await.unwrap(), "leases are of the moment");
        assert_eq!(target.deeds(None, 1).await.unwrap()[0].deed.what, "two");

        let refused = copy(source.as_ref(), target.as_ref()).await.unwrap_err();
        assert!(matches!(refused, StoreError::NotEmpty { what: "tokens", .. }), "{refused}");
        assert!(contents == all(target.as_ref()).await, "and nothing was changed");
        assert!(!format!("{contents:?}").contains("desk"));
    }
}

#[tokio::test]
async fn much_moves_a_piece_at_a_time() {
    let many = 2 * AT_ONCE + 1;
    for (from, to) in Ground::all().await.into_iter().zip(Ground::all().await.into_iter().rev()) {
        let (source, target) = (from.store().await, to.store().await);
        let once =
            [Some(notices(0..AT_ONCE)), Some(notices(AT_ONCE..2 * AT_ONCE)), Some(notices(2 * AT_ONCE..many)), None];
        assert!(fill_with(source.as_ref(), [once.clone(), once].concat()).await.is_ok());
        let copied = copy(source.as_ref(), target.as_ref()).await.unwrap();
        assert_eq!(copied.to_string(), format!("tokens 0, records 0, notices {many}, deeds 0, uses 0"));
        let pieces: Vec<_> = all(target.as_ref()).await.iter().map(|rows| (rows.first, rows.rows.len())).collect();
        assert_eq!(pieces, [(0, AT_ONCE), (AT_ONCE, AT_ONCE), (2 * AT_ONCE, 1)], "nothing seals it");
        assert_eq!(target.announced().await.unwrap().len(), many);

        // Nobody takes it: it is not read either.
        let (outflow, inflow) = pipe();
        let pouring = tokio::spawn(async move { source.pour(outflow).await });
        while inflow.waiting() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(!pouring.is_finished());
        drop(inflow);
        assert_eq!(pouring.await.unwrap(), Err(StoreError::BrokenOff));
    }
}

#[tokio::test]
async fn a_copy_that_is_another_one_or_breaks_off_leaves_nothing() {
    for ground in Ground::all().await {
        let store = ground.store().await;
        for (compared, unlike) in [
            (vec![], "notices [\"token000000\", \"told\"]"),
            (vec![notices(0..1), deeds(&["one", "two"])], "notices [\"token000001\", \"told\"]"),
            (vec![notices(0..3), deeds(&["one", "two"])], "notices [\"token000002\", \"told\"]"),
            (vec![notices(0..2)], "deeds 1"),
            (vec![notices(0..2), deeds(&["one", "three"])], "deeds 2"),
        ] {
            let written = [Some(notices(0..2)), Some(deeds(&["one", "two"])), None];
            let pieces = written.into_iter().chain(compared.into_iter().map(Some)).chain([None]).collect();
            let Err(StoreError::Unlike { row, .. }) = fill_with(store.as_ref(), pieces).await else {
                panic!("{unlike}")
            };
            assert_eq!(row, unlike);
            assert!(is_empty(store.as_ref()).await);
        }
        let whole = || [Some(notices(0..2)), None];
        for breaks in [1, 2, 3] {
            let pieces = whole().into_iter().chain(whole()).take(breaks).collect();
            assert_eq!(fill_with(store.as_ref(), pieces).await, Err(StoreError::BrokenOff));
            assert!(is_empty(store.as_ref()).await);
        }
        assert!(fill_with(store.as_ref(), whole().into_iter().chain(whole()).collect()).await.is_ok());
        assert_eq!(store.announced().await.unwrap().len(), 2);
    }
}

/// A store whose key was changed is sealed with the newer of two, and so is its copy.
#[tokio::test]
async fn a_copy_is_sealed_with_the_key_of_the_store_that_it_is_of() {
    let (old, new) = (generate_key().unwrap(), generate_key().unwrap());
    let ring = format!("{}\n{}", old.expose_secret(), new.expose_secret());
    for (from, to) in Ground::all().await.into_iter().zip(Ground::all().await.into_iter().rev()) {
        let open = async |ground: &Ground| ground.open(Keys::new(&ring.clone().into()).unwrap()).await.unwrap();
        let (source, target) = (open(&from).await, open(&to).await);
        filled(source.as_ref()).await;
        source.rekey().await.unwrap();
        copy(source.as_ref(), target.as_ref()).await.unwrap();
        drop(target);
        let target = to.open(Keys::new(&new).unwrap()).await.unwrap();
        assert!(target.token("a").await.unwrap().state.refresh.is_some());
    }
}
