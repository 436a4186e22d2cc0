//! A fault of Gatepost itself ends one session. It is made by whoever is told of its login.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gatepost::model::Protocol;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

use crate::scene::{PLAIN, Scene, Setting, log_in};

/// Panics at an event of this name, once.
struct Breaks {
    at: &'static str,
    done: Arc<AtomicBool>,
}

struct Name(String);

impl Visit for Name {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl<S: Subscriber> Layer<S> for Breaks {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut name = Name(String::new());
        event.record(&mut name);
        assert!(name.0 != self.at || self.done.swap(true, Ordering::Relaxed), "with words that nobody may read");
    }
}

#[tokio::test]
async fn a_panic_ends_one_session_and_gives_back_all_that_it_held() {
    // Two may be in, and one at the mailbox's gate.
    let limits = "sessions = 2\ngate_seconds = 5";
    for protocol in Protocol::ALL {
        let scene = Scene::with(Setting { limits, ..Setting::default() }).await;
        let mut other = scene.logged_in(protocol).await;
        let done = Arc::new(AtomicBool::new(false));
        let breaks = Breaks { at: "session.login", done: Arc::clone(&done) };
        // While there is but one subscriber, a thread without it could turn an event off for all.
        let _another = tracing::Dispatch::new(tracing_subscriber::registry());
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(breaks));
        let mut broken = scene.client(protocol).await;
        log_in(&mut broken, protocol, PLAIN).await;
        broken.expect_end().await;
        drop(guard);
        assert!(done.load(Ordering::Relaxed));
        // Its place is free again, and so is all else.
        drop(scene.logged_in(protocol).await);
        let (command, answer) = if protocol == Protocol::Imap { ("n NOOP\r\n", "n OK") } else { ("NOOP\r\n", "") };
        other.send(command).await;
        other.expect(answer).await;
        let ended = scene.gatepost.stop().await;
        assert_eq!((ended.unfinished, ended.sessions), (0, 0));
    }
}
