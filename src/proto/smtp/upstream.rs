use super::reply::NOT_SMTP;
use super::{Extensions, Reply};
use crate::proto::{
    Input, Output, UpstreamFailure, UpstreamIdentity, UpstreamLogin, UpstreamStep, UpstreamTls, Violation, log_text,
    sasl,
};

/// The side of the provider, from its banner to 235.
///
/// Always two steps (`AUTH XOAUTH2`, 334, response): a token does not fit into RFC 4954's 512 octets of a command, and
/// Dovecot's submission refuses the long line.
#[derive(Debug)]
pub struct SmtpUpstream {
    identity: UpstreamIdentity,
    state: State,
}

/// What a logged-in SMTP upstream can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpReady {
    /// Told under TLS; what was told before is forgotten.
    pub extensions: Extensions,
}

/// Which reply is awaited.
#[derive(Debug)]
enum State {
    Banner(UpstreamTls),
    EhloInClear,
    StartTls,
    /// TLS is up and nothing was said yet.
    Encrypted,
    Ehlo,
    GoAhead(Extensions),
    Outcome(Extensions),
    /// A challenge was answered; only the refusal can follow.
    Refusal,
}

type Step = UpstreamStep<SmtpReady>;

impl SmtpUpstream {
    /// A fresh connection; with implicit TLS the handshake is already done.
    #[must_use]
    pub const fn new(identity: UpstreamIdentity, tls: UpstreamTls) -> Self {
        Self { identity, state: State::Banner(tls) }
    }

    fn replied(self, reply: &Reply, input: &Input) -> (Self, Step) {
        match (self.state, reply.code()) {
            (State::Banner(tls), 220) => {
                let state = if tls == UpstreamTls::Starttls { State::EhloInClear } else { State::Ehlo };
                Self { state, ..self }.ehlo()
            }
            (State::EhloInClear, 250) if Extensions::of(reply).starttls() => {
                (Self { state: State::StartTls, ..self }, Step::Write("STARTTLS\r\n".into()))
            }
            (State::EhloInClear | State::StartTls, 250 | 500..) => failed(self.identity, Violation::NoStartTls),
            // A reply that was injected in front of the handshake would be taken for one under TLS.
            (State::StartTls, 220) if !input.is_empty() => failed(self.identity, Violation::BytesBeforeTls),
            (State::StartTls, 220) => (Self { state: State::Encrypted, ..self }, Step::StartTls),
            (State::Ehlo, 250) => authenticate(self.identity, Extensions::of(reply)),
            (State::GoAhead(extensions), 334) => {
                let mut response = sasl::initial_response(&self.identity);
                response.extend(b"\r\n");
                (Self { state: State::Outcome(extensions), ..self }, Step::Write(response))
            }
            (State::Outcome(extensions), 235) => {
                let ready = SmtpReady { extensions };
                (Self { state: State::Refusal, ..self }, Step::Done(ready))
            }
            (State::Outcome(_), 334) => {
                let answer = Output::from(self.identity.mechanism.challenge_answer());
                (Self { state: State::Refusal, ..self }, Step::Write(answer))
            }
            (state @ (State::GoAhead(_) | State::Outcome(_) | State::Refusal), 500..) => {
                (Self { state, ..self }, Step::Failed(UpstreamFailure::Refused(log_text(reply.raw()))))
            }
            (state, 400..) => {
                (Self { state, ..self }, Step::Failed(UpstreamFailure::Unavailable(log_text(reply.raw()))))
            }
            (state, _) => (Self { state, ..self }, Step::Failed(NOT_SMTP.into())),
        }
    }

    fn ehlo(self) -> (Self, Step) {
        let ehlo = format!("EHLO {}\r\n", self.identity.ehlo);
        (self, Step::Write(ehlo.into()))
    }
}

fn authenticate(identity: UpstreamIdentity, extensions: Extensions) -> (SmtpUpstream, Step) {
    let name = identity.mechanism.name();
    if !extensions.offers(name) {
        return failed(identity, Violation::NoMechanism(name));
    }
    let state = State::GoAhead(extensions);
    (SmtpUpstream { identity, state }, Step::Write(format!("AUTH {name}\r\n").into()))
}

const fn failed(identity: UpstreamIdentity, violation: Violation) -> (SmtpUpstream, Step) {
    (SmtpUpstream { identity, state: State::Refusal }, Step::Failed(UpstreamFailure::Violation(violation)))
}

impl UpstreamLogin for SmtpUpstream {
    type Ready = SmtpReady;

    fn advance(self, input: &mut Input) -> (Self, Step) {
        if let State::Encrypted = self.state {
            return Self { state: State::Ehlo, ..self }.ehlo();
        }
        match Reply::read(input) {
            Ok(None) => (self, Step::Read),
            Ok(Some(reply)) => self.replied(&reply, input),
            Err(violation) => (self, Step::Failed(violation.into())),
        }
    }

    fn tls_established(self) -> Self {
        self
    }
}
