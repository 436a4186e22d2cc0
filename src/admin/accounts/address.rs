//! Where the pages of an account are.

use url::form_urlencoded;

use crate::admin::address;
use crate::model::Account;
use crate::registry::Declared;

pub(in crate::admin) use address::name;

/// The page that adds one.
pub(super) const ADD: &str = "/accounts/add";

/// The page that adds one with this token.
pub(in crate::admin) fn adding(token: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("token", token).finish();
    format!("{ADD}?{query}")
}

/// The page of an account, below the root.
pub(in crate::admin) fn path(name: &str) -> String {
    address::path("/accounts", &["add"], name)
}

/// The account of that name, or of that alias.
pub(in crate::admin) fn find<'a>(declared: &'a Declared, name: &str) -> Option<&'a Account> {
    let folded = Account::folded(name);
    let own = declared.accounts.iter().find(|account| Account::folded(&account.name) == folded);
    own.or_else(|| declared.accounts.iter().find(|account| account.answers_to(name)))
}
