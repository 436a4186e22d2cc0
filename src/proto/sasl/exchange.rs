use super::{LOGIN_PASSWORD_PROMPT, LOGIN_USER_PROMPT, LoginUser, SaslError, ServerMechanism, decode, plain};
use crate::proto::Credentials;

/// A SASL exchange with a local program, the same in every protocol; only the words around it differ.
pub struct Exchange(Awaited);

/// Which line comes next.
enum Awaited {
    Plain,
    LoginUser,
    LoginPassword(LoginUser),
}

/// Where a line has led.
pub enum Progress {
    /// Send this challenge, which is base64 already or empty, and await a line.
    Challenge(Exchange, &'static str),
    /// The client has said who it is.
    Credentials(Credentials),
    /// The exchange is over without them.
    Failed(SaslError),
}

impl Exchange {
    /// Begins with the command that names the mechanism, and its initial response where it has one.
    #[must_use]
    pub fn begin(mechanism: ServerMechanism, initial: Option<&[u8]>) -> Progress {
        let (exchange, prompt) = match mechanism {
            ServerMechanism::Plain => (Self(Awaited::Plain), ""),
            ServerMechanism::Login => (Self(Awaited::LoginUser), LOGIN_USER_PROMPT),
        };
        match initial {
            None => Progress::Challenge(exchange, prompt),
            Some(response) => exchange.advance(response),
        }
    }

    /// Takes a line; `=` stands for an empty one and `*` cancels (RFC 4954, 4; RFC 4959, 3; RFC 5034, 4).
    #[must_use]
    pub fn advance(self, line: &[u8]) -> Progress {
        let message = match line.trim_ascii() {
            b"*" => return Progress::Failed(SaslError::Cancelled),
            b"=" => decode(b""),
            line => decode(line),
        };
        let message = match message {
            Ok(message) => message,
            Err(error) => return Progress::Failed(error),
        };
        match self.0 {
            Awaited::Plain => plain(&message).map_or_else(Progress::Failed, Progress::Credentials),
            Awaited::LoginUser => {
                Progress::Challenge(Self(Awaited::LoginPassword(LoginUser::new(&message))), LOGIN_PASSWORD_PROMPT)
            }
            Awaited::LoginPassword(user) => Progress::Credentials(user.password(&message)),
        }
    }
}
