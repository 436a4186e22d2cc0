use std::time::Duration;

/// A reply by which a provider slows a mailbox down. Unlike the explanations this is acted on: the texts are narrow, and
/// one that is not known changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// For how long nothing new is tried.
    pub pause: Pause,
    /// What else waits.
    pub reach: Reach,
}

/// How long the mailbox is left in peace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// As long as the provider said.
    Stated(Duration),
    /// Seconds first, minutes while it repeats.
    Rising,
    /// What a day allows is used up: many minutes first, hours while it repeats.
    Daily,
}

/// What waits beside the kind of thing that was answered so (messages, or logins of a protocol).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing.
    Itself,
    /// The provider counts sessions and there was one too many: fewer are opened for a while.
    Sessions,
    /// Everything that SMTP does: messages wait after a refused login, and logins after a refused message.
    Everything,
}

/// Texts that all stand in a reply, for how long and for what. The first that fits counts.
type Row = (&'static [&'static str], Pause, Reach);

/// Exchange Online: learn.microsoft.com, "Exchange Online limits" and "SMTP AUTH client submission"; Gmail: support.google.com,
/// "Gmail SMTP errors and codes" and "Limits for sending and getting mail".
const TABLE: [Row; 12] = [
    (&["432 4.3.2", "sender thread limit exceeded"], Pause::Rising, Reach::Sessions),
    (&["432 4.3.2", "oncurrent connections limit exceeded"], Pause::Rising, Reach::Sessions),
    (&["4.4.2", "submission rate for this client"], Pause::Rising, Reach::Itself),
    (&["451 4.7.500"], Pause::Rising, Reach::Everything),
    (&["Request is throttled"], Pause::Rising, Reach::Itself),
    (&["Too many simultaneous connections"], Pause::Rising, Reach::Sessions),
    (&["SubmissionQuotaExceeded"], Pause::Daily, Reach::Itself),
    (&["5.4.5", "Daily user sending"], Pause::Daily, Reach::Itself),
    (&["5.4.5", "Daily SMTP relay"], Pause::Daily, Reach::Itself),
    (&["4.7.0", "Too many login attempts"], Pause::Rising, Reach::Itself),
    (&["421", "4.7.0", "ry again later"], Pause::Rising, Reach::Everything),
    (&["4.7.28"], Pause::Rising, Reach::Itself),
];

/// Whether a reply slows the mailbox down, and how.
#[must_use]
pub fn throttle(said: &str) -> Option<Throttle> {
    let (_, pause, reach) = TABLE.iter().find(|(texts, ..)| texts.iter().all(|text| said.contains(text)))?;
    let stated = stated(said).map(Pause::Stated);
    Some(Throttle { pause: stated.unwrap_or(*pause), reach: *reach })
}

/// Exchange says it in milliseconds.
fn stated(said: &str) -> Option<Duration> {
    let (_, rest) = said.split_once("Suggested Backoff Time: ")?;
    let (number, unit) = rest.split_once(' ')?;
    let unit_fits = unit.starts_with("millisecond");
    number.parse().ok().filter(|_| unit_fits).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_providers_say_when_it_is_too_much() {
        let minutes = Pause::Stated(Duration::from_mins(2));
        for (said, pause, reach) in [
            (
                "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded [H=x.prod.outlook.com]",
                Pause::Rising,
                Reach::Sessions,
            ),
            (
                "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending",
                Pause::Rising,
                Reach::Sessions,
            ),
            (
                "421 4.4.2 Message submission rate for this client has exceeded the configured limit",
                Pause::Rising,
                Reach::Itself,
            ),
            ("451 4.7.500 Server busy. Please try again later from [192.0.2.1].", Pause::Rising, Reach::Everything),
            ("Request is throttled. Suggested Backoff Time: 120000 milliseconds", minutes, Reach::Itself),
            ("Request is throttled. Suggested Backoff Time: soon", Pause::Rising, Reach::Itself),
            ("[ALERT] Too many simultaneous connections. (Failure)", Pause::Rising, Reach::Sessions),
            (
                "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed",
                Pause::Daily,
                Reach::Itself,
            ),
            (
                "550-5.4.5 Daily user sending limit exceeded. For more / 550 5.4.5  https://support.google.com",
                Pause::Daily,
                Reach::Itself,
            ),
            ("454-4.7.0 Too many login attempts, please try again later.", Pause::Rising, Reach::Itself),
            (
                "421-4.7.0 Temporary System Problem.  Try again later (10). / 421 4.7.0 x",
                Pause::Rising,
                Reach::Everything,
            ),
            ("421-4.7.28 Gmail has detected an unusual rate of mail", Pause::Rising, Reach::Itself),
        ] {
            assert_eq!(throttle(said), Some(Throttle { pause, reach }), "{said}");
        }
    }

    #[test]
    fn other_refusals_slow_nothing_down() {
        for said in [
            "550 5.1.1 no such user",
            "554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException",
            "535 5.7.3 Authentication unsuccessful",
            "451 4.3.0 try again later",
            "454 4.7.0 Temporary authentication failure",
            "421 4.3.2 Service not available",
        ] {
            assert_eq!(throttle(said), None, "{said}");
        }
    }
}
