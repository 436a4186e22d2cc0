use std::sync::Arc;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;

/// A service that answers so, and what a command makes of it.
async fn asked(handler: Handler) -> (Vec<Value>, Result<(), AskError>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.socket");
    let stop = CancellationToken::new();
    let (control, stopped) = (Control::open(&path).unwrap(), stop.clone());
    let serving = tokio::spawn(async move { control.serve(handler, stopped).await });
    let asking = tokio::task::spawn_blocking(move || {
        let mut lines = Vec::new();
        let ended = ask(&path, &Request::Status, |line| {
            lines.push(line);
            Ok(())
        });
        (lines, ended)
    });
    let heard = asking.await.unwrap();
    stop.cancel();
    serving.await.unwrap();
    heard
}

#[tokio::test]
async fn what_is_told_arrives_in_order_and_ends_well() {
    let handler: Handler = Arc::new(|request, teller| {
        Box::pin(async move {
            assert_eq!(request, Request::Status);
            for number in 0..200 {
                teller.tell(&number).await?;
            }
            Ok(())
        })
    });
    let (lines, ended) = asked(handler).await;
    ended.unwrap();
    assert_eq!(lines, (0..200).map(|number| json!(number)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_refusal_has_its_words_and_its_code() {
    let handler: Handler =
        Arc::new(|_, _| Box::pin(async { Err(Refusal { text: "the file is broken".into(), code: 78 }) }));
    let (_, ended) = asked(handler).await;
    let Err(AskError::Refused { text, code }) = ended else { panic!("{ended:?}") };
    assert_eq!((text.as_str(), code), ("the file is broken", 78));
}

#[test]
fn nobody_there_is_said_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let error: AskError = ask(&directory.path().join("x"), &Request::Status, |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("start it with `gatepost serve`"), "{error}");
}

#[tokio::test]
async fn the_newest_service_has_the_socket_and_the_old_one_takes_nothing_away() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.socket");
    let old = Control::open(&path).unwrap();
    let new = Control::open(&path).unwrap();
    drop(old);
    assert!(path.exists());
    drop(new);
    assert!(!path.exists());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing else is left");
}
