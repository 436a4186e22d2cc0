//! What is said of a consent, in the words of pages: buttons, not commands.

use super::super::page::Notice;
use super::super::tokens::state::for_pages;
use super::super::words::capital;
use crate::consent::{Accepted, ConsentError};
use crate::explain::{self, Hurdle};
use crate::model::{Family, Provider};

/// The grant is there.
pub(in crate::admin) fn accepted(accepted: &Accepted) -> Notice {
    let who = accepted.identity.as_ref().map(|who| format!(" {who} signed in.")).unwrap_or_default();
    let done =
        Notice::done(format!("Token {:?} is authorized.{who} It is used from the next login on.", accepted.token));
    let remarks = match accepted.remarks.as_slice() {
        [] => "If no account uses it yet, add one: it is what a program logs in with here.".to_owned(),
        remarks => capital(&remarks.join("; ")),
    };
    Notice { next: Some(remarks), ..done }
}

/// There is none.
pub(in crate::admin) fn refused(fault: &ConsentError, token: &str) -> Notice {
    Notice::failed(format!("Not authorized: {fault}."), for_pages(&fault.remedy(), token))
}

/// The provider's name for people.
pub(super) fn provider(provider: &Provider) -> &str {
    match provider.family {
        Family::Microsoft => "Microsoft",
        Family::Google => "Google",
        Family::Other => &provider.name,
    }
}

/// What its pages may say instead of sending the browser back.
pub(super) const fn hurdles(provider: &Provider) -> &'static [Hurdle] {
    match provider.family {
        Family::Microsoft => &explain::MICROSOFT_HURDLES,
        Family::Google => &explain::GOOGLE_HURDLES,
        Family::Other => &[],
    }
}
