//! Where the pages of a token are.

use crate::admin::address;

pub(in crate::admin) use address::name;

/// Pages of the list.
const PAGES: [&str; 2] = ["add", "lint"];

/// The page of a token, below the root.
pub(in crate::admin) fn path(name: &str) -> String {
    address::path("/tokens", &PAGES, name)
}
