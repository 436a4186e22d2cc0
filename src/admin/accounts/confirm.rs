use askama::Template;

use crate::admin::page::Page;

/// Asks before something is done that cannot be taken back.
#[derive(Template)]
#[template(path = "confirm.html")]
pub(super) struct Confirm {
    pub(super) page: Page,
    /// What it does.
    pub(super) text: String,
    /// Where the yes is sent.
    pub(super) action: String,
    pub(super) hidden: Vec<(&'static str, String)>,
    pub(super) button: &'static str,
    pub(super) back: String,
}
