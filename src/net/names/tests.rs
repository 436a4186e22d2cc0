use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::*;

const HOUR: Duration = Duration::from_hours(1);

fn addresses(list: &[&str]) -> Vec<SocketAddr> {
    list.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect()
}

/// A name server that answers with what it is given, one thing each time, and counts; when there is nothing it hangs.
fn scripted(times: Times) -> (Names, mpsc::Sender<io::Result<Vec<SocketAddr>>>, Arc<AtomicUsize>) {
    let (say, said) = mpsc::channel();
    let (said, asked) = (Mutex::new(said), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&asked);
    let look_up = move |_: &str| {
        counted.fetch_add(1, Ordering::SeqCst);
        said.lock().unwrap().recv().unwrap_or_else(|_| Err(io::Error::other("the test is over")))
    };
    (Names::with(Box::new(look_up), times), say, asked)
}

/// One worker and one blocking thread: whatever is taken by a look-up that hangs is missed.
#[test]
fn a_name_server_that_hangs_holds_up_neither_other_names_nor_the_threads_of_others() {
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let names = Names::found_by(move |host: &str| match host {
        "hangs.invalid" => {
            let _ = held.lock().unwrap().recv();
            Ok(addresses(&["192.0.2.9"]))
        }
        _ => Ok(addresses(&["192.0.2.1"])),
    });
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.max_blocking_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let hanging: Vec<_> = (0..200)
            .map(|_| {
                let names = names.clone();
                tokio::spawn(async move { names.find("hangs.invalid").await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(names.find("fine.invalid").await.unwrap(), addresses(&["192.0.2.1"]));
        assert_eq!(tokio::task::spawn_blocking(|| 7).await.unwrap(), 7, "passwords are hashed meanwhile");
        assert!(hanging.iter().all(|task| !task.is_finished()));
        drop(release);
        for task in hanging {
            assert_eq!(task.await.unwrap().unwrap(), addresses(&["192.0.2.9"]));
        }
    });
}

#[tokio::test]
async fn an_answer_is_believed_for_a_while_and_addresses_need_none() {
    let (names, say, asked) = scripted(Times { fresh: HOUR, ..TIMES });
    assert_eq!(names.find("192.0.2.7").await.unwrap(), addresses(&["192.0.2.7"]));
    say.send(Ok(addresses(&["192.0.2.1"]))).unwrap();
    for _ in 0..3 {
        assert_eq!(names.find("mail.invalid").await.unwrap(), addresses(&["192.0.2.1"]));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    names.doubt("mail.invalid");
    say.send(Ok(addresses(&["192.0.2.2"]))).unwrap();
    assert_eq!(names.find("mail.invalid").await.unwrap(), addresses(&["192.0.2.2"]), "none of the first answered");
    say.send(Ok(addresses(&["192.0.2.3"]))).unwrap();
    assert_eq!(names.ask("mail.invalid").await.unwrap(), addresses(&["192.0.2.3"]), "whoever looks for the fault");
    assert_eq!(names.find("mail.invalid").await.unwrap(), addresses(&["192.0.2.3"]));
}

/// The clock is the runtime's: it runs ahead when everybody waits.
#[tokio::test(start_paused = true)]
async fn a_name_server_that_falls_silent_leaves_what_it_said_last() {
    let (names, say, asked) = scripted(TIMES);
    say.send(Ok(addresses(&["192.0.2.1"]))).unwrap();
    assert_eq!(names.ask("mail.invalid").await.unwrap(), addresses(&["192.0.2.1"]));
    // The thread that asked has another clock.
    tokio::time::advance(TIMES.fresh * 4).await;
    let before = Instant::now();
    assert_eq!(names.find("mail.invalid").await.unwrap(), addresses(&["192.0.2.1"]));
    assert!(before.elapsed() >= TIMES.patience, "it was asked first");
    let before = Instant::now();
    for _ in 0..100 {
        assert_eq!(names.find("mail.invalid").await.unwrap(), addresses(&["192.0.2.1"]));
    }
    assert_eq!(before.elapsed(), Duration::ZERO, "and then nobody waits for it");
    assert!(asked.load(Ordering::SeqCst) <= 2);
    drop(say);
}

#[tokio::test]
async fn a_name_server_in_trouble_is_not_believed_and_one_that_knows_is() {
    let (names, say, _) =
        scripted(Times { fresh: Duration::ZERO, patience: HOUR, forbearance: Duration::ZERO, ..TIMES });
    let fails = |words: &str| say.send(Err(io::Error::other(words.to_owned()))).unwrap();
    fails("Temporary failure in name resolution");
    assert!(names.find("mail.invalid").await.is_err(), "nothing is known yet");
    say.send(Ok(addresses(&["192.0.2.1"]))).unwrap();
    names.find("mail.invalid").await.unwrap();
    for trouble in ["Temporary failure in name resolution", "Try again", "System error"] {
        fails(trouble);
        assert_eq!(names.find("mail.invalid").await.unwrap(), addresses(&["192.0.2.1"]), "{trouble}");
    }
    fails("failed to lookup address information: Name or service not known");
    assert!(names.find("mail.invalid").await.is_err(), "it is gone");
    fails("Try again");
    assert!(names.find("mail.invalid").await.is_err(), "and stays so");
}

#[tokio::test]
async fn families_take_turns_and_what_did_not_answer_comes_last() {
    let (names, say, _) = scripted(TIMES);
    let found = addresses(&["::1", "::2", "::3", "1.1.1.1"]);
    say.send(Ok(found.clone())).unwrap();
    names.ask("mail.invalid").await.unwrap();
    let order = |names: &Names| names.in_order("mail.invalid", found.clone());
    assert_eq!(order(&names), addresses(&["::1", "1.1.1.1", "::2", "::3"]));
    names.fared("mail.invalid", addresses(&["::2"])[0], &addresses(&["::1", "1.1.1.1"]));
    assert_eq!(order(&names), addresses(&["::2", "::3", "::1", "1.1.1.1"]));
    names.fared("mail.invalid", addresses(&["::1"])[0], &[]);
    assert_eq!(order(&names), addresses(&["::1", "::2", "::3", "1.1.1.1"]));
}
