//! Sans-IO protocol cores: bytes in, steps out.
//!
//! A core never sees a socket, a clock, a configuration or randomness. It is a value that is consumed and returned by
//! each call, so that a finished login cannot be used again. [`DownstreamLogin`] is the side of the local program,
//! [`UpstreamLogin`] the side of the provider; SMTP, IMAP and POP3 implement both, and one driver performs their steps.
//!
//! Invariant (law 10): how the input is split never changes the steps. Cores therefore decide on whole lines only,
//! which [`Input`] cuts; what they leave in it is read-ahead that belongs to whoever comes next.

mod failure;
mod identity;
pub mod imap;
mod input;
mod opening;
mod output;
pub mod pop3;
pub mod sasl;
pub mod smtp;
#[cfg(test)]
mod transcript;

pub use failure::{ClientText, LoginFailure, UpstreamFailure, Violation};
pub use identity::UpstreamIdentity;
pub use input::{Input, Line, Newline};
pub use opening::Opening;
pub use output::Output;

use secrecy::SecretString;

/// What a local program presented: a user name as typed and its password.
#[derive(Debug)]
pub struct Credentials {
    /// The user name, as received; UTF-8 or, failing that, Latin-1 read as such.
    pub user: String,
    /// The password. Never sent upstream (law 6).
    pub password: SecretString,
}

/// What a listener allows before login.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The name the greeting shows, a host name.
    pub hostname: String,
    /// STARTTLS/STLS can be performed on this connection.
    pub starttls: bool,
    /// A password may be sent as the connection stands now (TLS is up, or the peer is in `plaintext_auth`).
    pub passwords: bool,
    /// SMTP: the largest message accepted, in octets, as announced by SIZE.
    pub message_size: u64,
    /// SMTP: the extensions that the upstream probably has, which is not known yet, as smtp-proto's `EXT_…` bits.
    pub extensions: u32,
    /// What ends a line.
    pub newline: Newline,
    /// SMTP: this client may send without a login.
    pub anonymous: bool,
}

impl Offer {
    /// Why no password may be sent as the connection stands.
    const fn tls_first(&self) -> LoginFailure {
        LoginFailure::TlsRequired { here: self.starttls }
    }
}

/// Where a password may not be sent without TLS, and there is none to be had.
const ANOTHER_PORT: &str = "A password needs TLS, which this port does not have; ask the administrator for another";

/// What the driver has to do for a downstream core.
#[derive(Debug)]
#[must_use = "a step that is not performed stalls the login"]
pub enum DownstreamStep {
    /// Nothing more can be decided: read bytes into the input, then advance again.
    Read,
    /// Send these bytes, then advance again.
    Write(Output),
    /// Send these bytes, perform the TLS handshake as server, call `tls_established`, then advance again.
    /// The core has already refused read-ahead: nothing received in clear survives the handshake.
    StartTls(Output),
    /// Check these credentials, then `accept` or `reject`.
    Login(Credentials),
    /// A client that may send without a login begins to, with this command: log in upstream as the account of such clients,
    /// put the command back in front of the input and `accept`; or `reject`, which answers the command.
    Anonymous(Vec<u8>),
    /// Send these bytes and end the session; the client wished it or broke the protocol.
    Close(Output, Option<Violation>),
}

/// The local program's side of a login. The core speaks first: send `greet`, then `advance` until it says otherwise.
pub trait DownstreamLogin: Sized {
    /// What the upstream told at login that the client has to hear.
    type Ready: Send;

    /// The greeting of a fresh connection.
    fn greet(&self) -> Output;

    /// Consumes complete lines of `input` until something has to be done.
    fn advance(self, input: &mut Input) -> (Self, DownstreamStep);

    /// The handshake that [`DownstreamStep::StartTls`] asked for succeeded; all that the client said before is forgotten.
    #[must_use]
    fn tls_established(self) -> Self;

    /// The login failed: the reply, and the core, which awaits the next attempt.
    fn reject(self, failure: &LoginFailure) -> (Self, Output);

    /// The upstream said yes (law 1): the reply that ends the login.
    fn accept(self, ready: &Self::Ready) -> Output;

    /// The reply that ends the connection because the client took too long or the service stops.
    fn goodbye(&self, farewell: Farewell) -> Output;
}

/// Why the service ends a connection on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// The client did not log in, or say anything, in time.
    Timeout,
    /// Gatepost is shutting down.
    Shutdown,
    /// Too many failed logins on this connection.
    TooManyAttempts,
    /// Too many commands before login.
    TooManyCommands,
    /// Too many sessions (in all, or from this address).
    Busy,
}

/// How the upstream leg gets its TLS. There is no third way: no token and no password ever crosses an unencrypted leg (law 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamTls {
    /// TLS from the first byte.
    Implicit,
    /// STARTTLS or STLS first.
    Starttls,
}

/// What the driver has to do for an upstream core.
#[derive(Debug)]
#[must_use = "a step that is not performed stalls the login"]
pub enum UpstreamStep<R> {
    /// Nothing more can be decided: read bytes into the input, then advance again.
    Read,
    /// Send these bytes, then advance again.
    Write(Output),
    /// Perform the TLS handshake as client, call `tls_established`, then advance again. The input is empty.
    StartTls,
    /// All is said that can be said without naming anybody: advance again to log in, or keep the [`UpstreamLogin::opening`]
    /// for whoever comes.
    Opened,
    /// Logged in; what is left in the input is read-ahead of the session.
    Done(R),
    /// Refused or broken.
    Failed(UpstreamFailure),
}

/// The provider's side of a login. The upstream speaks first: read, then `advance`.
pub trait UpstreamLogin: Sized + Send + 'static {
    /// What was learnt and has to reach the client or the relay.
    type Ready: Send;

    /// What a client says that leaves without a login.
    const GOODBYE: &'static str;

    /// A connection that has come to [`UpstreamStep::Opened`], for whomever it was opened.
    fn resume(identity: UpstreamIdentity, opening: Opening) -> Self;

    /// What was told up to [`UpstreamStep::Opened`].
    fn opening(self) -> Opening;

    /// Consumes complete lines of `input` until something has to be done.
    fn advance(self, input: &mut Input) -> (Self, UpstreamStep<Self::Ready>);

    /// The handshake that [`UpstreamStep::StartTls`] asked for succeeded; everything learnt before is forgotten.
    #[must_use]
    fn tls_established(self) -> Self;
}
