//! What is shown.

use askama::Template;
use secrecy::{ExposeSecret as _, SecretString};

use super::super::form::{Control, Field, Wrong};
use super::super::page::Page;
use super::password::SHORTEST;

#[derive(Template)]
#[template(path = "sign_in.html")]
pub(super) struct SignIn<'a> {
    page: Page,
    next: &'a str,
    password: Field,
    wrong: &'a [Wrong],
}

#[derive(Template)]
#[template(path = "no_password.html")]
pub(super) struct NoPassword {
    pub(super) page: Page,
}

#[derive(Template)]
#[template(path = "cookie.html")]
pub(super) struct Kept {
    pub(super) page: Page,
}

/// The first password.
#[derive(Template)]
#[template(path = "setup.html")]
pub(super) struct First<'a> {
    page: Page,
    code: &'a str,
    fields: [Field; 2],
    wrong: &'a [Wrong],
}

/// Another password.
#[derive(Template)]
#[template(path = "password.html")]
pub(super) struct Another<'a> {
    page: Page,
    fields: [Field; 3],
    wrong: &'a [Wrong],
}

impl<'a> SignIn<'a> {
    pub(super) fn new(page: Page, next: &'a str, wrong: &'a [Wrong]) -> Self {
        let password = secret("password", "Password", "current-password").hint("The administrator's password.");
        Self { page, next, password: password.judged(wrong), wrong }
    }
}

impl<'a> First<'a> {
    pub(super) fn new(page: Page, code: &'a SecretString, wrong: &'a [Wrong]) -> Self {
        Self { page, code: code.expose_secret(), fields: new_password(wrong), wrong }
    }
}

impl<'a> Another<'a> {
    pub(super) fn new(page: Page, wrong: &'a [Wrong]) -> Self {
        let old = secret("old", "Password until now", "current-password").hint("So that nobody does it at your desk.");
        let [password, again] = new_password(wrong);
        Self { page, fields: [old.judged(wrong), password, again], wrong }
    }
}

fn new_password(wrong: &[Wrong]) -> [Field; 2] {
    let hint = format!("At least {SHORTEST} characters. A few words in a row are good; length is all that counts.");
    let password = secret("password", "New password", "new-password").hint(hint);
    let again = secret("again", "New password again", "new-password").hint("The same once more, against slips.");
    [password.judged(wrong), again.judged(wrong)]
}

fn secret(name: &'static str, label: &'static str, autocomplete: &'static str) -> Field {
    Field::new(name, label, Control::Text("password")).required().autocomplete(autocomplete)
}

/// Whether both are the same.
pub(super) fn agree(password: &SecretString, again: &SecretString) -> Result<(), Wrong> {
    let same = password.expose_secret() == again.expose_secret();
    if same { Ok(()) } else { Err(Wrong::new("again", "This is not the same as the new password.")) }
}
