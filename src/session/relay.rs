use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, info};

use super::farewell::last_words;
use super::login::Session;
use super::passing;
use super::service::{Frontend, Service};
use super::upward::Upward;
use crate::activity::{Line, Login, Why};
use crate::model::Protocol;
use crate::net::{self, Leg, Times};
use crate::proto::Input;
use crate::proto::smtp::{Conversation, SmtpReady};
use crate::submit::kept::Way;
use crate::submit::{Admission, Anew, Closing, Guest, Legs, Settings, Submission, Trial, converse, policy};

/// So long nothing must have been under way in a session that has lasted long enough.
const QUIET: Duration = Duration::from_secs(10);

/// IMAP and POP3 after login: raw bytes both ways, read-ahead of both sides first.
///
/// Not an `async fn`: what only the beginning needs would stay in the future of every idle session.
pub(super) fn spliced<'a, R>(
    service: &'a Service,
    line: &'a Line,
    session: Session<R>,
) -> impl Future<Output = ()> + Send + use<'a, R> {
    let Session { entered, client, from_client, upstream, permit, since, tracer, unit, .. } = session;
    let Login { account, protocol, .. } = &line.login;
    let limits = &service.limits;
    let (idle, most) = match protocol {
        Protocol::Pop3 => (limits.pop3_idle, limits.pop3_session),
        _ => (limits.imap_idle, limits.imap_session),
    };
    let times = Times { idle, most, quiet: QUIET };
    let down = Leg { stream: client.stream, ahead: drain(from_client) };
    let up = Leg { stream: upstream.link.stream, ahead: drain(upstream.ahead) };
    let watch = passing::watch(service, line.id, account, *protocol);
    let relay =
        Box::pin(net::splice((down, up), (watch, tracer), times, &line.carried, (&line.stop, last_words(line))));
    async move {
        let ended = relay.await;
        drop(permit);
        drop((entered, unit));
        tell_of_end(line, &ended, since);
    }
}

/// At `info` only where somebody ended it.
fn tell_of_end(line: &Line, ended: &dyn Debug, since: Instant) {
    let Line { id, login: Login { account, protocol, peer, .. }, carried, .. } = line;
    let (sent, received, seconds) = (carried.sent(), carried.received(), since.elapsed().as_secs());
    match line.ended() {
        Some(why @ (Why::Administrator | Why::Revoked)) => {
            let (token, reason) = (&account.token.name, why.reason());
            info!(session = %id, %protocol, %peer, account = account.name, token, sent, received, seconds, reason, "session.closed");
        }
        None | Some(Why::Closing) => {
            debug!(session = %id, account = account.name, sent, received, seconds, ended = ?ended, "session.closed");
        }
    }
}

/// SMTP after login: a conversation that is understood.
pub(super) async fn conversed(frontend: &Frontend, session: Session<SmtpReady>) {
    let service = &frontend.service;
    let Session { entered, client, from_client, upstream, permit, origin, since, tracer, unit: _unit } = session;
    let Some(origin) = origin else { return };
    let line = entered.line();
    let Login { account, password, peer, .. } = &line.login;
    let anonymous = frontend.anonymous.as_ref().filter(|_| password.is_none());
    let guest = anonymous.map(|anonymous| Guest { peer: peer.ip(), meter: anonymous.meter.as_ref() });
    service.seen.learn(&account.token.provider.name, &upstream.ready.extensions);
    let upward = Upward { service, id: line.id, protocol: Protocol::Smtp, account, tracer: &tracer };
    let upstream_leg = (upstream.link, upstream.ahead);
    let legs = Legs::new((client, from_client), upstream_leg, Arc::clone(&line.carried), Arc::clone(&tracer))
        .with_reply_due(origin.way == Way::Reused { owed: true });
    let limits = &service.limits;
    let settings = Settings {
        idle: limits.smtp_idle,
        until: limits.smtp_session.and_then(|most| Instant::now().checked_add(most)),
        reply: limits.upstream_reply,
        first_reply: limits.kept_reply,
        end_of_data: limits.end_of_data,
        message_size: limits.message_octets,
        header_size: limits.header_octets,
    };
    let closing = || !matches!(line.ended(), Some(Why::Administrator | Why::Revoked));
    let submission = Submission {
        legs,
        trial: Trial::of(origin.way),
        origin: *origin,
        kept: &service.kept,
        anew: Anew { way: &upward, stop: &line.stop },
        conversation: Conversation::new(service.hostname.clone(), upstream.ready.extensions, limits.message_octets)
            .with_newline(frontend.newline)
            .only_to(anonymous.and_then(|anonymous| anonymous.recipients.clone())),
        guest,
        settings,
        session: &line.id.to_string(),
        account: &account.name,
        identity: (&account.token.name, account.upstream_user(Protocol::Smtp)),
        sender: policy(&account.name, &account.sender),
        admission: Admission::new(permit),
        busy: &service.busy,
        tokens: &service.tokens,
        service: Closing(&closing),
    };
    let ended = converse(submission, &line.stop).await;
    tell_of_end(line, &ended, since);
}

/// What is left of an input; its buffer is wiped and freed.
fn drain(mut input: Input) -> Vec<u8> {
    let count = input.len();
    input.take(count).to_vec()
}
