use super::reply::NOT_SMTP;
use super::{Extensions, Reply};
use crate::proto::identity::Lines;
use crate::proto::sasl::{Answers, Sasl};
use crate::proto::{
    Input, Opening, Output, UpstreamFailure, UpstreamIdentity, UpstreamLogin, UpstreamStep, UpstreamTls, Violation,
};

/// The side of the provider, from its banner to 235.
///
/// With a token always two steps (`AUTH XOAUTH2`, 334, response): it does not fit into RFC 4954's 512 octets of a command,
/// and Dovecot's submission refuses the long line.
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
    /// What it can do is known.
    Opened(Extensions),
    /// A challenge, or after the last answer the outcome.
    Auth(Answers, Extensions),
    /// None: all is said.
    Over,
}

type Step = UpstreamStep<SmtpReady>;

/// Fewest octets that do not fit into a command (RFC 4954, 4 says 512 with its line break), with one to spare.
const COMMAND: usize = 512;

impl SmtpUpstream {
    /// A fresh connection; with implicit TLS the handshake is already done.
    #[must_use]
    pub const fn new(identity: UpstreamIdentity, tls: UpstreamTls) -> Self {
        Self { identity, state: State::Banner(tls) }
    }

    fn replied(self, reply: &Reply, input: &Input) -> (Self, Step) {
        match (self.state, reply.code()) {
            (State::Banner(tls), 220) => Self { state: State::Over, ..self }.greeted(tls),
            (State::EhloInClear, 250) if Extensions::of(reply).starttls() => {
                (Self { state: State::StartTls, ..self }, Step::Write("STARTTLS\r\n".into()))
            }
            (State::EhloInClear | State::StartTls, 250 | 500..) => failed(self.identity, Violation::NoStartTls),
            // A reply that was injected in front of the handshake would be taken for one under TLS.
            (State::StartTls, 220) if !input.is_empty() => failed(self.identity, Violation::BytesBeforeTls),
            (State::StartTls, 220) => (Self { state: State::Encrypted, ..self }, Step::StartTls),
            (State::Ehlo, 250) => (Self { state: State::Opened(Extensions::of(reply)), ..self }, Step::Opened),
            (State::Auth(answers, extensions), 334) => answer(self.identity, answers, extensions),
            (State::Auth(answers, extensions), 235) if answers.are_complete() => {
                (Self { state: State::Over, ..self }, Step::Done(SmtpReady { extensions }))
            }
            (State::Auth(..), 500..) => refused(self.identity, reply),
            (_, 421) => leaving(self.identity, reply),
            (_, 400..) => unavailable(self.identity, reply),
            _ => failed(self.identity, NOT_SMTP),
        }
    }

    fn greeted(self, tls: UpstreamTls) -> (Self, Step) {
        let state = if tls == UpstreamTls::Starttls { State::EhloInClear } else { State::Ehlo };
        Self { state, ..self }.ehlo()
    }

    fn ehlo(self) -> (Self, Step) {
        let ehlo = format!("EHLO {}\r\n", self.identity.ehlo);
        (self, Step::Write(ehlo.into()))
    }
}

fn authenticate(identity: UpstreamIdentity, extensions: Extensions) -> (SmtpUpstream, Step) {
    if let Err(failure) = identity.check(Lines::Wrapped) {
        return (SmtpUpstream { identity, state: State::Over }, Step::Failed(failure));
    }
    match identity.mechanism.choose(|name| extensions.offers(name)) {
        Ok(sasl) => {
            let (answers, command) = auth(sasl, &identity);
            let state = State::Auth(answers, extensions);
            (SmtpUpstream { identity, state }, Step::Write(command))
        }
        Err(violation) => failed(identity, violation),
    }
}

/// PLAIN in one line where it fits, all else in two or more.
fn auth(sasl: Sasl, identity: &UpstreamIdentity) -> (Answers, Output) {
    let answers = Answers::begin(sasl);
    if sasl == Sasl::Plain
        && let Some((answered, response)) = answers.initial(identity)
    {
        let command = Output::from([b"AUTH PLAIN ", response.as_bytes(), b"\r\n"].concat());
        if command.as_bytes().len() < COMMAND {
            return (answered, command);
        }
    }
    (answers, format!("AUTH {}\r\n", sasl.name()).into())
}

fn answer(identity: UpstreamIdentity, answers: Answers, extensions: Extensions) -> (SmtpUpstream, Step) {
    let Some((answers, mut line)) = answers.answer(&identity) else { return failed(identity, NOT_SMTP) };
    line.extend(b"\r\n");
    (SmtpUpstream { identity, state: State::Auth(answers, extensions) }, Step::Write(line))
}

fn refused(identity: UpstreamIdentity, reply: &Reply) -> (SmtpUpstream, Step) {
    let failure = UpstreamFailure::Refused(identity.log_text(reply.raw()));
    (SmtpUpstream { identity, state: State::Over }, Step::Failed(failure))
}

fn unavailable(identity: UpstreamIdentity, reply: &Reply) -> (SmtpUpstream, Step) {
    let failure = UpstreamFailure::Unavailable(identity.log_text(reply.raw()));
    (SmtpUpstream { identity, state: State::Over }, Step::Failed(failure))
}

fn leaving(identity: UpstreamIdentity, reply: &Reply) -> (SmtpUpstream, Step) {
    let failure = UpstreamFailure::Leaving(identity.log_text(reply.raw()));
    (SmtpUpstream { identity, state: State::Over }, Step::Failed(failure))
}

const fn failed(identity: UpstreamIdentity, violation: Violation) -> (SmtpUpstream, Step) {
    (SmtpUpstream { identity, state: State::Over }, Step::Failed(UpstreamFailure::Violation(violation)))
}

impl UpstreamLogin for SmtpUpstream {
    type Ready = SmtpReady;

    const GOODBYE: &'static str = "QUIT\r\n";

    fn resume(identity: UpstreamIdentity, opening: Opening) -> Self {
        let state = match opening {
            Opening::Extensions(extensions) => State::Opened(extensions),
            _ => State::Encrypted,
        };
        Self { identity, state }
    }

    fn opening(self) -> Opening {
        if let State::Opened(extensions) = self.state { Opening::Extensions(extensions) } else { Opening::Greeted }
    }

    fn advance(self, input: &mut Input) -> (Self, Step) {
        let Self { identity, state } = self;
        let core = match state {
            State::Encrypted => return Self { identity, state: State::Ehlo }.ehlo(),
            State::Opened(extensions) => return authenticate(identity, extensions),
            state => Self { identity, state },
        };
        match Reply::read(input) {
            Ok(None) => (core, Step::Read),
            Ok(Some(reply)) => core.replied(&reply, input),
            Err(violation) => (core, Step::Failed(violation.into())),
        }
    }

    fn tls_established(self) -> Self {
        self
    }
}
