//! What administrators did, from the pages, by the API and on the command line.

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use url::form_urlencoded;

use super::Desk;
use super::figures::{exact, machine};
use super::page::{Page, Section, shown};
use super::pager::ROWS;
use super::problem::Problem;
use super::visitor::Visitor;
use crate::store::{Deed, Noted, StoreError};

pub(super) fn routes() -> Router<Desk> {
    Router::new().route("/audit", get(audit))
}

#[derive(Template)]
#[template(path = "audit.html")]
struct Audit {
    page: Page,
    action: String,
    query: String,
    rows: Vec<Row>,
    /// Where the newest are, on any page but theirs.
    newest: Option<String>,
    older: Option<String>,
}

struct Row {
    at: String,
    at_exact: String,
    who: String,
    from: String,
    what: String,
    subject: String,
    detail: String,
}

/// Deeds come on top all the time, so pages are counted from one of them.
#[derive(Deserialize)]
struct Asked {
    before: Option<i64>,
    #[serde(default)]
    q: String,
}

/// So many are looked through at a time.
const PIECE: usize = 500;

async fn audit(
    State(desk): State<Desk>,
    visitor: Visitor,
    Query(Asked { before, q }): Query<Asked>,
) -> Result<Response, Problem> {
    // One more than is shown tells whether there are more.
    let query = q.trim().to_owned();
    let deeds = found(&desk, before, &query.to_lowercase()).await?;
    let page = visitor.page(&desk, Section::Audit, "Audit trail");
    let action = format!("{}/audit", page.root);
    let last = deeds.get(ROWS - 1).filter(|_| deeds.len() > ROWS);
    let older = last.map(|noted| address(&action, Some(noted.id), &query));
    let newest = before.map(|_| address(&action, None, &query));
    let rows = deeds.into_iter().take(ROWS).map(Row::of).collect();
    Ok(shown(StatusCode::OK, &Audit { page, action, query, rows, newest, older }))
}

fn address(path: &str, before: Option<i64>, query: &str) -> String {
    let asked = [("before", before.map(|id| id.to_string()).unwrap_or_default()), ("q", query.to_owned())];
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    let pairs = pairs.extend_pairs(asked.iter().filter(|(_, value)| !value.is_empty())).finish();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{pairs}") }
}

/// The latest that have this in them, in small letters. The trail is bounded, and so is the search.
async fn found(desk: &Desk, mut before: Option<i64>, wanted: &str) -> Result<Vec<Noted>, StoreError> {
    if wanted.is_empty() {
        return desk.store.deeds(before, ROWS + 1).await;
    }
    let mut found = Vec::new();
    loop {
        let piece = desk.store.deeds(before, PIECE).await?;
        let last = piece.last().filter(|_| piece.len() == PIECE).map(|noted| noted.id);
        found.extend(piece.into_iter().filter(|noted| has(&noted.deed, wanted)));
        if last.is_none() || found.len() > ROWS {
            return Ok(found);
        }
        before = last;
    }
}

fn has(deed: &Deed, wanted: &str) -> bool {
    [&deed.who, &deed.from, &deed.what, &deed.subject, &deed.detail]
        .iter()
        .any(|text| text.to_lowercase().contains(wanted))
}

impl Row {
    fn of(Noted { deed, .. }: Noted) -> Self {
        Self {
            at: machine(deed.at),
            at_exact: exact(deed.at),
            who: deed.who,
            from: deed.from,
            what: deed.what,
            subject: deed.subject,
            detail: deed.detail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::browser::Browser;
    use super::super::tests::desk;
    use crate::clock;
    use crate::store::Deed;

    #[tokio::test]
    async fn the_trail_is_shown_whole_in_pages_and_nothing_in_it_is_markup() {
        let (desk, _directory) = desk("https://mail.example.com/gate/").await;
        let mut browser = Browser::signed_in(&desk).await;
        for number in 0..60 {
            let deed = Deed {
                at: clock::now(),
                who: "key <b>robot</b>".into(),
                from: "192.0.2.7".into(),
                what: "token.edited".into(),
                subject: format!("subject-{number:02}"),
                detail: "\"><script>alert(1)</script>".into(),
            };
            desk.store.note(deed).await.unwrap();
        }
        let some = browser.get("/audit?q=SUBJECT-0").await.text;
        assert!(some.contains("subject-09") && some.contains("subject-00") && !some.contains("subject-10"), "{some}");
        let many = browser.get("/audit?q=edited").await.text;
        assert!(many.contains("&#38;q=edited\" rel=\"next\"") && !many.contains("subject-09"), "{many}");
        assert!(browser.get("/audit?q=nothing%22").await.text.contains("No entry fits"));
        let first = browser.get("/audit").await.text;
        assert!(first.contains("subject-59") && first.contains("subject-10") && !first.contains("subject-09"));
        assert!(
            !first.contains("<script>alert") && !first.contains("<b>") && first.contains("key &#60;b&#62;robot"),
            "{first}"
        );
        assert!(!first.contains(">Newest<"));
        let (_, link) = first.split_once("href=\"/gate/audit?before=").unwrap();
        let older = browser.get(&format!("/audit?before={}", link.split('"').next().unwrap())).await.text;
        assert!(older.contains("subject-09") && older.contains("subject-00") && !older.contains("subject-10"));
        // Signing in is a deed, and the first.
        assert!(
            older.contains("admin.signed_in") && older.contains(">Newest<") && !older.contains(">Older<"),
            "{older}"
        );
    }
}
