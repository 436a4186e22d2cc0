use std::collections::HashSet;

use crate::provider::Provider;

/// The passwords of mailboxes, by user.
#[derive(Debug, Default)]
pub(crate) struct Passwords {
    account: HashSet<(String, String)>,
    app: HashSet<(String, String)>,
}

impl Provider {
    /// A mailbox's own password, for the token endpoint's grant `password`.
    pub fn password(&self, mailbox: &str, password: &str) {
        self.state.lock().passwords.account.insert((mailbox.to_lowercase(), password.to_owned()));
    }

    /// A password that the mail servers take from this user, by whatever carries one. They offer that from now on.
    pub fn app_password(&self, user: &str, password: &str) {
        self.state.lock().passwords.app.insert((user.to_lowercase(), password.to_owned()));
    }
}

impl Passwords {
    pub(crate) fn opens_account(&self, mailbox: &str, password: &str) -> bool {
        self.account.contains(&(mailbox.to_lowercase(), password.to_owned()))
    }

    /// Whether the mail servers take any password.
    pub(crate) fn are_taken(&self) -> bool {
        !self.app.is_empty()
    }

    pub(crate) fn opens_mail(&self, user: &str, password: &str) -> bool {
        self.app.contains(&(user.to_lowercase(), password.to_owned()))
    }
}
