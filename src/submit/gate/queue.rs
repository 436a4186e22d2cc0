use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::Notify;

/// Who waits, in the order of arrival. Only the first may go; whoever leaves wakes the next.
#[derive(Debug, Default)]
pub(super) struct Queue {
    next: u64,
    waiting: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    call: Arc<Notify>,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes the last place.
    pub(super) fn join(&mut self) -> (u64, Arc<Notify>) {
        let (number, call) = (self.next, Arc::new(Notify::new()));
        self.next += 1;
        self.waiting.push_back(Waiter { number, call: Arc::clone(&call) });
        (number, call)
    }

    /// How many go before this one.
    pub(super) fn ahead(&self, number: u64) -> usize {
        self.waiting.partition_point(|waiter| waiter.number < number)
    }

    /// Leaves, whether it went through or gave up.
    pub(super) fn leave(&mut self, number: u64) {
        let at = self.ahead(number);
        if self.waiting.get(at).is_some_and(|waiter| waiter.number == number) {
            self.waiting.remove(at);
        }
    }

    pub(super) fn call_first(&self) {
        if let Some(first) = self.waiting.front() {
            first.call.notify_one();
        }
    }

    pub(super) fn call_all(&self) {
        for waiter in &self.waiting {
            waiter.call.notify_one();
        }
    }
}
