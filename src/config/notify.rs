use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::providers::is_safe;
use super::reader::Table;

/// Who is told of what concerns people.
#[derive(Clone)]
pub struct Notify {
    /// A program and its arguments; it gets the event as JSON on standard input.
    pub command: Option<(PathBuf, Vec<String>)>,
    /// An address to which the event is posted as JSON.
    pub url: Option<Url>,
    /// PEM file of authorities trusted beside the system's, for `url`.
    pub ca: Option<PathBuf>,
    /// The events that are told.
    pub events: Vec<String>,
    /// How long one telling may take.
    pub limit: Duration,
}

/// The address may hold a key.
impl std::fmt::Debug for Notify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let command = self.command.as_ref().map(|(program, _)| program);
        f.debug_struct("Notify").field("command", &command).field("events", &self.events).finish_non_exhaustive()
    }
}

/// The events that can be told, all by default.
const EVENTS: [&str; 3] = ["token.needs_authorization", "token.expires_soon", "token.recovered"];

pub(super) fn read(table: &Table<'_>) -> Option<Notify> {
    let before = table.errors();
    let command = command(table);
    let url = url(table);
    if command.is_none() && url.is_none() && table.errors() == before {
        let allowed = "`command` = [\"/usr/local/bin/alert\"] or `url` = \"https://…\"";
        table.error("", "[notify] tells nobody".into(), Some(allowed.into()), None);
    }
    let events = table.strings("events").unwrap_or_else(|| EVENTS.map(str::to_owned).to_vec());
    for event in events.iter().filter(|event| !EVENTS.contains(&event.as_str())) {
        table.wrong::<()>("events", event, &EVENTS.join(", "));
    }
    let limit = Duration::from_secs(table.integer("seconds", &(1..=600)).unwrap_or(30));
    let ca = table.file("ca");
    table.finish();
    (table.errors() == before).then_some(Notify { command, url, ca, events, limit })
}

fn command(table: &Table<'_>) -> Option<(PathBuf, Vec<String>)> {
    let mut words = table.strings("command")?.into_iter();
    match words.next() {
        // Not looked up: what PATH is to a service is nobody's guess.
        Some(program) if program.starts_with('/') => Some((PathBuf::from(program), words.collect())),
        other => {
            table.wrong("command", &other.unwrap_or_default(), "a program with its whole path, then its arguments")
        }
    }
}

fn url(table: &Table<'_>) -> Option<Url> {
    // It may hold a key, so it is not shown.
    let text = table.string("url")?;
    let url = text.parse::<Url>().ok().filter(is_safe);
    url.or_else(|| table.wrong("url", &text, "an https:// URL"))
}
