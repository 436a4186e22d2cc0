use std::collections::BTreeMap;

use chrono::{DateTime, Months, TimeDelta, Utc};
use serde::Deserialize;

use super::Percent;

/// What ends when, along a line for each kind of thing.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Timeline {
    pub(in crate::admin) rows: Vec<Row>,
    pub(in crate::admin) ticks: Vec<Tick>,
    /// Where today is.
    pub(in crate::admin) today: Percent,
    /// What is seen, in a sentence.
    pub(in crate::admin) told: String,
}

/// Something that ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::admin) struct Ending {
    pub(in crate::admin) at: DateTime<Utc>,
    pub(in crate::admin) lane: Lane,
    /// What ends.
    pub(in crate::admin) what: &'static str,
    /// Whose.
    pub(in crate::admin) whose: String,
    /// Where that is shown, after the root; empty where it is not.
    pub(in crate::admin) path: String,
    /// What to do.
    pub(in crate::admin) next: String,
}

/// A kind of things that end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::admin) enum Lane {
    ClientSecret,
    ClientCertificate,
    Grant,
    Password,
    Listener,
}

/// How far the picture reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(in crate::admin) enum Span {
    #[default]
    #[serde(rename = "90d")]
    Quarter,
    #[serde(rename = "2y")]
    TwoYears,
}

/// All of one kind.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Row {
    pub(in crate::admin) name: &'static str,
    /// What is beyond the right edge, and what has ended, in words.
    pub(in crate::admin) told: String,
    pub(in crate::admin) marks: Vec<Mark>,
}

/// Things that end at about the same time.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::admin) struct Mark {
    pub(in crate::admin) x: Percent,
    /// Its class: `late`, `soon` or `later`.
    pub(in crate::admin) class: &'static str,
    pub(in crate::admin) count: usize,
    pub(in crate::admin) told: String,
}

/// A day that is named.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::admin) struct Tick {
    pub(in crate::admin) x: Percent,
    pub(in crate::admin) text: String,
}

/// Where today is; left of it is what has ended.
const TODAY: f64 = 12.0;
/// Where the span ends.
const END: f64 = 97.0;
/// Where stands what has ended.
const LATE: f64 = 4.0;
/// What lies closer together is one mark: a mark is so wide on a small screen.
const STEP: f64 = 4.0;
/// What ends within so many days is marked.
const SOON: i64 = 14;
/// So many are named in a mark's text.
const NAMED: usize = 5;

impl Lane {
    pub(in crate::admin) const fn name(self) -> &'static str {
        match self {
            Self::ClientSecret => "Client secrets",
            Self::ClientCertificate => "Client certificates",
            Self::Grant => "Refresh tokens",
            Self::Password => "Passwords of accounts",
            Self::Listener => "Certificate of the listeners",
        }
    }
}

impl Span {
    pub(in crate::admin) const ALL: [Self; 2] = [Self::Quarter, Self::TwoYears];

    pub(in crate::admin) const fn name(self) -> &'static str {
        match self {
            Self::Quarter => "90 days",
            Self::TwoYears => "2 years",
        }
    }

    /// As the address of the page has it.
    pub(in crate::admin) const fn key(self) -> &'static str {
        match self {
            Self::Quarter => "90d",
            Self::TwoYears => "2y",
        }
    }

    fn length(self) -> TimeDelta {
        match self {
            Self::Quarter => TimeDelta::days(90),
            Self::TwoYears => TimeDelta::days(731),
        }
    }

    /// The days that are named: every month, or every half year.
    fn named(self, now: DateTime<Utc>) -> Vec<(DateTime<Utc>, String)> {
        let (months, count) = match self {
            Self::Quarter => (1, 3),
            Self::TwoYears => (6, 4),
        };
        let day = |number: u32| {
            let day = now.checked_add_months(Months::new(number * months))?;
            let text = match self {
                Self::Quarter => day.format("%-d %b"),
                Self::TwoYears => day.format("%b %Y"),
            };
            Some((day, text.to_string()))
        };
        (1..=count).filter_map(day).filter(|(day, _)| *day - now <= self.length()).collect()
    }
}

impl Ending {
    pub(in crate::admin) fn is_late(&self, now: DateTime<Utc>) -> bool {
        self.at <= now
    }

    pub(in crate::admin) fn is_soon(&self, now: DateTime<Utc>) -> bool {
        !self.is_late(now) && self.at - now <= TimeDelta::days(SOON)
    }

    fn class(&self, now: DateTime<Utc>) -> &'static str {
        match (self.is_late(now), self.is_soon(now)) {
            (true, _) => "late",
            (_, true) => "soon",
            _ => "later",
        }
    }
}

impl Timeline {
    /// Of things in the order of their ends.
    pub(in crate::admin) fn of(endings: &[Ending], span: Span, now: DateTime<Utc>) -> Self {
        let mut lanes: BTreeMap<Lane, Vec<&Ending>> = BTreeMap::new();
        for ending in endings {
            lanes.entry(ending.lane).or_default().push(ending);
        }
        let rows: Vec<_> = lanes.iter().map(|(lane, endings)| row(*lane, endings, span, now)).collect();
        let place = |(day, text)| Tick { x: Percent(place(day, span, now)), text };
        let ticks = span.named(now).into_iter().map(place).collect();
        let told = rows.iter().map(|row| format!("{}: {}.", row.name, row.told)).collect::<Vec<_>>().join(" ");
        Self { rows, ticks, today: Percent(TODAY), told }
    }
}

fn row(lane: Lane, endings: &[&Ending], span: Span, now: DateTime<Utc>) -> Row {
    let overdue = endings.iter().filter(|ending| ending.is_late(now)).count();
    let within = endings.iter().filter(|ending| !ending.is_late(now) && ending.at - now <= span.length());
    let within = within.count();
    let beyond = endings.len() - overdue - within;
    let words = [(overdue, "overdue"), (within, "in this time"), (beyond, "later")];
    let words = words.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    Row { name: lane.name(), told: words.collect::<Vec<_>>().join(", "), marks: marks(endings, span, now) }
}

fn marks(endings: &[&Ending], span: Span, now: DateTime<Utc>) -> Vec<Mark> {
    let mut marks: Vec<(f64, Vec<&Ending>)> = Vec::new();
    for ending in endings.iter().filter(|ending| ending.at - now <= span.length()) {
        let x = place(ending.at, span, now);
        match marks.last_mut() {
            Some((first, together)) if x - *first < STEP && together[0].is_late(now) == ending.is_late(now) => {
                together.push(ending);
            }
            _ => marks.push((x, vec![ending])),
        }
    }
    let mark = |(x, together): (f64, Vec<&Ending>)| Mark {
        x: Percent(x),
        class: together[0].class(now),
        count: together.len(),
        told: told(&together),
    };
    marks.into_iter().map(mark).collect()
}

fn told(together: &[&Ending]) -> String {
    let one = |ending: &&Ending| format!("{} {}", ending.at.format("%Y-%m-%d"), ending.whose);
    let named = together.iter().take(NAMED).map(one).collect::<Vec<_>>().join(", ");
    match together.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of years have fewer digits than a float")]
fn place(at: DateTime<Utc>, span: Span, now: DateTime<Utc>) -> f64 {
    if at <= now {
        return LATE;
    }
    let part = (at - now).num_seconds() as f64 / span.length().num_seconds() as f64;
    TODAY + (END - TODAY) * part.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-21T10:00:00Z".parse().unwrap()
    }

    fn endings(days: &[i64]) -> Vec<Ending> {
        let ending = |days: &i64| Ending {
            at: now() + TimeDelta::days(*days),
            lane: if *days % 2 == 0 { Lane::ClientSecret } else { Lane::Grant },
            what: "x",
            whose: format!("of-{days}"),
            path: String::new(),
            next: String::new(),
        };
        days.iter().map(ending).collect()
    }

    type Drawn = (String, Vec<(String, &'static str, usize)>);

    fn drawn(days: &[i64], span: Span) -> Vec<Drawn> {
        let timeline = Timeline::of(&endings(days), span, now());
        let mark = |mark: &Mark| (mark.x.to_string(), mark.class, mark.count);
        timeline.rows.iter().map(|row| (row.told.clone(), row.marks.iter().map(mark).collect())).collect()
    }

    #[test]
    fn each_kind_has_its_line_and_each_day_its_place() {
        let drawn = drawn(&[-40, -2, 2, 3, 44, 46, 90, 400], Span::Quarter);
        let secrets = (
            "2 overdue, 4 in this time, 1 later".to_owned(),
            vec![
                ("4.00%".to_owned(), "late", 2),
                ("13.89%".to_owned(), "soon", 1),
                ("53.56%".to_owned(), "later", 2),
                ("97.00%".to_owned(), "later", 1),
            ],
        );
        assert_eq!(drawn, [secrets, ("1 in this time".into(), vec![("14.83%".into(), "soon", 1)])]);
    }

    #[test]
    fn a_longer_span_shows_what_a_shorter_one_only_counts() {
        let (told, marks) = drawn(&[400], Span::TwoYears).remove(0);
        assert_eq!((told.as_str(), marks.len()), ("1 in this time", 1));
        let (told, marks) = drawn(&[400], Span::Quarter).remove(0);
        assert_eq!((told.as_str(), marks.len()), ("1 later", 0));
    }

    #[test]
    fn days_are_named_within_the_picture_and_marks_tell_whose_they_are() {
        for span in Span::ALL {
            let ticks = Timeline::of(&[], span, now()).ticks;
            assert!(ticks.len() >= 2, "{ticks:?}");
            assert!(ticks.iter().all(|tick| tick.x > Percent(TODAY) && tick.x <= Percent(END)), "{ticks:?}");
        }
        let together = endings(&[2, 2, 2, 2, 2, 2, 2]);
        let timeline = Timeline::of(&together, Span::Quarter, now());
        assert_eq!(timeline.rows[0].marks[0].told.matches("of-2").count(), NAMED);
        assert!(timeline.rows[0].marks[0].told.ends_with("and 2 more"));
    }
}
