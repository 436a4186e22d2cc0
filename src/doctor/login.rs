use super::advice::upstream;
use super::claims::Claims;
use super::refusal::{Case, refusal};
use super::step::Finding;
use crate::clock;
use crate::model::{AccessToken, Grant, Protocol, Token};
use crate::net::Link;
use crate::proto::imap::ImapUpstream;
use crate::proto::pop3::Pop3Upstream;
use crate::proto::smtp::SmtpUpstream;
use crate::proto::{Input, UpstreamFailure, UpstreamLogin};
use crate::token::{TokenError, Tokens};
use crate::upstream::{NewCore, Target, UpstreamError};

/// Who is to be logged in.
pub(super) struct Patient<'a> {
    pub(super) tokens: &'a Tokens,
    pub(super) token: &'a Token,
    pub(super) target: &'a Target<'a>,
    pub(super) protocol: Protocol,
    pub(super) claims: &'a Claims,
}

/// A session after login.
pub(super) struct Logged {
    pub(super) link: Link,
    pub(super) input: Input,
    /// The token that was accepted, where it is another.
    pub(super) fresh: Option<AccessToken>,
    pub(super) finding: Finding,
}

/// Logs in as a session does: after a refusal once more, with a token that was refreshed by force. A password is never tried
/// twice: servers lock accounts.
pub(super) async fn log_in(patient: &Patient<'_>, access: &AccessToken) -> Result<Logged, Finding> {
    let first = match attempt(patient, access).await {
        Ok((link, input)) => {
            let finding = Finding::ok(as_whom(patient));
            return Ok(Logged { link, input, fresh: None, finding });
        }
        Err(fault) => fault,
    };
    if !first.is_refusal() || matches!(patient.token.grant, Grant::AppPassword(_)) {
        return Err(failed(patient, &first, ""));
    }
    let fresh = match patient.tokens.renewed(&patient.token.name, patient.target.user, access).await {
        Ok(fresh) if fresh == *access => return Err(failed(patient, &first, "")),
        Ok(fresh) => fresh,
        Err(fault) => return Err(failed(patient, &first, not_renewed(&fault))),
    };
    match attempt(patient, &fresh).await {
        Ok((link, input)) => {
            let finding = Finding::ok(format!("{}; the token before was refused, a new one is good", as_whom(patient)));
            Ok(Logged { link, input, fresh: Some(fresh), finding })
        }
        Err(second) => Err(failed(patient, &second, " (with a new token, too)")),
    }
}

async fn attempt(patient: &Patient<'_>, access: &AccessToken) -> Result<(Link, Input), UpstreamError> {
    match patient.protocol {
        Protocol::Imap => session(patient, access, ImapUpstream::new).await,
        Protocol::Pop3 => session(patient, access, Pop3Upstream::new).await,
        Protocol::Smtp => session(patient, access, SmtpUpstream::new).await,
    }
}

async fn session<U: UpstreamLogin>(
    patient: &Patient<'_>,
    access: &AccessToken,
    core: NewCore<U>,
) -> Result<(Link, Input), UpstreamError> {
    let upstream = patient.target.log_in(access, core).await?;
    Ok((upstream.link, upstream.ahead))
}

fn as_whom(patient: &Patient<'_>) -> String {
    format!("{} as {}", patient.target.mechanism.names(), patient.target.user)
}

fn not_renewed(fault: &TokenError) -> &'static str {
    match fault {
        TokenError::NeedsAuthorization { .. } => " (and the grant has ended: no new token)",
        _ => " (and there is no new token now)",
    }
}

fn failed(patient: &Patient<'_>, error: &UpstreamError, aside: &str) -> Finding {
    let (detail, advice) = upstream(error, patient.target.endpoint, patient.protocol, clock::now());
    let detail = format!("as {}: {detail}{aside}", patient.target.user);
    let UpstreamError::Login {
        failure: UpstreamFailure::Refused(said) | UpstreamFailure::Unavailable(said) | UpstreamFailure::Leaving(said),
        ..
    } = error
    else {
        return Finding::failed(detail, advice);
    };
    let Patient { token, claims, protocol, target, .. } = *patient;
    let case = Case { token, claims, protocol, user: target.user };
    let own = refusal(said, &case);
    Finding::failed(detail, own.unwrap_or_else(|| if error.is_refusal() { case.unknown() } else { advice }))
}
