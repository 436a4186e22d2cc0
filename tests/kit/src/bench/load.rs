use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::program::{Errand, Program, Session, Trouble};
use super::series::Series;

/// What many visits one after the other came to.
#[derive(Debug, Default)]
pub struct Rate {
    /// Visits that ended within the span …
    pub counted: usize,
    /// … which was so long.
    pub span: Duration,
    /// Visits that came to their end at all.
    pub all: usize,
    /// Visits that did not.
    pub failures: usize,
    /// Why the last of those did not.
    pub trouble: Option<String>,
    /// How long the counted ones took, in milliseconds.
    pub times: Series,
}

impl Rate {
    /// Visits in a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^52")]
    pub fn per_second(&self) -> f64 {
        self.counted as f64 / self.span.as_secs_f64()
    }

    fn add(&mut self, other: Self) {
        self.counted += other.counted;
        self.all += other.all;
        self.failures += other.failures;
        self.trouble = other.trouble.or(self.trouble.take());
        self.times.extend(&other.times);
    }
}

/// How long a client waits that was refused.
const AFTER_TROUBLE: Duration = Duration::from_millis(20);

/// So many clients at a time visit one after the other for this span, after a while that does not count.
pub async fn rate(program: &Program, errand: Errand, clients: usize, warming: Duration, span: Duration) -> Rate {
    let start = Instant::now();
    let numbers = Arc::new(AtomicUsize::new(0));
    let mut visitors = JoinSet::new();
    for _ in 0..clients {
        let (program, numbers) = (program.clone(), Arc::clone(&numbers));
        visitors.spawn(async move {
            let mut rate = Rate::default();
            while start.elapsed() < warming + span {
                let begin = Instant::now();
                let visit = program.visit(numbers.fetch_add(1, Ordering::Relaxed), errand).await;
                let (took, end) = (begin.elapsed(), start.elapsed());
                match visit {
                    Ok(_) if end >= warming && end <= warming + span => {
                        rate.times.push(took.as_secs_f64() * 1e3);
                        (rate.counted, rate.all) = (rate.counted + 1, rate.all + 1);
                    }
                    Ok(_) => rate.all += 1,
                    Err(trouble) => {
                        rate.failures += 1;
                        rate.trouble = Some(trouble.to_string());
                        sleep(AFTER_TROUBLE).await;
                    }
                }
            }
            rate
        });
    }
    let mut whole = Rate { span, ..Rate::default() };
    while let Some(rate) = visitors.join_next().await {
        whole.add(rate.unwrap());
    }
    whole
}

/// What went over some connections at a time.
#[derive(Debug)]
pub struct Transfer {
    /// All of it.
    pub octets: usize,
    /// From the first to the last, without the logins.
    pub took: Duration,
}

impl Transfer {
    /// Megabytes in a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^52")]
    pub fn megabytes_per_second(&self) -> f64 {
        self.octets as f64 / 1e6 / self.took.as_secs_f64()
    }
}

/// Fetches the upstream's message (IMAP, POP3) or sends the program's (SMTP) so many times on each of some connections.
pub async fn transfer(
    program: &Program,
    errand: Errand,
    connections: usize,
    times: usize,
) -> Result<Transfer, Trouble> {
    let mut sessions = Vec::new();
    for number in 0..connections {
        let mut session = program.log_in(number).await?;
        session.select().await?;
        sessions.push(session);
    }
    let start = Instant::now();
    let mut under_way = JoinSet::new();
    for mut session in sessions {
        let octets = program.octets();
        under_way.spawn(async move {
            let mut sum = 0;
            for _ in 0..times {
                if errand == Errand::Message {
                    session.send().await?;
                }
                sum += if errand == Errand::Message { octets } else { session.fetch().await? };
            }
            Ok::<_, Trouble>((sum, session))
        });
    }
    let (mut octets, mut sessions) = (0, Vec::new());
    while let Some(done) = under_way.join_next().await {
        let (sum, session) = done.unwrap()?;
        octets += sum;
        sessions.push(session);
    }
    let took = start.elapsed();
    for session in sessions {
        session.leave().await?;
    }
    Ok(Transfer { octets, took })
}

/// Sessions that are there at the same time.
#[derive(Default)]
pub struct Crowd {
    /// Logged in, in no order.
    pub sessions: Vec<Session>,
    /// How many could not.
    pub failures: usize,
    /// Why the last of those could not.
    pub trouble: Option<String>,
    /// How long the logins took in all.
    pub took: Duration,
}

/// Logs in so many sessions, some at a time.
pub async fn crowd(program: &Program, count: usize, at_a_time: usize) -> Crowd {
    let start = Instant::now();
    let numbers = Arc::new(AtomicUsize::new(0));
    let mut doors = JoinSet::new();
    for _ in 0..at_a_time {
        let (program, numbers) = (program.clone(), Arc::clone(&numbers));
        doors.spawn(async move {
            let mut crowd = Crowd::default();
            loop {
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return crowd;
                }
                match program.log_in(number).await {
                    Ok(session) => crowd.sessions.push(session),
                    Err(trouble) => {
                        crowd.failures += 1;
                        crowd.trouble = Some(trouble.to_string());
                    }
                }
            }
        });
    }
    let mut whole = Crowd::default();
    while let Some(crowd) = doors.join_next().await {
        let crowd = crowd.unwrap();
        whole.sessions.extend(crowd.sessions);
        whole.failures += crowd.failures;
        whole.trouble = crowd.trouble.or(whole.trouble);
    }
    whole.took = start.elapsed();
    whole
}

impl Crowd {
    /// All leave, some at a time; how many were still there to hear the answer.
    pub async fn leave(self) -> usize {
        let mut leaving = JoinSet::new();
        for session in self.sessions {
            leaving.spawn(session.leave());
        }
        let mut alive = 0;
        while let Some(left) = leaving.join_next().await {
            alive += usize::from(left.unwrap().is_ok());
        }
        alive
    }
}
