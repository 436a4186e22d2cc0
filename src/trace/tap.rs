use super::imap::Imap;
use super::pop3::Pop3;
use super::smtp::Smtp;
use super::step::Step;
use crate::model::Protocol;

/// Hears both sides of a connection, and says what may be shown of it.
#[derive(Debug)]
pub(super) enum Tap {
    Smtp(Smtp),
    Imap(Imap),
    Pop3(Pop3),
}

/// What is known about what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A login with Gatepost as its server: its replies are its own, and hold no secret.
    LoginHere,
    /// A login with Gatepost as its client: replies may hold what was said.
    LoginThere,
    /// After a login, heard from its beginning on.
    After,
    /// Somewhere, perhaps within a message: nothing but single words are shown.
    Within,
}

impl Stage {
    /// Whether what stands behind a command may be shown.
    pub(super) const fn arguments(self) -> bool {
        !matches!(self, Self::Within)
    }

    /// Whether the text of a reply may be shown.
    pub(super) const fn texts(self) -> bool {
        matches!(self, Self::LoginHere | Self::After)
    }
}

/// What was heard.
pub(super) type Steps = Vec<Step>;

impl Tap {
    pub(super) fn new(protocol: Protocol, stage: Stage) -> Self {
        match protocol {
            Protocol::Smtp => Self::Smtp(Smtp::new(stage)),
            Protocol::Imap => Self::Imap(Imap::new(stage)),
            Protocol::Pop3 => Self::Pop3(Pop3::new(stage)),
        }
    }

    /// The client says this.
    pub(super) fn client(&mut self, bytes: &[u8], steps: &mut Steps) {
        match self {
            Self::Smtp(smtp) => smtp.client(bytes, steps),
            Self::Imap(imap) => imap.client(bytes, steps),
            Self::Pop3(pop3) => pop3.client(bytes, steps),
        }
    }

    /// The server says this.
    pub(super) fn server(&mut self, bytes: &[u8], steps: &mut Steps) {
        match self {
            Self::Smtp(smtp) => smtp.server(bytes, steps),
            Self::Imap(imap) => imap.server(bytes, steps),
            Self::Pop3(pop3) => pop3.server(bytes, steps),
        }
    }
}

/// The first word of a text and what follows the space behind it.
pub(super) fn word(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b' ', text) {
        Some(end) => (&text[..end], text[end + 1..].trim_ascii_start()),
        None => (text, b""),
    }
}
