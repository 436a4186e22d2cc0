use chrono::{DateTime, Utc};

use super::super::draw::Chart;
use crate::activity::{Activity, Minute};

/// The last day, in pictures and in figures.
#[derive(Clone, Debug)]
pub(super) struct Day {
    pub(super) charts: Vec<Chart>,
    /// Hour by hour, the latest first.
    pub(super) hours: Vec<Minute>,
}

const MINUTES: usize = 24 * 60;
/// Half an hour each.
const BARS: usize = 48;
const HOURS: usize = 24;

impl Day {
    pub(super) fn of(activity: &Activity, now: DateTime<Utc>) -> Self {
        let slots = activity.counts.window(now, MINUTES, BARS);
        let mut hours = activity.counts.window(now, MINUTES, HOURS);
        hours.reverse();
        let open = activity.roll.open();
        let charts = vec![
            sessions(&slots, open),
            counted("messages", "Messages", "accepted", &slots, |minute| minute.messages),
            counted("failures", "Failures", "of logins, messages and refreshes", &slots, |minute| minute.failures),
            counted("refreshes", "Refreshes", "of tokens", &slots, |minute| minute.refreshes),
        ];
        Self { charts, hours }
    }
}

fn sessions(slots: &[Minute], open: usize) -> Chart {
    let value = |minute: &Minute| u64::try_from(minute.sessions).unwrap_or(u64::MAX);
    let highest = slots.iter().map(value).max().unwrap_or(0);
    let logins: u64 = slots.iter().map(|minute| minute.logins).sum();
    let told = format!("open now; at most {highest} at a time, {logins} logins in 24 hours");
    drawn("sessions", "Sessions", slots, value).figure(open.to_string(), told)
}

fn counted(
    id: &'static str,
    title: &'static str,
    what: &str,
    slots: &[Minute],
    value: impl Fn(&Minute) -> u64 + Copy,
) -> Chart {
    let sum: u64 = slots.iter().map(value).sum();
    drawn(id, title, slots, value).figure(sum.to_string(), format!("{what} in 24 hours"))
}

fn drawn(id: &'static str, title: &'static str, slots: &[Minute], value: impl Fn(&Minute) -> u64) -> Chart {
    let slots: Vec<_> = slots.iter().map(|minute| (minute.at, value(minute))).collect();
    Chart::of(id, title, &slots)
}
