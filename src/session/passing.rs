//! Refusals that come right after a granted login, when IMAP and POP3 are only relayed: Exchange lets a token in and then
//! says `User is authenticated but not connected`. The client gets every byte as it is; the log gets the meaning.

use std::ops::ControlFlow;
use std::sync::Arc;

use tracing::warn;

use super::service::Service;
use crate::activity::SessionId;
use crate::clock;
use crate::explain::{self, Heard, Kind, Passing};
use crate::model::{Account, Protocol};
use crate::net::Watch;
use crate::proto::ClientText;
use crate::submit::gate::Pass;

/// Listens to the first words of an upstream after login.
pub(super) fn watch<'a>(service: &'a Service, id: SessionId, account: &Arc<Account>, protocol: Protocol) -> Watch<'a> {
    let (account, since, mut passing) = (Arc::clone(account), clock::now(), Passing::new());
    Box::new(move |chunk| match passing.hear(chunk) {
        Heard::Nothing => ControlFlow::Continue(()),
        Heard::Over => ControlFlow::Break(()),
        Heard::Refusal { line, kind } => {
            let (token, user) = (&account.token.name, account.upstream_user(protocol));
            let distrusted = kind == Kind::Identity && service.tokens.distrust(token, user, since);
            let known = explain::mail_refusal(&line);
            let (cause, remedy) = (known.map(|known| known.cause), known.map(|known| known.remedy_at(token, user)));
            let said = ClientText::new(&line);
            warn!(session = %id, %protocol, account = account.name, token, %said, cause, remedy, distrusted, "session.refused_after_login");
            slow_down(service, id, &account, protocol, &line);
            ControlFlow::Break(())
        }
    })
}

/// The mailbox rests where the provider wishes so, as after a login that was refused for the same reason.
fn slow_down(service: &Service, id: SessionId, account: &Account, protocol: Protocol, line: &str) {
    let user = account.upstream_user(protocol);
    let gate = service.gate.of(&account.token.provider, user);
    let pause = explain::throttle(line).and_then(|throttle| gate.throttled(Pass::Session(protocol), throttle));
    if let Some(pause) = pause {
        let (seconds, said) = (pause.as_secs(), ClientText::new(line));
        warn!(session = %id, %protocol, mailbox = user, seconds, error = %said, "upstream.throttled");
    }
}
