//! Questions to the system that may hang without end: a name server that is silent, a disk of the network.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Each is asked on a thread of its own, never on one that others need, and never twice at a time: whoever wants to know the
/// same waits for the same answer. A thread that hangs is one, however many wait for it and give up.
#[derive(Debug)]
pub struct Aside<T> {
    under_way: Mutex<HashMap<String, Answer<T>>>,
    most: usize,
}

type Answer<T> = watch::Receiver<Option<T>>;

impl<T: Clone + Send + Sync + 'static> Aside<T> {
    /// So many threads at a time.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { under_way: Mutex::default(), most }
    }

    /// Asks, or waits for the answer to the same question. Whoever waits sets the limit.
    pub async fn ask(self: &Arc<Self>, question: &str, work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let mut answer = self.begin(question, work)?;
        let answered = answer.wait_for(Option::is_some).await.ok().and_then(|answer| answer.clone());
        answered.ok_or_else(|| io::Error::other("the thread that asked has ended without an answer"))
    }

    fn begin(self: &Arc<Self>, question: &str, work: impl FnOnce() -> T + Send + 'static) -> io::Result<Answer<T>> {
        let mut under_way = self.lock();
        if let Some(answer) = under_way.get(question) {
            return Ok(answer.clone());
        }
        if under_way.len() >= self.most {
            let fault = format!("{} others are being waited for already", self.most);
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, fault));
        }
        let (sender, answer) = watch::channel(None);
        let asked = Asked { aside: Arc::clone(self), question: question.to_owned() };
        under_way.insert(question.to_owned(), answer.clone());
        drop(under_way);
        std::thread::Builder::new().name("aside".into()).spawn(move || {
            let done = work();
            // First: whoever comes now asks anew.
            drop(asked);
            sender.send_replace(Some(done));
        })?;
        Ok(answer)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Answer<T>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question that is open, whatever becomes of its thread.
struct Asked<T> {
    aside: Arc<Aside<T>>,
    question: String,
}

impl<T> Drop for Asked<T> {
    fn drop(&mut self) {
        self.aside.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.question);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn many_who_ask_the_same_cost_one_thread_and_get_one_answer() {
        let aside = Arc::new(Aside::new(2));
        let (release, held) = mpsc::channel::<()>();
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let mut first = aside.begin("hangs", move || {
            let _ = held.recv();
            counted.fetch_add(1, Ordering::SeqCst) + 1
        });
        let others: Vec<_> = (0..100).map(|_| aside.begin("hangs", || 100).unwrap()).collect();
        assert_eq!(aside.ask("another", || 7).await.unwrap(), 7, "it holds up no other");
        drop(release);
        for answer in others.into_iter().chain([first.as_mut().unwrap().clone()]) {
            assert_eq!(*answer.clone().wait_for(Option::is_some).await.unwrap(), Some(1));
        }
        assert_eq!(aside.ask("hangs", || 8).await.unwrap(), 8, "afterwards it is asked anew");
    }

    #[tokio::test]
    async fn threads_are_bounded_and_one_that_panics_is_told() {
        let aside = Arc::new(Aside::new(1));
        let (release, held) = mpsc::channel::<()>();
        let hanging = aside.begin("hangs", move || held.recv().is_ok()).unwrap();
        let refused = aside.ask("another", || true).await.unwrap_err();
        assert_eq!(refused.to_string(), "1 others are being waited for already");
        drop(release);
        drop(hanging.clone().wait_for(Option::is_some).await);
        let fault = aside.ask("panics", || -> bool { panic!("on purpose") }).await.unwrap_err();
        assert!(fault.to_string().contains("without an answer"), "{fault}");
        aside.ask("another", || true).await.unwrap();
    }
}
