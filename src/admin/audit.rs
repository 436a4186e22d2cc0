//! What administrators did, from the pages, by the API and on the command line.

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::Desk;
use super::figures::{exact, machine};
use super::page::{Page, Section, shown};
use super::pager::ROWS;
use super::problem::Problem;
use super::visitor::Visitor;
use crate::store::Noted;

pub(super) fn routes() -> Router<Desk> {
    Router::new().route("/audit", get(audit))
}

#[derive(Template)]
#[template(path = "audit.html")]
struct Audit {
    page: Page,
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
struct Before {
    before: Option<i64>,
}

async fn audit(
    State(desk): State<Desk>,
    visitor: Visitor,
    Query(Before { before }): Query<Before>,
) -> Result<Response, Problem> {
    // One more than is shown tells whether there are more.
    let deeds = desk.store.deeds(before, ROWS + 1).await?;
    let page = visitor.page(&desk, Section::Audit, "Audit trail");
    let path = format!("{}/audit", page.root);
    let last = deeds.get(ROWS - 1).filter(|_| deeds.len() > ROWS);
    let older = last.map(|noted| format!("{path}?before={}", noted.id));
    let newest = before.map(|_| path);
    let rows = deeds.into_iter().take(ROWS).map(Row::of).collect();
    Ok(shown(StatusCode::OK, &Audit { page, rows, newest, older }))
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
