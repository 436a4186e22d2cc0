//! Plays arbitrary bytes against the login cores, in one piece and byte by byte, and demands the same steps (law 10).

pub mod conversation;

use gatepost::proto::sasl::Mechanism;
use gatepost::proto::smtp::Extensions;
use gatepost::proto::{
    Credentials, DownstreamLogin, DownstreamStep, Input, LoginFailure, Newline, Offer, UpstreamIdentity, UpstreamLogin,
    UpstreamStep, UpstreamTls, Violation,
};
use secrecy::ExposeSecret as _;

/// What a listener with STARTTLS offers to a trusted address.
fn offer(newline: Newline) -> Offer {
    let extensions = Extensions::HOPED_FOR;
    let hostname = "mail.example".into();
    Offer { hostname, starttls: true, passwords: true, message_size: 1000, extensions, newline, anonymous: true }
}

/// What is presented upstream.
pub fn identity(mechanism: Mechanism) -> UpstreamIdentity {
    UpstreamIdentity {
        mechanism,
        user: "support@example.com".into(),
        token: "tökén".into(),
        host: "imap.example.com".into(),
        port: 993,
        ehlo: "mail.example".into(),
    }
}

/// Both ways of arrival must lead to the same steps, whatever may end a line.
pub fn downstream<D: DownstreamLogin>(new: impl Fn(Offer) -> D, bytes: &[u8]) {
    for newline in [Newline::Strict, Newline::Lenient] {
        let (whole, impatient) = play_downstream(new(offer(newline)), bytes.chunks(bytes.len().max(1)));
        let (split, _) = play_downstream(new(offer(newline)), bytes.chunks(1));
        // Whether more has arrived behind a refused DATA only the network decides.
        let same = if impatient { split.starts_with(&whole) } else { split == whole };
        assert!(same, "{whole:?}\n{split:?}");
    }
}

/// See [`downstream`]; with a token and with a password, under TLS from the first byte and with STARTTLS.
pub fn upstream<U: UpstreamLogin>(new: impl Fn(UpstreamIdentity, UpstreamTls) -> U, bytes: &[u8]) {
    for mechanism in [Mechanism::Xoauth2, Mechanism::Password] {
        for tls in [UpstreamTls::Implicit, UpstreamTls::Starttls] {
            let whole = play_upstream(new(identity(mechanism), tls), bytes.chunks(bytes.len().max(1)));
            let split = play_upstream(new(identity(mechanism), tls), bytes.chunks(1));
            assert!(whole == split, "{whole:?}\n{split:?}");
        }
    }
}

/// The steps, and whether they ended because a message came where none was awaited.
fn play_downstream<'a, D: DownstreamLogin>(
    mut core: D,
    chunks: impl Iterator<Item = &'a [u8]>,
) -> (Vec<String>, bool) {
    let (mut steps, mut input) = (Vec::new(), Input::new());
    for chunk in chunks {
        input.push(chunk);
        loop {
            let (next, step) = core.advance(&mut input);
            core = match step {
                DownstreamStep::Read => {
                    core = next;
                    break;
                }
                DownstreamStep::Write(output) => {
                    steps.push(text(output.as_bytes()));
                    next
                }
                DownstreamStep::Login(Credentials { user, password }) => {
                    let (next, output) = next.reject(&LoginFailure::BadCredentials);
                    steps.push(format!("{user} {} {}", password.expose_secret(), text(output.as_bytes())));
                    next
                }
                DownstreamStep::Anonymous(command) => {
                    let (next, output) = next.reject(&LoginFailure::BadCredentials);
                    steps.push(format!("{} {}", text(&command), text(output.as_bytes())));
                    next
                }
                // What follows depends on what else is in flight, which only the network decides.
                DownstreamStep::Close(_, violation) => return (steps, violation == Some(Violation::Impatient)),
                DownstreamStep::StartTls(_) => return (steps, false),
            };
        }
    }
    (steps, false)
}

fn play_upstream<'a, U: UpstreamLogin>(mut core: U, chunks: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let (mut steps, mut input) = (Vec::new(), Input::new());
    for chunk in chunks {
        input.push(chunk);
        loop {
            let (next, step) = core.advance(&mut input);
            core = match step {
                UpstreamStep::Read => {
                    core = next;
                    break;
                }
                UpstreamStep::Write(output) => {
                    steps.push(text(output.as_bytes()));
                    next
                }
                UpstreamStep::Opened => next,
                UpstreamStep::Done(_) => {
                    steps.push("done".into());
                    return steps;
                }
                // See above; a violation at STARTTLS is found or not found by what is in flight.
                UpstreamStep::StartTls | UpstreamStep::Failed(_) => return steps,
            };
        }
    }
    steps
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
