use askama::Template;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::assets::{ASSETS, Assets};
use super::words::capital;

/// What the frame of every page needs.
#[derive(Clone, Debug)]
pub(super) struct Page {
    /// Stands before every address of ours.
    pub(super) root: String,
    pub(super) title: String,
    /// Where in the navigation it stands.
    pub(super) here: Option<Section>,
    /// Goes into every form of someone who is signed in; empty for others, who see no navigation.
    pub(super) csrf: String,
    /// The administrator's password is set here, and not in the file.
    pub(super) has_own_password: bool,
    /// What became of the last deed.
    pub(super) notice: Option<Notice>,
    pub(super) host: String,
    pub(super) version: &'static str,
    pub(super) assets: &'static Assets,
}

/// A part of the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Tokens,
    Accounts,
    Sessions,
    Events,
    Audit,
    Keys,
}

/// How something is, for the eye; words say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tone {
    Good,
    Warn,
    Bad,
    Idle,
}

/// What became of a deed, told once on the next page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Notice {
    pub(super) tone: Tone,
    pub(super) text: String,
    /// What to do now.
    pub(super) next: Option<String>,
}

/// A state in words and colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Badge {
    pub(super) tone: Tone,
    pub(super) text: String,
}

impl Page {
    /// A page for anybody.
    pub(super) fn open(root: String, title: impl Into<String>) -> Self {
        Self {
            root,
            title: title.into(),
            here: None,
            csrf: String::new(),
            has_own_password: false,
            notice: None,
            host: String::new(),
            version: env!("CARGO_PKG_VERSION"),
            assets: &ASSETS,
        }
    }

    pub(super) fn with_notice(self, notice: Notice) -> Self {
        Self { notice: Some(notice), ..self }
    }

    /// The navigation: each part, and whether this is it.
    pub(super) fn sections(&self) -> Vec<(Section, bool)> {
        Section::ALL.into_iter().map(|section| (section, self.here == Some(section))).collect()
    }
}

impl Section {
    const ALL: [Self; 7] =
        [Self::Overview, Self::Tokens, Self::Accounts, Self::Sessions, Self::Events, Self::Audit, Self::Keys];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Tokens => "Tokens",
            Self::Accounts => "Accounts",
            Self::Sessions => "Sessions",
            Self::Events => "Events",
            Self::Audit => "Audit trail",
            Self::Keys => "API keys",
        }
    }

    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Tokens => "/tokens",
            Self::Accounts => "/accounts",
            Self::Sessions => "/sessions",
            Self::Events => "/events",
            Self::Audit => "/audit",
            Self::Keys => "/keys",
        }
    }
}

impl Tone {
    /// Its class in the style sheet.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Idle => "idle",
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Good => "Done",
            Self::Warn => "Mind",
            Self::Bad => "Not done",
            Self::Idle => "Note",
        }
    }

    pub(super) const fn mark(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Warn => "!",
            Self::Bad => "✗",
            Self::Idle => "–",
        }
    }

    pub(super) const fn is_bad(self) -> bool {
        matches!(self, Self::Bad)
    }
}

impl Notice {
    pub(super) fn done(text: impl Into<String>) -> Self {
        Self { tone: Tone::Good, text: text.into(), next: None }
    }

    pub(super) fn failed(text: impl Into<String>, next: impl Into<String>) -> Self {
        Self { tone: Tone::Bad, text: text.into(), next: Some(capital(&next.into())) }
    }
}

impl Badge {
    pub(super) fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, text: text.into() }
    }
}

/// A template as an answer.
pub(super) fn shown(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
        Err(fault) => {
            tracing::error!(error = %fault, "admin.page_broken");
            (StatusCode::INTERNAL_SERVER_ERROR, "This page is broken; the log says why.").into_response()
        }
    }
}
