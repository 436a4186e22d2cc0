use std::fmt;
use std::str::FromStr;

/// Which events are shown: a level for all of Gatepost, and others for some of its rooms and libraries.
///
/// Written as `info,gatepost::token=debug`; a room may be called by its short name (`token=debug`). Libraries tell their errors,
/// and more only where one is named; never at `trace`, where they tell what crosses their connections (law 8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    /// Of all that is not named.
    pub general: Least,
    /// The others, by the beginning of the module's path, as written.
    pub named: Vec<(String, Least)>,
}

/// The least level that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Least {
    /// Nothing at all.
    Off,
    /// What failed.
    Error,
    /// What may fail.
    Warn,
    /// What happened.
    Info,
    /// How it happened.
    Debug,
    /// Every step.
    Trace,
}

/// Why a text says nothing about levels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; allowed: {allowed}")]
pub struct LevelError {
    /// What is wrong.
    pub problem: String,
    /// What would not be.
    pub allowed: String,
}

const WORDS: [(&str, Least); 6] = [
    ("off", Least::Off),
    ("error", Least::Error),
    ("warn", Least::Warn),
    ("info", Least::Info),
    ("debug", Least::Debug),
    ("trace", Least::Trace),
];

/// Gatepost's own rooms, which may be called without `gatepost::`.
const ROOMS: &[&str] = &[
    "account",
    "activity",
    "admin",
    "cli",
    "clock",
    "config",
    "consent",
    "control",
    "doctor",
    "explain",
    "health",
    "lifecycle",
    "metrics",
    "model",
    "net",
    "oauth",
    "proto",
    "registry",
    "replicas",
    "sandbox",
    "session",
    "share",
    "store",
    "submit",
    "token",
    "trace",
    "upstream",
];

/// Those that have something to tell.
const LIBRARIES: &[&str] = &["axum", "hyper", "hyper_util", "mio", "reqwest", "rustls", "tokio", "tower_http"];

/// More than anyone means.
const MOST: usize = 64;

impl Default for Levels {
    fn default() -> Self {
        Self { general: Least::Info, named: Vec::new() }
    }
}

impl Levels {
    /// The level of a module's path, such as `gatepost::token` or `rustls`.
    #[must_use]
    pub fn of(&self, target: &str) -> Least {
        let named = self.named.iter().filter(|(name, _)| is_within(target, name));
        // The longest name knows best; of two, the last.
        let named = named.max_by_key(|(name, _)| name.len()).map(|(_, least)| *least);
        let ours = is_within(target, "gatepost");
        let least = named.unwrap_or(if ours { self.general } else { self.general.min(Least::Error) });
        if ours { least } else { least.min(Least::Debug) }
    }

    /// The most that any module shows.
    #[must_use]
    pub fn most(&self) -> Least {
        self.named.iter().map(|(_, least)| *least).chain([self.general]).max().unwrap_or(self.general)
    }
}

fn is_within(target: &str, module: &str) -> bool {
    target.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

impl FromStr for Levels {
    type Err = LevelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<_> = text.split(',').map(str::trim).collect();
        if parts.len() > MOST {
            return Err(error(format!("{} levels", parts.len()), format!("{MOST} at most")));
        }
        let mut levels = Self::default();
        let mut general = None;
        for part in parts {
            match part.split_once('=') {
                None if general.is_some() => {
                    let problem = format!("{part:?} is a second level for everything");
                    return Err(error(problem, "one level, then such as token=debug".into()));
                }
                None => general = Some(level(part)?),
                Some((name, word)) => {
                    let (name, least) = (module(name.trim())?, level(word.trim())?);
                    if least == Least::Trace && !is_within(&name, "gatepost") {
                        let problem = format!("{name}=trace: it would tell what crosses its connections, secrets too");
                        return Err(error(problem, format!("{name}=debug")));
                    }
                    levels.named.retain(|(known, _)| *known != name);
                    levels.named.push((name, least));
                }
            }
        }
        levels.general = general.unwrap_or(levels.general);
        Ok(levels)
    }
}

fn level(word: &str) -> Result<Least, LevelError> {
    let found = WORDS.iter().find(|(name, _)| *name == word).map(|(_, least)| *least);
    found.ok_or_else(|| {
        let names = WORDS.map(|(name, _)| name);
        let allowed = format!("{}, and such as info,token=debug", names.join(", "));
        error(format!("{} is no level", meant(word, &names)), allowed)
    })
}

/// The path of a module, from its path or the short name of a room.
fn module(name: &str) -> Result<String, LevelError> {
    let (first, rest) = name.split_once("::").map_or((name, None), |(first, rest)| (first, Some(rest)));
    let room = if first == "gatepost" { rest.map(|rest| rest.split("::").next().unwrap_or(rest)) } else { Some(first) };
    let is_path = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    match room {
        None => Ok(name.to_owned()),
        Some(room) if is_path && ROOMS.contains(&room) => {
            Ok(if first == "gatepost" { name.to_owned() } else { format!("gatepost::{name}") })
        }
        Some(_) if is_path && LIBRARIES.contains(&first) => Ok(name.to_owned()),
        Some(room) => {
            let (rooms, libraries) = (ROOMS.join(", "), LIBRARIES.join(", "));
            let problem = format!("{} is no part of Gatepost and no library that it uses", meant(room, ROOMS));
            Err(error(problem, format!("{rooms}; libraries: {libraries}")))
        }
    }
}

fn error(problem: String, allowed: String) -> LevelError {
    LevelError { problem, allowed }
}

/// A word in quotes, with what was perhaps meant.
fn meant(word: &str, known: &[&str]) -> String {
    let near = known.iter().map(|name| (strsim::jaro_winkler(word, name), name)).filter(|(near, _)| *near > 0.8);
    let nearest = near.max_by(|(a, _), (b, _)| a.total_cmp(b));
    nearest.map_or_else(|| format!("{word:?}"), |(_, name)| format!("{word:?} (did you mean {name:?}?)"))
}

impl fmt::Display for Least {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = WORDS.iter().find(|(_, least)| least == self).map_or("off", |(word, _)| word);
        f.write_str(word)
    }
}

impl fmt::Display for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.general)?;
        self.named.iter().try_for_each(|(name, least)| write!(f, ",{name}={least}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(text: &str) -> Levels {
        text.parse().unwrap()
    }

    #[test]
    fn a_level_is_for_all_of_gatepost_or_for_what_is_named() {
        for (text, shown) in [
            ("warn", "warn"),
            ("info,gatepost::token=debug", "info,gatepost::token=debug"),
            ("token=debug", "info,gatepost::token=debug"),
            (" debug , token::refresher=trace ,rustls=debug", "debug,gatepost::token::refresher=trace,rustls=debug"),
            ("token=debug,info,gatepost::token=warn", "info,gatepost::token=warn"),
            ("gatepost=off", "info,gatepost=off"),
        ] {
            assert_eq!(levels(text).to_string(), shown, "{text}");
            assert_eq!(levels(shown), levels(text));
        }
    }

    #[test]
    fn the_longest_name_knows_best_and_libraries_are_quiet() {
        let levels = levels("info,token=debug,token::refresher=off,rustls=debug");
        for (target, least) in [
            ("gatepost::session::login", Least::Info),
            ("gatepost::token", Least::Debug),
            ("gatepost::token::lease", Least::Debug),
            ("gatepost::tokens", Least::Info),
            ("gatepost::token::refresher", Least::Off),
            ("gatepostal", Least::Error),
            ("rustls::client::hs", Least::Debug),
            ("hyper", Least::Error),
        ] {
            assert_eq!(levels.of(target), least, "{target}");
        }
        assert_eq!(self::levels("off").of("hyper"), Least::Off);
        assert_eq!(self::levels("trace").of("hyper"), Least::Error);
        // Whoever makes one in another way gets no further.
        let made = Levels { general: Least::Trace, named: vec![("hyper".into(), Least::Trace)] };
        assert_eq!(made.of("hyper::proto"), Least::Debug);
    }

    #[test]
    fn what_says_nothing_is_refused_with_what_would() {
        let refused = |text: &str| text.parse::<Levels>().unwrap_err().to_string();
        let all = [
            "",
            "loud",
            "inof",
            "info,",
            "info,warn",
            "tokn=debug",
            "gatepost::tokn=debug",
            "token=loud",
            "rustls=trace",
            "serde=debug",
            "to ken=debug",
            "token==debug",
            "[x]=debug",
        ];
        let said: Vec<_> = all.iter().map(|text| format!("{text:?}: {}", refused(text))).collect();
        insta::assert_snapshot!(said.join("\n"));
        assert!(refused(&"info,".repeat(65)).starts_with("66 levels"));
    }

    /// A room that is not named here could not be called by its short name.
    #[test]
    fn every_room_is_known() {
        for room in std::fs::read_dir("src").unwrap() {
            let room = room.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
            assert!(ROOMS.contains(&room.as_str()) || room == "lib" || room == "main", "{room}");
        }
    }
}
