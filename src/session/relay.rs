use tracing::debug;

use super::login::Session;
use super::passing;
use super::service::{Frontend, Service};
use crate::clock;
use crate::model::Protocol;
use crate::net::{self, Leg, Relayed};
use crate::proto::Input;
use crate::proto::smtp::{Conversation, SmtpReady};
use crate::submit::{Admission, Guest, Legs, Settings, Submission, converse, policy};

/// IMAP and POP3 after login: raw bytes both ways, read-ahead of both sides first.
///
/// Not an `async fn`: what only the beginning needs would stay in the future of every idle session.
pub(super) fn spliced<R>(
    service: &Service,
    session: Session<R>,
    protocol: Protocol,
) -> impl Future<Output = ()> + Send {
    let Session { id, account, client, from_client, upstream, permit, since, .. } = session;
    let idle = if protocol == Protocol::Pop3 { service.limits.pop3_idle } else { service.limits.imap_idle };
    let down = Leg { stream: client.stream, ahead: drain(from_client) };
    let up = Leg { stream: upstream.link.stream, ahead: drain(upstream.ahead) };
    let watch = passing::watch(service, id, &account, protocol);
    let relay = Box::pin(net::splice(down, up, watch, idle, &service.stop));
    async move {
        let Relayed { sent, received, ended } = relay.await;
        drop(permit);
        let seconds = since.elapsed().as_secs();
        debug!(session = %id, account = account.name, sent, received, seconds, ended = ?ended, "session.closed");
    }
}

/// SMTP after login: a conversation that is understood.
pub(super) async fn conversed(frontend: &Frontend, session: Session<SmtpReady>) {
    let service = &frontend.service;
    let Session { id, account, client, from_client, upstream, permit, since, guest } = session;
    let anonymous = frontend.anonymous.as_ref().filter(|_| guest.is_some());
    let guest = guest.map(|peer| Guest { peer, meter: anonymous.and_then(|anonymous| anonymous.meter.as_ref()) });
    service.seen.learn(&account.token.provider.name, &upstream.ready.extensions);
    let mut legs = Legs::new(client, from_client, upstream.link, upstream.ahead);
    let mut admission = Admission::new(permit);
    let limits = &service.limits;
    let settings = Settings {
        idle: limits.smtp_idle,
        reply: limits.upstream_reply,
        end_of_data: limits.end_of_data,
        message_size: limits.message_octets,
        header_size: limits.header_octets,
    };
    let submission = Submission {
        legs: &mut legs,
        conversation: Conversation::new(service.hostname.clone(), upstream.ready.extensions, limits.message_octets)
            .with_newline(frontend.newline)
            .only_to(anonymous.and_then(|anonymous| anonymous.recipients.clone())),
        guest,
        settings,
        session: &id.to_string(),
        account: &account.name,
        identity: (&account.token.name, account.upstream_user(Protocol::Smtp)),
        sender: policy(&account.name, &account.sender),
        admission: &mut admission,
        busy: &service.busy,
        tokens: &service.tokens,
        since: clock::now(),
    };
    let ended = converse(submission, &service.stop).await;
    let (Legs { sent, received, .. }, seconds) = (legs, since.elapsed().as_secs());
    debug!(session = %id, account = account.name, sent, received, seconds, ended = ?ended, "session.closed");
}

/// What is left of an input; its buffer is wiped and freed.
fn drain(mut input: Input) -> Vec<u8> {
    let count = input.len();
    input.take(count).to_vec()
}
